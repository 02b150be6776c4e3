import { isUtf8 } from 'node:buffer';
import { DOCUMENT_LIMITS } from '../../protocol/documents/limits';
import type { JsonSlice } from './json-slices';
import { IMPORT_LIMITS } from './limits';

/** A parsed record, or a clause that says why it cannot be used. */
export type ParsedRecord =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly why: string };

function refused(why: string): ParsedRecord {
  return { ok: false, why };
}

const FAULTS = {
  'too-deep': `it nests more than ${IMPORT_LIMITS.maxDepth} levels`,
  truncated: 'the file ends in the middle of it',
} as const;

/**
 * Parses the bytes of one record and checks what JSON leaves open: UTF-8, every name once in its object, numbers that
 * a double holds. Depth and size were checked while it was cut out.
 */
export function parseRecord(slice: JsonSlice): ParsedRecord {
  if (slice.fault === 'too-large') return refused(`it is larger than ${slice.limitBytes / 1_048_576} MB`);
  if (slice.fault !== null) return refused(FAULTS[slice.fault]);
  if (slice.bytes === null) return refused('its bytes are missing');
  if (!isUtf8(slice.bytes)) return refused('it is not UTF-8 text');
  let value: unknown;
  try {
    value = JSON.parse(slice.bytes.toString('utf8'));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    return refused('it is not valid JSON');
  }
  const found = inspect(value);
  if (typeof found === 'string') return refused(found);
  if (found !== slice.memberCount) return refused('an object in it has the same field twice');
  return { ok: true, value };
}

/** Counts the members of all objects inside a value, or says what is wrong with it. Keeps its own stack. */
function inspect(root: unknown): number | string {
  let members = 0;
  let values = 0;
  const waiting: unknown[] = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    values += 1;
    if (values > DOCUMENT_LIMITS.maxValues) return 'it holds too many values';
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) return 'a number in it is too large';
    } else if (Array.isArray(value)) {
      for (const entry of value as readonly unknown[]) waiting.push(entry);
    } else if (typeof value === 'object' && value !== null) {
      for (const entry of Object.values(value) as readonly unknown[]) {
        members += 1;
        waiting.push(entry);
      }
    }
  }
  return members;
}
