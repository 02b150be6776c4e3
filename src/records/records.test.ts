import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_WORK, type LogFilter, type StatisticsBucket } from '../contract/records';
import { MAX_LOG_ENTRIES } from './log-store';
import { MAX_MARKS } from './mark-store';
import { openRecords, type Records } from './open-records';
import { HOURS_KEPT_DAYS, MAX_PARTS, type WorkSample } from './work-store';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const EVERYTHING: LogFilter = { kinds: [], fromMs: null, untilMs: null, text: '' };

let folder: string;
let file: string;
const opened: Records[] = [];

function open(path = file): Records {
  const result = openRecords(path, 0);
  if (!result.ok) throw new Error(result.error.message);
  opened.push(result.value.records);
  return result.value.records;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-records-'));
  file = join(folder, 'records.sqlite');
});

afterEach(async () => {
  for (const records of opened.splice(0)) await records.close();
  await rm(folder, { recursive: true, force: true });
});

const sample = (atMs: number, changes: Partial<WorkSample> = {}): WorkSample => ({
  atMs,
  model: 'tiny',
  device: 'cpu',
  work: { requests: 1, earnedMicroGft: 250_000, flops: 1e9 },
  states: [{ state: 'serving', seconds: 60 }],
  ...changes,
});

const requests = (buckets: readonly StatisticsBucket[]): number =>
  buckets.reduce((sum, { work }) => sum + work.requests, 0);

describe('the sums of work', () => {
  it('stay readable whatever amounts a coordinator told of', async () => {
    const { work } = open();
    const now = new Date(2026, 2, 18, 15, 20).getTime();
    for (const atMs of [now, now, now - HOUR_MS, now - 400 * DAY_MS, now - 401 * DAY_MS]) {
      await work.add([sample(atMs, { work: { earnedMicroGft: 3 * Number.MAX_SAFE_INTEGER, requests: 1 } })]);
    }
    await work.rollUp(now);
    const { buckets } = await work.summary('day', now);
    expect(buckets.at(-1)?.work).toMatchObject({ earnedMicroGft: Number.MAX_SAFE_INTEGER, requests: 2 });
    expect((await work.total()).work).toMatchObject({ requests: 5 });
    expect((await work.total()).work.earnedMicroGft).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  it('go into the hour, day, week and month they were done in, beside the time before', async () => {
    const { work } = open();
    const now = new Date(2026, 2, 18, 15, 20).getTime();
    await work.add([
      sample(now),
      sample(now - 10_000, { device: 'gpu0', work: { requests: 2 } }),
      sample(now - HOUR_MS),
      sample(now - 24 * HOUR_MS),
      sample(new Date(2026, 2, 2, 9).getTime()),
    ]);
    const day = await work.summary('day', now);
    expect(day.buckets).toHaveLength(24);
    expect(day.buckets.at(-1)?.work).toEqual({ ...NO_WORK, requests: 3, earnedMicroGft: 250_000, flops: 1e9 });
    expect(day.buckets.at(-2)?.work.requests).toBe(1);
    expect(requests(day.previous)).toBe(1);
    expect(day.devices.map(({ name, work: { requests: count } }) => [name, count])).toEqual([
      ['cpu', 2],
      ['gpu0', 2],
    ]);
    expect(day.states).toEqual([{ state: 'serving', seconds: 180 }]);
    const week = await work.summary('week', now);
    expect(week.buckets.map((bucket) => bucket.work.requests)).toEqual([0, 0, 0, 0, 0, 1, 4]);
    const month = await work.summary('month', now);
    expect(requests(month.buckets)).toBe(6);
    expect(month.buckets.at(-17)?.work.requests).toBe(1);
    const quarter = await work.summary('quarter', now);
    // Weeks begin on Monday: the 16th, and the 2nd two weeks before.
    expect(quarter.buckets.slice(-3).map((bucket) => bucket.work.requests)).toEqual([1, 0, 5]);
    expect((await work.summary('year', now)).buckets.at(-1)?.work.requests).toBe(6);
  });

  it('stay the same through every roll-up, whatever the clock says in between', async () => {
    const moment = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2032, 0, 1) });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('work' as const), atMs: moment, requests: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ kind: fc.constant('roll' as const), atMs: moment }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { work } = open(join(folder, `run-${(run += 1)}.sqlite`));
        let count = 0;
        for (const each of steps) {
          if (each.kind === 'roll') await work.rollUp(each.atMs);
          else {
            count += each.requests;
            await work.add([sample(each.atMs, { work: { requests: each.requests, energyJoules: 0.5 } })]);
          }
        }
        expect((await work.total()).work.requests).toBe(count);
      }),
      { numRuns: 30 },
    );
  });

  it('keep a bounded number of rows over years', async () => {
    const { work } = open();
    const start = new Date(2020, 0, 1).getTime();
    const days = 3 * 365;
    for (let day = 0; day < days; day += 1) {
      await work.add([1, 7, 13].map((hour) => sample(start + day * DAY_MS + hour * HOUR_MS)));
      if (day % 30 === 0) await work.rollUp(start + day * DAY_MS);
    }
    const now = start + days * DAY_MS;
    await work.rollUp(now);
    const rows = new DatabaseSync(file);
    const counted = rows.prepare('select period, count(*) as count from work group by period').all() as unknown;
    rows.close();
    const byPeriod = Object.fromEntries(
      (counted as { period: string; count: number }[]).map(({ period, count }) => [period, count]),
    );
    expect(byPeriod['hour']).toBeLessThanOrEqual(3 * (HOURS_KEPT_DAYS + 1));
    expect(byPeriod['day']).toBeLessThanOrEqual(400 + 31);
    expect(byPeriod['month']).toBeLessThanOrEqual(36);
    expect((await work.total()).work.requests).toBe(3 * days);
    // Plots of a day and a year still find theirs.
    expect(requests((await work.summary('year', now)).buckets)).toBeGreaterThan(3 * 330);
  });

  it('joins the smallest of too many models when they age', async () => {
    const { work } = open();
    const at = new Date(2026, 0, 5, 12).getTime();
    const models = Array.from({ length: MAX_PARTS + 10 }, (_, index) => `model-${index}`);
    await work.add(
      models.map((model, index) => sample(at, { model, work: { requests: 1, flops: index + 1 }, states: [] })),
    );
    await work.rollUp(at + 20 * DAY_MS);
    const { models: parts } = await work.summary('quarter', at + 20 * DAY_MS);
    expect(parts).toHaveLength(MAX_PARTS + 1);
    expect(parts.find(({ name }) => name === 'other')?.work.requests).toBe(10);
  });

  it('survive closing and opening', async () => {
    const first = open();
    await first.work.add([sample(1_000)]);
    await first.close();
    opened.pop();
    const { work, sinceMs } = await open().work.total();
    expect(work.earnedMicroGft).toBe(250_000);
    expect(sinceMs).not.toBeNull();
  });
});

describe('the log', () => {
  it('is filtered by kind, time and words, newest first', async () => {
    const { log } = open();
    await log.add(1_000, 'policy', 'Paused: on battery (62 %).');
    await log.add(2_000, 'connection', 'Connected to the coordinator.');
    await log.add(3_000, 'policy', 'Serving layers 0-3 of İznik_tiny.');
    const texts = async (filter: Partial<LogFilter>): Promise<readonly string[]> =>
      (await log.page({ ...EVERYTHING, ...filter }, 0)).entries.map(({ text }) => text.slice(0, 9));
    expect(await texts({})).toEqual(['Serving l', 'Connected', 'Paused: o']);
    expect(await texts({ kinds: ['policy'] })).toEqual(['Serving l', 'Paused: o']);
    expect(await texts({ fromMs: 2_000, untilMs: 3_000 })).toEqual(['Connected']);
    expect(await texts({ text: 'layers SERVING' })).toEqual(['Serving l']);
    // Signs that mean something to the database mean nothing here.
    expect(await texts({ text: '%' })).toEqual(['Paused: o']);
    expect(await texts({ text: 'tiny_' })).toEqual([]);
    expect(await log.page({ ...EVERYTHING, kinds: ['policy'] }, 1, 1)).toMatchObject({
      matching: 2,
      kept: 3,
      entries: [{ at: '1970-01-01T00:00:01.000Z', kind: 'policy' }],
    });
  });

  it('keeps the newest of too many, also after the clock was set back', async () => {
    const { log } = open();
    for (let index = 0; index < MAX_LOG_ENTRIES + 400; index += 1)
      await log.add(1_000_000 - index, 'request', `${index}`);
    const page = await log.page(EVERYTHING, 0);
    expect(page.kept).toBe(MAX_LOG_ENTRIES);
    expect(page.entries[0]?.text).toBe(String(MAX_LOG_ENTRIES + 399));
  });
});

describe('notices', () => {
  it('that come again are the same notice, for a month', async () => {
    const { notices } = open();
    const text = 'Maintenance on Sunday.';
    expect(await notices.add(1_000, 'message', text, 'Campus')).toBe(true);
    await notices.markRead(null);
    expect(await notices.add(2_000, 'message', text, 'Campus')).toBe(false);
    expect(await notices.add(2_500, 'message', text, 'Another')).toBe(true);
    expect(await notices.add(2_000 + 31 * DAY_MS, 'message', text, 'Campus')).toBe(true);
    expect((await notices.list()).map(({ from, times, read }) => [from, times, read])).toEqual([
      ['Campus', 1, false],
      ['Another', 1, false],
      ['Campus', 2, true],
    ]);
  });
});

describe('marks', () => {
  it('are set once, and only so many are kept of a family', async () => {
    const { marks } = open();
    expect(await marks.add('milestone', 'requests:1', 5)).toBe(true);
    expect(await marks.add('milestone', 'requests:1', 9)).toBe(false);
    for (let index = 0; index < MAX_MARKS + 5; index += 1) await marks.add('shown', String(index), index);
    expect(await marks.list('shown')).toHaveLength(MAX_MARKS);
    expect(await marks.list('milestone')).toEqual([{ key: 'requests:1', at_ms: 5 }]);
  });
});

describe('the file', () => {
  it('is set aside when it is damaged, and begun anew', async () => {
    await writeFile(file, 'this is no database, but it is long enough to be taken for one'.repeat(20));
    const result = openRecords(file, Date.UTC(2026, 0, 1));
    expect(result).toMatchObject({ ok: true, value: { damagedFile: `${file}.damaged-2026-01-01T00-00-00-000Z` } });
    if (result.ok) opened.push(result.value.records);
    expect(await readdir(folder)).toContain('records.sqlite.damaged-2026-01-01T00-00-00-000Z');
  });

  it('of a newer program is left alone', () => {
    const newer = new DatabaseSync(file);
    newer.exec('pragma user_version = 99');
    newer.close();
    expect(openRecords(file, 0)).toMatchObject({ ok: false, error: { code: 'records-newer' } });
  });
});
