import { WORK_COUNTERS, type LogEntry, type StatisticsBucket } from '../../../contract/records';

/** A spreadsheet takes a text that begins so for a formula; it is written as text. */
const FORMULA_START = /^[=+\-@\t\r]/;

/** One field of a CSV file (RFC 4180). */
export function csvField(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const text = FORMULA_START.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvLine = (fields: readonly (string | number)[]): string => `${fields.map(csvField).join(',')}\r\n`;

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The buckets of a plot: times in UTC, amounts in whole micro-GFT, seconds and joules. */
export function statisticsCsv(buckets: readonly StatisticsBucket[]): string {
  const head = csvLine(['start', 'end', 'running_seconds', ...WORK_COUNTERS.map(snakeCase)]);
  const lines = buckets.map(({ startMs, endMs, runningSeconds, work }) =>
    csvLine([
      new Date(startMs).toISOString(),
      new Date(endMs).toISOString(),
      runningSeconds,
      ...WORK_COUNTERS.map((counter) => work[counter]),
    ]),
  );
  return head + lines.join('');
}

export const LOG_CSV_HEAD = csvLine(['time', 'kind', 'text']);

export function logLine(entry: LogEntry, format: 'jsonl' | 'csv'): string {
  const { at, kind, text } = entry;
  return format === 'csv' ? csvLine([at, kind, text]) : `${JSON.stringify({ time: at, kind, text })}\n`;
}
