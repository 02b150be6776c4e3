import type { Turn } from './session';
import { SESSION_LIMITS } from './limits';
import { failure, success, type Failure, type Result } from '../result';

/*
 * The rules of a group session, as decisions on plain values. The host reads what a rule needs inside the transaction
 * that writes its outcome, so two decisions can never be taken on the same state. Nothing here knows of a database,
 * a socket or a clock.
 *
 *              create
 *                │
 *                ▼           close (owner)
 *   join ──▶   open   ───────────────────────▶   closed
 *   leave ◀──  │  ▲                              read, export, leave
 *              └──┘ post (owner, member)
 */

export type SessionRole = 'owner' | 'member' | 'observer';

/**
 * Why a session refuses, for whoever asked.
 *
 * | code | when |
 * |---|---|
 * | `session-unknown` | there is no such session, or the asker is not in it: the two look alike from outside |
 * | `session-closed` | the session takes no more turns, participants or invitations |
 * | `role-denied` | the asker's role does not allow it |
 * | `turn-invalid` | the turn is malformed, names somebody else, or points to a turn that is not there |
 * | `turn-changed` | another turn has this id already |
 * | `signature-missing`, `signature-wrong` | the turn is not signed by the key of its participant |
 * | `cost-unconfirmed` | the ledger does not confirm the cost as it is stated |
 * | `invitation-invalid` | the code is unknown, used up, expired or withdrawn |
 * | `agreement-invalid` | the agreement does not hold, or the asker is no party of it |
 * | `limit-reached` | a limit of `SESSION_LIMITS` |
 */
export type SessionErrorCode =
  | 'session-unknown'
  | 'session-closed'
  | 'role-denied'
  | 'turn-invalid'
  | 'turn-changed'
  | 'signature-missing'
  | 'signature-wrong'
  | 'cost-unconfirmed'
  | 'invitation-invalid'
  | 'agreement-invalid'
  | 'limit-reached';

export type SessionFailure = Failure<SessionErrorCode>;
export type SessionResult<Value> = Result<Value, SessionErrorCode>;

/** Refuses, with the reason and what to do about it. */
export function refuseInSession(
  code: SessionErrorCode,
  message: string,
  options: { readonly retryable?: boolean; readonly suggestion?: string } = {},
): { readonly ok: false; readonly error: SessionFailure } {
  return failure<SessionErrorCode>(code, message, options);
}

/** What one may do in a session. Reading and leaving are everybody's. */
export type SessionAct = 'post' | 'stream' | 'invite' | 'moderate' | 'close' | 'rename';

const ALLOWED: Readonly<Record<SessionRole, ReadonlySet<SessionAct>>> = {
  owner: new Set<SessionAct>(['post', 'stream', 'invite', 'moderate', 'close', 'rename']),
  member: new Set<SessionAct>(['post', 'stream']),
  observer: new Set<SessionAct>(),
};

const ACT_WORDS: Readonly<Record<SessionAct, string>> = {
  post: 'write in this session',
  stream: 'write in this session',
  invite: 'invite others',
  moderate: 'change roles or remove somebody',
  close: 'close the session',
  rename: 'change the session',
};

/** Whether a role allows an act. */
export function allows(role: SessionRole, act: SessionAct): boolean {
  return ALLOWED[role].has(act);
}

/** The participant who acts, as the host has it. */
export interface Actor {
  readonly participantId: string;
  readonly role: SessionRole;
  readonly publicKey: string;
  readonly left: boolean;
}

/** The session as far as the rules look at it. */
export interface HostedState {
  readonly sessionId: string;
  readonly status: 'open' | 'closed';
  /** Sequence number of the last turn, 0 while there is none. */
  readonly lastSeq: number;
  /** Bytes of its turns in JSON. */
  readonly sizeBytes: number;
}

/** Whether somebody may act now. A stranger and one who left get the same answer: nothing is told about the session. */
export function decideAct(state: HostedState | null, actor: Actor | null, act: SessionAct): SessionResult<Actor> {
  if (state === null || actor === null || actor.left) return unknownSession();
  if (state.status === 'closed') {
    return refuseInSession('session-closed', 'This session is closed; it can be read and exported.');
  }
  if (!allows(actor.role, act)) {
    return refuseInSession('role-denied', `As ${article(actor.role)} you cannot ${ACT_WORDS[act]}.`, {
      suggestion: 'Ask the owner of the session for another role.',
    });
  }
  return success(actor);
}

function article(role: SessionRole): string {
  return role === 'member' ? 'a member' : `an ${role}`;
}

/** The one answer to whoever is not in a session. */
export function unknownSession(): { readonly ok: false; readonly error: SessionFailure } {
  return refuseInSession('session-unknown', 'There is no session with this id here, or you are not in it.', {
    suggestion: 'Join with an invitation of the owner.',
  });
}

/** A turn as its author sends it: the host adds the number. */
export type PostedTurn = Omit<Turn, 'seq'>;

/** What the host knows about a turn before it takes it. */
export interface PostFacts {
  /** The stored turn with the same id, if there is one. */
  readonly sameId: Turn | null;
  /** Whether the turns that the new one points to are stored. */
  readonly knows: (turnId: string) => boolean;
  /** Compares two turns without their number, signature included. */
  readonly same: (stored: Turn, posted: PostedTurn) => boolean;
}

export type PostDecision =
  | { readonly kind: 'append'; readonly turn: Turn }
  /** The turn is there already: it was sent again because its answer got lost. */
  | { readonly kind: 'known'; readonly seq: number };

/** The turn that an edit puts new text in place of, or null. The old turn stays. */
export function editedTurnOf(turn: Pick<Turn, 'metadata'>): string | null {
  const edited = turn.metadata?.['edits'];
  return typeof edited === 'string' ? edited : null;
}

/**
 * Takes a turn: gives it the next number, or recognizes one that is there. Called with the session locked; the outcome is
 * written in the same transaction. A turn that was taken before is answered even when the session was closed since, so a
 * client whose answer got lost learns that nothing is missing.
 */
export function decidePost(
  state: HostedState | null,
  actor: Actor | null,
  posted: PostedTurn,
  facts: PostFacts,
): SessionResult<PostDecision> {
  if (state === null || actor === null || actor.left) return unknownSession();
  const { sameId } = facts;
  if (sameId !== null) {
    if (sameId.participant_id === actor.participantId && facts.same(sameId, posted)) {
      return success({ kind: 'known', seq: sameId.seq });
    }
    return refuseInSession('turn-changed', 'Another turn has this id already; it stays as it is.');
  }
  const allowed = decideAct(state, actor, 'post');
  if (!allowed.ok) return allowed;
  if (posted.participant_id !== actor.participantId) {
    return refuseInSession('turn-invalid', 'The turn names another participant as its author.');
  }
  if (posted.session_id !== state.sessionId) {
    return refuseInSession('turn-invalid', 'The turn was written for another session.');
  }
  for (const target of [posted.in_reply_to, posted.follows, editedTurnOf(posted)]) {
    if (typeof target !== 'string' || facts.knows(target)) continue;
    return refuseInSession('turn-invalid', 'The turn points to a turn that is not in this session.');
  }
  if (state.lastSeq >= SESSION_LIMITS.maxTurns || state.sizeBytes >= SESSION_LIMITS.maxBytes) {
    return refuseInSession('limit-reached', 'This session is full: it holds as much as a session can.', {
      suggestion: 'Open a new one and go on there.',
    });
  }
  return success({ kind: 'append', turn: { ...posted, seq: state.lastSeq + 1 } });
}
