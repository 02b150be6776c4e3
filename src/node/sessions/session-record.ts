import { Type, type Static } from 'typebox';
import { Timestamp } from '../../protocol/documents/fields';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { SessionParticipant } from '../../protocol/session/session';
import { Agreement } from '../../protocol/trust/agreement';
import { PostedTurnMessage, SessionHead } from '../../protocol/wire/session-messages';

/** An own turn the host would not take, with the reason. Its text stays until its author throws it away. */
export const RefusedTurn = Type.Object({
  turn: PostedTurnMessage,
  code: Type.String({ maxLength: 100 }),
  message: Type.String({ maxLength: 2_000 }),
});
export type RefusedTurn = Static<typeof RefusedTurn>;

/** What this computer keeps of a session beside its turns. */
export const SessionRecord = Type.Object({
  formatVersion: Type.Literal(1),
  head: SessionHead,
  hostUrl: Type.String({ maxLength: 2_000 }),
  participantId: Type.String({ maxLength: 200 }),
  participants: Type.Array(SessionParticipant, { maxItems: SESSION_LIMITS.maxParticipants }),
  agreement: Type.Union([Agreement, Type.Null()]),
  waiting: Type.Array(PostedTurnMessage, { maxItems: 10_000 }),
  refused: Type.Array(RefusedTurn, { maxItems: 10_000 }),
  /** Number of the last turn its person has seen. */
  readSeq: Type.Integer({ minimum: 0 }),
  /** Why the session can no longer be entered, null while it can. */
  ended: Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()]),
  /** The host told two stories. */
  conflict: Type.Optional(Type.Boolean()),
  savedAt: Timestamp,
});
export type SessionRecord = Static<typeof SessionRecord>;
