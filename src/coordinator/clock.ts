import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

/** Where the coordinator reads the time from; a test gives its own. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  nowMs(): number;
}

/** Where nonces, ids and challenge prompts come from. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** A new UUID, version 7. */
  uuid(): string;
}

export const systemClock: Clock = { nowMs: () => Date.now() };

export const systemRandom: Random = { bytes: (length) => randomBytes(length), uuid: () => v7() };

/** RFC 3339 in UTC with milliseconds. */
export function timestampOf(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
