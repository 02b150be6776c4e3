import { SESSION_LIMITS } from '../../protocol/session/limits';

/** Number and size of a turn in a database. */
export interface SizedTurn {
  readonly seq: number;
  readonly size_bytes: number;
}

/**
 * Number of the last turn that fits into a page with those before it; null where there is none. A turn that alone is larger
 * than a page still makes one.
 *
 * @param turns - in their order, no more than a page may have
 */
export function lastOfPage(turns: readonly SizedTurn[]): number | null {
  let bytes = 0;
  let last: number | null = null;
  for (const { seq, size_bytes: size } of turns) {
    bytes += size;
    if (last !== null && bytes > SESSION_LIMITS.maxPageBytes) break;
    last = seq;
  }
  return last;
}
