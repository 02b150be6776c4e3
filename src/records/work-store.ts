import { sql, type Transaction } from 'kysely';
import {
  NO_WORK,
  WORK_COUNTERS,
  type StateTime,
  type StatisticsBucket,
  type StatisticsPart,
  type StatisticsRange,
  type WorkCounter,
  type WorkCounters,
} from '../contract/records';
import { MAX_MICRO_GFT } from '../protocol/compute/micro-gft';
import type { Database, Period, RecordTables, StateRow, WorkRow } from './database-schema';
import { localDay, spanAt, spansOf, startOfDay, startOfHour, type Span } from './periods';

/** Hours are kept this long, for plots of a day beside the day before; then they become days. */
export const HOURS_KEPT_DAYS = 14;
/** Days are kept this long, for plots of a quarter beside the quarter before; then they become months. */
export const DAYS_KEPT = 400;
/** Parts (models on devices, or states) one period keeps apart when it is rolled up; the smallest become one. */
export const MAX_PARTS = 24;
const OTHER = 'other';
const DAY_MS = 86_400_000;
/** A row's local day may lie this far from where the computer is now. */
const TRAVEL_MS = 2 * DAY_MS;

/** What was done since the sample before. */
export interface WorkSample {
  readonly atMs: number;
  /** Empty where no layers were in memory. */
  readonly model: string;
  readonly device: string;
  readonly work: Partial<WorkCounters>;
  readonly states: readonly StateTime[];
}

/** What a screen shows of a range. */
export interface WorkSummary {
  readonly buckets: readonly StatisticsBucket[];
  readonly previous: readonly StatisticsBucket[];
  readonly models: readonly StatisticsPart[];
  readonly devices: readonly StatisticsPart[];
  readonly states: readonly StateTime[];
}

type Mutable = Record<keyof WorkCounters, number>;
type Writer = Database | Transaction<RecordTables>;

function addTo(sum: Mutable, work: Partial<WorkCounters>): void {
  for (const counter of WORK_COUNTERS) sum[counter] += work[counter] ?? 0;
}

const countersOf = (row: WorkRow): WorkCounters =>
  Object.fromEntries(WORK_COUNTERS.map((counter) => [counter, row[counter]])) as Mutable;

/** Counters a coordinator has the word on. SQLite gives no sum back that is not exact in JavaScript, so theirs end before. */
const TOLD_COUNTERS = ['earnedMicroGft', 'spentMicroGft', 'lostMicroGft'] as const satisfies readonly WorkCounter[];

function isTold(counter: WorkCounter): boolean {
  return TOLD_COUNTERS.some((told) => told === counter);
}

async function addWork(database: Writer, given: WorkRow): Promise<void> {
  const told = TOLD_COUNTERS.map((counter) => [counter, Math.min(given[counter], MAX_MICRO_GFT)]);
  const row: WorkRow = { ...given, ...Object.fromEntries(told) };
  await database
    .insertInto('work')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['period', 'label', 'model', 'device']).doUpdateSet(
        Object.fromEntries(
          WORK_COUNTERS.map((counter) => {
            const sum = sql`${sql.ref(`work.${counter}`)} + ${row[counter]}`;
            return [counter, isTold(counter) ? sql`min(${sum}, ${MAX_MICRO_GFT})` : sum];
          }),
        ),
      ),
    )
    .execute();
}

async function addState(database: Writer, row: StateRow): Promise<void> {
  await database
    .insertInto('states')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['period', 'label', 'state'])
        .doUpdateSet({ seconds: sql`${sql.ref('states.seconds')} + ${row.seconds}` }),
    )
    .execute();
}

/** Rows of one label that become one row each of the longer period; the smallest of too many become `other`. */
function fold<Row extends WorkRow | StateRow>(
  rows: readonly Row[],
  period: Period,
  labelOf: (row: Row) => string,
  sizeOf: (row: Row) => number,
  asOther: (row: Row) => Row,
): readonly Row[] {
  const byLabel = new Map<string, Row[]>();
  for (const row of rows) byLabel.set(labelOf(row), [...(byLabel.get(labelOf(row)) ?? []), row]);
  return [...byLabel].flatMap(([label, members]) => {
    const keyOf = (row: Row): string => JSON.stringify('state' in row ? row.state : [row.model, row.device]);
    const sizes = new Map<string, number>();
    for (const row of members) sizes.set(keyOf(row), (sizes.get(keyOf(row)) ?? 0) + sizeOf(row));
    const kept = new Set(
      [...sizes]
        .sort(([, left], [, right]) => right - left)
        .slice(0, MAX_PARTS)
        .map(([key]) => key),
    );
    const day = period === 'month' ? `${label}-01` : label;
    return members.map((row): Row => ({
      ...(kept.has(keyOf(row)) ? row : asOther(row)),
      period,
      label,
      day,
      start_ms: startOfDay(day),
    }));
  });
}

/** The sums of the work done here, by hour, day and month. */
export class WorkStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Adds what was done to the hour it was done in. */
  async add(samples: readonly WorkSample[]): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      for (const { atMs, model, device, work, states } of samples) {
        const startMs = startOfHour(atMs);
        const place = {
          period: 'hour' as const,
          label: `${new Date(startMs).toISOString().slice(0, 16)}Z`,
          day: localDay(atMs),
          start_ms: startMs,
        };
        if (Object.values(work).some((value) => value !== 0)) {
          await addWork(transaction, { ...place, model, device, ...NO_WORK, ...work });
        }
        for (const { state, seconds } of states) {
          if (seconds > 0) await addState(transaction, { ...place, state, seconds });
        }
      }
    });
  }

  /**
   * Makes days of old hours and months of old days. Sums stay the same whatever the clock says, so one that was wrong
   * for a while costs detail and nothing else.
   */
  async rollUp(nowMs: number): Promise<void> {
    await this.#database.transaction().execute(async (transaction) => {
      await rollPeriod(transaction, 'hour', localDay(nowMs - HOURS_KEPT_DAYS * DAY_MS));
      // Whole months only: a month that is half days and half month would be counted by neither.
      await rollPeriod(transaction, 'day', `${localDay(nowMs - DAYS_KEPT * DAY_MS).slice(0, 7)}-01`);
    });
  }

  /** Everything that was ever done. */
  async total(): Promise<{ readonly work: WorkCounters; readonly sinceMs: number | null }> {
    const row = await this.#database
      .selectFrom('work')
      .select((query) => [
        // `sum` of whole numbers fails where it gets too large; this one gives the nearest floating-point number.
        ...WORK_COUNTERS.map((counter) => query.fn<number>('total', [counter]).as(counter)),
        query.fn.min<number | null>('start_ms').as('since'),
      ])
      .executeTakeFirstOrThrow();
    const sums = row as unknown as Readonly<Record<string, number | null>>;
    const work = Object.fromEntries(WORK_COUNTERS.map((counter) => [counter, sums[counter] ?? 0])) as Mutable;
    return { work, sinceMs: sums['since'] ?? null };
  }

  /** Local days on which a request was served, as far as days are kept. */
  async activeDays(): Promise<ReadonlySet<string>> {
    const rows = await this.#database
      .selectFrom('work')
      .select('day')
      .distinct()
      .where('requests', '>', 0)
      .where('period', '!=', 'month')
      .execute();
    return new Set(rows.map(({ day }) => day));
  }

  /** The sums of a range up to now, and of the range before it. */
  async summary(range: StatisticsRange, nowMs: number): Promise<WorkSummary> {
    const { current, previous } = spansOf(range, nowMs);
    const spans = [...previous, ...current];
    const from = (spans[0]?.startMs ?? nowMs) - TRAVEL_MS;
    const work = await this.#database.selectFrom('work').selectAll().where('start_ms', '>=', from).execute();
    const states = await this.#database.selectFrom('states').selectAll().where('start_ms', '>=', from).execute();
    const place = (row: WorkRow | StateRow): number => placeOf(spans, range, row);
    const sums = spans.map(() => ({ work: { ...NO_WORK } as Mutable, runningSeconds: 0 }));
    const models = new Map<string, Mutable>();
    const devices = new Map<string, Mutable>();
    for (const row of work) {
      const index = place(row);
      const sum = sums[index];
      if (sum === undefined) continue;
      const counters = countersOf(row);
      addTo(sum.work, counters);
      if (index < previous.length) continue;
      addTo(partOf(models, row.model), counters);
      addTo(partOf(devices, row.device), counters);
    }
    const times = new Map<string, number>();
    for (const row of states) {
      const index = place(row);
      const sum = sums[index];
      if (sum === undefined) continue;
      sum.runningSeconds += row.seconds;
      if (index >= previous.length) times.set(row.state, (times.get(row.state) ?? 0) + row.seconds);
    }
    const buckets = spans.map((span, index): StatisticsBucket => ({
      ...span,
      work: sums[index]?.work ?? NO_WORK,
      runningSeconds: sums[index]?.runningSeconds ?? 0,
    }));
    return {
      previous: buckets.slice(0, previous.length),
      buckets: buckets.slice(previous.length),
      models: partsOf(models),
      devices: partsOf(devices),
      states: [...times]
        .map(([state, seconds]) => ({ state, seconds }))
        .sort((left, right) => right.seconds - left.seconds),
    };
  }
}

/** Where a row belongs: an hour by its start, anything longer by the local day it was done on, wherever that was. */
function placeOf(spans: readonly Span[], range: StatisticsRange, row: WorkRow | StateRow): number {
  if (range === 'day') return row.period === 'hour' ? spanAt(spans, row.start_ms) : -1;
  return spanAt(spans, startOfDay(row.day));
}

function partOf(parts: Map<string, Mutable>, name: string): Mutable {
  const known = parts.get(name);
  if (known !== undefined) return known;
  const part: Mutable = { ...NO_WORK };
  parts.set(name, part);
  return part;
}

function partsOf(parts: ReadonlyMap<string, WorkCounters>): readonly StatisticsPart[] {
  return [...parts]
    .filter(([name]) => name !== '')
    .map(([name, work]) => ({ name, work }))
    .sort((left, right) => right.work.flops - left.work.flops || left.name.localeCompare(right.name));
}

async function rollPeriod(
  transaction: Transaction<RecordTables>,
  from: 'hour' | 'day',
  beforeDay: string,
): Promise<void> {
  const into = from === 'hour' ? 'day' : 'month';
  const labelOf = ({ day }: { readonly day: string }): string => (into === 'day' ? day : day.slice(0, 7));
  const work = await transaction
    .selectFrom('work')
    .selectAll()
    .where('period', '=', from)
    .where('day', '<', beforeDay)
    .execute();
  const states = await transaction
    .selectFrom('states')
    .selectAll()
    .where('period', '=', from)
    .where('day', '<', beforeDay)
    .execute();
  const workSize = (row: WorkRow): number => row.servingSeconds + row.flops;
  const asOther = (row: WorkRow): WorkRow => ({ ...row, model: OTHER, device: OTHER });
  for (const row of fold(work, into, labelOf, workSize, asOther)) await addWork(transaction, row);
  const stateAsOther = (row: StateRow): StateRow => ({ ...row, state: OTHER });
  for (const row of fold(states, into, labelOf, ({ seconds }) => seconds, stateAsOther)) {
    await addState(transaction, row);
  }
  await transaction.deleteFrom('work').where('period', '=', from).where('day', '<', beforeDay).execute();
  await transaction.deleteFrom('states').where('period', '=', from).where('day', '<', beforeDay).execute();
}
