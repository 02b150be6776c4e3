import type { Turn } from './session';
import type { PostedTurn } from './session-host';

/*
 * A participant's copy of a session: the turns the host has ordered, always 1, 2, 3 … without a gap, and behind them the
 * own turns that wait for their number. Pure, so that every order of arrival can be tried.
 */

export interface SessionReplica {
  /** Ordered turns, `turns[i].seq === i + 1`. */
  readonly turns: readonly Turn[];
  /** Own turns not yet confirmed, in the order they were written. */
  readonly waiting: readonly PostedTurn[];
}

export const EMPTY_REPLICA: SessionReplica = { turns: [], waiting: [] };

/** What came of turns that arrived. */
export interface Received {
  readonly replica: SessionReplica;
  /** The turns that are new here. */
  readonly added: readonly Turn[];
  /** Turns are missing in between: ask the host for those after `lastSeq`. What arrived beyond the gap is not kept. */
  readonly gap: boolean;
  /** The host sent another turn under a number that is taken: the copy and the host do not agree. */
  readonly conflict: boolean;
}

/** Number of the last turn in the copy, 0 when it is empty. */
export function lastSeq(replica: SessionReplica): number {
  return replica.turns.length;
}

/** Takes turns of the host in, whatever arrived twice or out of order. An own turn that got its number waits no more. */
export function receiveTurns(replica: SessionReplica, arrived: readonly Turn[]): Received {
  const added: Turn[] = [];
  let gap = false;
  let conflict = false;
  for (const turn of [...arrived].sort((a, b) => a.seq - b.seq)) {
    const next = replica.turns.length + added.length + 1;
    if (turn.seq > next) {
      gap = true;
      break;
    }
    if (turn.seq === next) added.push(turn);
    else {
      const known = replica.turns[turn.seq - 1] ?? added[turn.seq - 1 - replica.turns.length];
      if (known?.id !== turn.id) conflict = true;
    }
  }
  if (added.length === 0) return { replica, added, gap, conflict };
  const ids = new Set(added.map(({ id }) => id));
  return {
    replica: {
      turns: [...replica.turns, ...added],
      waiting: replica.waiting.filter(({ id }) => !ids.has(id)),
    },
    added,
    gap,
    conflict,
  };
}

/** Puts an own turn behind the others to wait for its number. */
export function queueTurn(replica: SessionReplica, turn: PostedTurn): SessionReplica {
  return { ...replica, waiting: [...replica.waiting, turn] };
}

/** Takes an own turn out that the host refused; its text goes back to whoever wrote it. */
export function dropWaiting(replica: SessionReplica, turnId: string): SessionReplica {
  return { ...replica, waiting: replica.waiting.filter(({ id }) => id !== turnId) };
}
