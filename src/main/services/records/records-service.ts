import {
  LOG_PAGE_SIZE,
  WORK_COUNTERS,
  type CoordinatorNotice,
  type EarningReason,
  type LogFilter,
  type LogPage,
  type Milestone,
  type StatisticsRange,
  type StatisticsSettings,
  type StatisticsView,
  type WorkCounter,
} from '../../../contract/records';
import type { AppSnapshot } from '../../../contract/snapshot';
import { success, type Failure, type Result } from '../../../protocol/result';
import { asResult, openRecords, streakOf, type Records, type RecordsResult, type WorkSample } from '../../../records';
import { writeFileAtomically } from '../../storage/atomic-file';
import type { Texts } from '../../texts/texts';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import { LOG_CSV_HEAD, logLine, statisticsCsv } from './csv';
import { earningReasons } from './earning-reasons';
import { nextMilestones, reachedMilestones } from './milestones';

/** Old rows become coarser this often. */
const ROLL_UP_INTERVAL_MS = 6 * 3_600_000;
const WEEK_SECONDS = 7 * 86_400;

export interface RecordsServiceOptions {
  readonly file: string;
  readonly snapshot: () => Pick<AppSnapshot, 'node' | 'coverage'>;
  readonly settings: () => StatisticsSettings;
  readonly texts: () => Texts;
  /** A name for a file to write; null when the dialog was closed. */
  readonly saveFile: (
    title: 'statistics' | 'eventLog',
    suggestedName: string,
    ending: string,
  ) => Promise<string | null>;
  readonly onMilestone: (milestone: Omit<Milestone, 'reachedAt'>, text: string) => void;
  /** Something about the file a person should know. */
  readonly onNotice: (text: string) => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** What the app keeps of its own work, and what screens show of it. Where the file cannot be used, the app works on. */
export class RecordsService {
  readonly #options: RecordsServiceOptions;
  readonly #opened: Result<Records>;
  readonly #end: () => void;
  /** A file that cannot be written is told of once. */
  #lastFailure: string | null = null;
  #milestonesKnown = 0;

  constructor(options: RecordsServiceOptions) {
    this.#options = options;
    const opened = openRecords(options.file, options.timers.now());
    this.#opened = opened.ok ? success(opened.value.records) : opened;
    if (!opened.ok) options.onNotice([opened.error.message, opened.error.suggestion].filter(Boolean).join(' '));
    else if (opened.value.damagedFile !== null) {
      options.onNotice(options.texts().records.damaged(opened.value.damagedFile));
    }
    this.#end = options.timers.every(ROLL_UP_INTERVAL_MS, () => void this.#rollUp());
    void this.#rollUp();
  }

  /** @throws where it cannot be written, so that the recorder keeps it */
  async addWork(samples: readonly WorkSample[]): Promise<void> {
    const added = await this.#use((records) => records.work.add(samples));
    if (!added.ok) throw new Error(added.error.message);
    await this.#noteMilestones();
  }

  addLogEntry(atMs: number, kind: Parameters<Records['log']['add']>[1], text: string): void {
    void this.#use((records) => records.log.add(atMs, kind, text));
  }

  /** @returns whether the notice is new; one that cannot be kept is */
  async addNotice(kind: CoordinatorNotice['kind'], text: string, from: string): Promise<boolean> {
    const added = await this.#use((records) => records.notices.add(this.#options.timers.now(), kind, text, from));
    return added.ok ? added.value : true;
  }

  /** @returns whether the key is marked for the first time */
  async isFirst(family: string, key: string): Promise<boolean> {
    const added = await this.#use((records) => records.marks.add(family, key, this.#options.timers.now()));
    return added.ok && added.value;
  }

  notices(): Promise<Result<readonly CoordinatorNotice[]>> {
    return this.#use((records) => records.notices.list());
  }

  markNoticeRead(id: number | null): Promise<Result<void>> {
    return this.#use((records) => records.notices.markRead(id));
  }

  logPage(filter: LogFilter, offset: number): Promise<Result<LogPage>> {
    return this.#use((records) => records.log.page(filter, offset));
  }

  statistics(range: StatisticsRange): Promise<Result<StatisticsView>> {
    return this.#use(async (records) => {
      const nowMs = this.#options.timers.now();
      const [summary, { work: total, sinceMs }, marks] = await Promise.all([
        records.work.summary(range, nowMs),
        records.work.total(),
        records.marks.list('milestone'),
      ]);
      const { showStreaks } = this.#options.settings();
      return {
        range,
        ...summary,
        total,
        since: sinceMs === null ? null : isoTime(sinceMs),
        milestones: marks.flatMap(({ key, at_ms: atMs }): Milestone[] => {
          const [kind, value] = key.split(':');
          return [{ kind: kind as Milestone['kind'], value: Number(value), reachedAt: isoTime(atMs) }];
        }),
        nextMilestones: nextMilestones(total),
        streakDays: showStreaks ? streakOf(await records.work.activeDays(), nowMs) : null,
        reasons: await this.#reasons(records, sinceMs),
      };
    });
  }

  async exportStatistics(range: StatisticsRange): Promise<Result<{ readonly path: string } | null>> {
    const view = await this.statistics(range);
    if (!view.ok) return view;
    const path = await this.#options.saveFile('statistics', `tore-statistics-${range}.csv`, 'csv');
    if (path === null) return success(null);
    const text = statisticsCsv([...view.value.previous, ...view.value.buckets]);
    const written = await writeFileAtomically(path, text, 'The statistics', 0o644);
    return written.ok ? success({ path }) : written;
  }

  async exportLog(
    filter: LogFilter,
    format: 'jsonl' | 'csv',
  ): Promise<Result<{ readonly path: string; readonly entries: number } | null>> {
    if (!this.#opened.ok) return this.#opened;
    const path = await this.#options.saveFile('eventLog', `tore-event-log.${format}`, format);
    if (path === null) return success(null);
    const lines = format === 'csv' ? [LOG_CSV_HEAD] : [];
    let entries = 0;
    for (let beforeId: number | null = null; ;) {
      const last: number | null = beforeId;
      const page: Result<LogPage> = await this.#use((records) => records.log.page(filter, 0, LOG_PAGE_SIZE, last));
      if (!page.ok) return page;
      for (const entry of page.value.entries) lines.push(logLine(entry, format));
      entries += page.value.entries.length;
      beforeId = page.value.entries.at(-1)?.id ?? null;
      if (beforeId === null || page.value.entries.length < LOG_PAGE_SIZE) break;
    }
    const written = await writeFileAtomically(path, lines.join(''), 'The event log', 0o644);
    return written.ok ? success({ path, entries }) : written;
  }

  async close(): Promise<void> {
    this.#end();
    if (this.#opened.ok) await this.#opened.value.close();
  }

  async #reasons(records: Records, sinceMs: number | null): Promise<readonly EarningReason[]> {
    const nowMs = this.#options.timers.now();
    const { buckets, states } = await records.work.summary('week', nowMs);
    const work = Object.fromEntries(
      WORK_COUNTERS.map((counter) => [counter, buckets.reduce((sum, bucket) => sum + bucket.work[counter], 0)]),
    ) as Record<WorkCounter, number>;
    const observedSeconds = sinceMs === null ? 0 : Math.min(WEEK_SECONDS, Math.max(0, (nowMs - sinceMs) / 1_000));
    return earningReasons({ ...this.#options.snapshot(), work, states, observedSeconds });
  }

  async #noteMilestones(): Promise<void> {
    const reached = await this.#use(async (records) => reachedMilestones((await records.work.total()).work));
    if (!reached.ok || reached.value.length === this.#milestonesKnown) return;
    this.#milestonesKnown = reached.value.length;
    for (const milestone of reached.value) {
      if (!(await this.isFirst('milestone', `${milestone.kind}:${milestone.value}`))) continue;
      this.#options.onMilestone(milestone, this.#options.texts().records.milestones[milestone.kind](milestone.value));
    }
  }

  async #rollUp(): Promise<void> {
    await this.#use((records) => records.work.rollUp(this.#options.timers.now()));
  }

  async #use<Value>(work: (records: Records) => Promise<Value>): Promise<Result<Value>> {
    const opened = this.#opened;
    if (!opened.ok) return opened;
    const result: RecordsResult<Value> = await asResult(() => work(opened.value));
    if (result.ok) this.#lastFailure = null;
    else this.#tellFailure(result.error);
    return result;
  }

  #tellFailure(error: Failure): void {
    if (this.#lastFailure === error.code) return;
    this.#lastFailure = error.code;
    this.#options.log.warn({ code: error.code }, 'the records could not be used');
  }
}
