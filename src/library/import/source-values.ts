/** A JSON object of another product, not checked yet. */
export type SourceRecord = Readonly<Record<string, unknown>>;

/** What a table says of a name from outside; nothing of what every object has, such as `constructor`. */
export function entryOf<Value>(table: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The value as an object, or null. */
export function recordOf(value: unknown): SourceRecord | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SourceRecord) : null;
}

/** The value as a list; anything else is an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of a list. */
export function recordsOf(value: unknown): readonly SourceRecord[] {
  return listOf(value).flatMap((entry) => {
    const record = recordOf(entry);
    return record === null ? [] : [record];
  });
}

/** The value as a text that is not empty, or null. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The first of several values that is a text. */
export function firstText(...values: readonly unknown[]): string | null {
  for (const value of values) {
    const text = textOf(value);
    if (text !== null) return text;
  }
  return null;
}

/** The value as a count (of bytes, pixels, tokens), or null. */
export function countOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** A copy without the named fields. */
export function without(record: SourceRecord, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** Times before these many seconds after 1970 are seconds, before a thousand times as many milliseconds, and so on. */
const SECONDS_BELOW = 1e11;
const MILLISECONDS_BELOW = 1e14;
const MICROSECONDS_BELOW = 1e17;
const MAX_YEAR_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** No product is as old as that; smaller values are placeholders such as 0. */
const FIRST_SECOND = 1;

function fromEpochMs(epochMs: number): string | null {
  return Number.isFinite(epochMs) && epochMs >= FIRST_SECOND && epochMs <= MAX_YEAR_MS
    ? new Date(epochMs).toISOString()
    : null;
}

function fromNumber(value: number): string | null {
  if (value < SECONDS_BELOW) return fromEpochMs(Math.round(value * 1_000));
  if (value < MILLISECONDS_BELOW) return fromEpochMs(Math.round(value));
  return value < MICROSECONDS_BELOW ? fromEpochMs(Math.round(value / 1_000)) : null;
}

const ISO_WITHOUT_ZONE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$/;

/**
 * A time of another product as RFC 3339 in UTC, or null when it says nothing usable. Numbers (and their decimal text) are
 * seconds, milliseconds or microseconds since 1970, told apart by size; texts are ISO 8601, UTC when they name no zone.
 */
export function timeOf(value: unknown): string | null {
  if (typeof value === 'number') return fromNumber(value);
  if (typeof value !== 'string') return null;
  const text = value.replace(/[\u00a0\u202f]/g, ' ').trim();
  if (/^[0-9]+(\.[0-9]+)?$/.test(text)) return fromNumber(Number(text));
  if (ISO_WITHOUT_ZONE.test(text)) return fromEpochMs(Date.parse(`${text.replace(' ', 'T')}Z`));
  return /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text) ? fromEpochMs(Date.parse(text)) : null;
}

/** The earliest and the latest of some times. */
export function timeSpan(
  times: readonly (string | null | undefined)[],
): { readonly first: string; readonly last: string } | null {
  let first: string | null = null;
  let last: string | null = null;
  for (const time of times) {
    if (time === null || time === undefined) continue;
    if (first === null || time < first) first = time;
    if (last === null || time > last) last = time;
  }
  return first === null || last === null ? null : { first, last };
}
