import { Type, type Static } from 'typebox';
import { Name, Timestamp } from '../documents/fields';
import { SESSION_LIMITS } from '../session/limits';
import { SessionParticipant, Turn } from '../session/session';
import { Agreement } from '../trust/agreement';
import { CallId, message, ShortText, Uuid } from './message-fields';

/*
 * Group sessions (tore-0003) over the WebSocket, on connections that were opened for a participant
 * (`authenticate {purpose: 'participant'}`).
 *
 *   host                                       participant
 *                              ◀────────────  session-create, session-join (calls, each answered by one reply)
 *                              ◀────────────  session-enter {after_seq}
 *     reply {head, participants, turns}  ──▶  everything up to now; from here on the host tells what happens
 *                              ◀────────────  session-post {turn}
 *     reply {seq}              ────────────▶
 *     session-turns            ────────────▶  to everybody in the room, in the order of the numbers
 *                              ◀────────────  session-typing, session-stream (no reply)
 *     session-present, session-streamed  ──▶  shown, never kept
 *     session-changed          ────────────▶  participants, title, closed
 *     session-ended            ────────────▶  the participant is no longer in the session
 *     session-returned         ────────────▶  a turn that waited at the own coordinator is given back
 */

const Title = Type.String({ minLength: 1, maxLength: SESSION_LIMITS.maxTitleLength, pattern: '\\S' });
const DisplayName = Type.String({ minLength: 1, maxLength: SESSION_LIMITS.maxDisplayNameLength, pattern: '\\S' });
const Mode = Type.Union([Type.Literal('async'), Type.Literal('live')]);
const Role = Type.Union([Type.Literal('owner'), Type.Literal('member'), Type.Literal('observer')]);
const Sequence = Type.Integer({ minimum: 0, maximum: SESSION_LIMITS.maxTurns });

/** The model a participant brings, as others see it. */
export const ParticipantModel = Type.Union([Type.Object({ provider: Name, model_id: Name }), Type.Null()]);

/** How somebody shows up in a session. */
export const ParticipantProfile = Type.Object({
  display_name: DisplayName,
  platform: Type.String({ minLength: 1, maxLength: 100 }),
  model: ParticipantModel,
});
export type ParticipantProfile = Static<typeof ParticipantProfile>;

/** A session without its participants and turns. */
export const SessionHead = Type.Object({
  id: Uuid,
  title: Title,
  mode: Mode,
  status: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  coordinator_id: Type.String({ minLength: 1, maxLength: 200 }),
  agreement_ref: Type.Union([Type.String({ maxLength: 200 }), Type.Null()]),
  /** Unit of every cost in this session: that of the agreement, else `GFT`. */
  cost_unit: Type.String({ minLength: 1, maxLength: 100 }),
  /** GFT times this is the amount in `cost_unit`. */
  cost_rate: Type.Number({ minimum: 0 }),
  created_at: Timestamp,
  updated_at: Timestamp,
  last_seq: Sequence,
});
export type SessionHead = Static<typeof SessionHead>;

/** A turn on its way to the host, which gives it its number. */
export const PostedTurnMessage = Type.Omit(Turn, ['seq']);

/** A piece of an answer that is being written. */
export const StreamPiece = Type.Object({
  /** Id the turn will have if it is finished. */
  turn_id: Uuid,
  in_reply_to: Type.Union([Uuid, Type.Null()]),
  /** Place of the piece in the text, counted in UTF-16 units. */
  offset: Type.Integer({ minimum: 0, maximum: SESSION_LIMITS.maxStreamLength }),
  text: Type.String({ maxLength: SESSION_LIMITS.maxStreamPieceLength }),
  /** `writing` until the answer ends; after `stopped` and `failed` nothing of it is kept. */
  state: Type.Union([Type.Literal('writing'), Type.Literal('stopped'), Type.Literal('failed')]),
});
export type StreamPiece = Static<typeof StreamPiece>;

/** Who is in the room now, and who is writing. */
export const Presence = Type.Object({ participant_id: Uuid, typing: Type.Boolean() });
export type Presence = Static<typeof Presence>;

const session = { call_id: CallId, session_id: Uuid };

/** Opens a session. Its id is the client's, so that a repeated call makes one session. */
export const SessionCreateCall = message('session-create', {
  ...session,
  title: Title,
  mode: Mode,
  me: ParticipantProfile,
  /** The tore-0002 agreement the session stands on; its parties may join without an invitation. */
  agreement: Type.Optional(Agreement),
});
/** Joins with the code of an invitation, or as a party of the session's agreement. */
export const SessionJoinCall = message('session-join', {
  ...session,
  me: ParticipantProfile,
  code: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
});
/** Sessions that stand on an agreement of the caller's party, which may be joined without a code. */
export const SessionOffersCall = message('session-offers', { call_id: CallId });
export const SessionListCall = message('session-list', { call_id: CallId });
/** Enters the room: the reply brings what is new, and from then on the host tells what happens. */
export const SessionEnterCall = message('session-enter', { ...session, after_seq: Sequence });
/** The next page of turns while catching up. */
export const SessionReadCall = message('session-read', { ...session, after_seq: Sequence });
export const SessionExitCall = message('session-exit', session);
export const SessionPostCall = message('session-post', { ...session, turn: PostedTurnMessage });
export const SessionChangeCall = message('session-change', {
  ...session,
  title: Type.Optional(Title),
  mode: Type.Optional(Mode),
  status: Type.Optional(Type.Literal('closed')),
});
export const SessionProfileCall = message('session-profile', {
  ...session,
  display_name: DisplayName,
  model: ParticipantModel,
});
/** Gives another role, or with `null` takes somebody out. */
export const SessionRoleCall = message('session-role', {
  ...session,
  participant_id: Uuid,
  role: Type.Union([Role, Type.Null()]),
});
export const SessionLeaveCall = message('session-leave', session);
export const SessionInviteCall = message('session-invite', {
  ...session,
  role: Type.Union([Type.Literal('member'), Type.Literal('observer')]),
  uses: Type.Integer({ minimum: 1, maximum: SESSION_LIMITS.maxInvitationUses }),
  expires_at: Timestamp,
});
export const SessionInvitationsCall = message('session-invitations', session);
export const SessionWithdrawCall = message('session-withdraw', { ...session, invitation_id: Uuid });
/** The costs of the session as the ledger has them. */
export const SessionCostsCall = message('session-costs', session);

export const SessionTypingSignal = message('session-typing', { session_id: Uuid, typing: Type.Boolean() });
export const SessionStreamSignal = message('session-stream', { session_id: Uuid, piece: StreamPiece });

/** What a participant may send. */
export const SESSION_PARTICIPANT_MESSAGES = [
  SessionCreateCall,
  SessionJoinCall,
  SessionListCall,
  SessionOffersCall,
  SessionEnterCall,
  SessionReadCall,
  SessionExitCall,
  SessionPostCall,
  SessionChangeCall,
  SessionProfileCall,
  SessionRoleCall,
  SessionLeaveCall,
  SessionInviteCall,
  SessionInvitationsCall,
  SessionWithdrawCall,
  SessionCostsCall,
  SessionTypingSignal,
  SessionStreamSignal,
] as const;

/** New turns, in the order of their numbers. */
export const SessionTurnsEvent = message('session-turns', {
  session_id: Uuid,
  turns: Type.Array(Turn, { minItems: 1, maxItems: SESSION_LIMITS.maxPageTurns }),
});
/** What changed about the session or its participants; participants are told whole, each by its id. */
export const SessionChangedEvent = message('session-changed', {
  session_id: Uuid,
  head: Type.Optional(SessionHead),
  participants: Type.Optional(Type.Array(SessionParticipant, { maxItems: SESSION_LIMITS.maxParticipants })),
});
export const SessionPresentEvent = message('session-present', {
  session_id: Uuid,
  present: Type.Array(Presence, { maxItems: SESSION_LIMITS.maxParticipants }),
});
export const SessionStreamedEvent = message('session-streamed', {
  session_id: Uuid,
  participant_id: Uuid,
  piece: StreamPiece,
});
export const SessionEndedEvent = message('session-ended', { session_id: Uuid, message: ShortText });

/** A turn that was kept for its host gets no number any more: it comes back to its author. */
export const SessionReturnedEvent = message('session-returned', {
  session_id: Uuid,
  turn_id: Uuid,
  code: Type.String({ minLength: 1, maxLength: 100 }),
  message: ShortText,
});

/** A session that was opened under an agreement of this key's party. */
export const SessionOffer = Type.Object({
  session_id: Uuid,
  title: Title,
  mode: Mode,
  agreement_ref: Type.String({ maxLength: 200 }),
  /** Who opened it, by the name they have in it. */
  opened_by: Type.String({ maxLength: SESSION_LIMITS.maxDisplayNameLength }),
  created_at: Timestamp,
});
export type SessionOffer = Static<typeof SessionOffer>;
/** Value of the reply to `session-offers`. */
export const SessionOffers = Type.Array(SessionOffer, { maxItems: SESSION_LIMITS.maxOffers });
export const SessionOfferedEvent = message('session-offered', { session_id: Uuid, offer: SessionOffer });

/** What a host may send beside replies. */
export const SESSION_HOST_MESSAGES = [
  SessionTurnsEvent,
  SessionChangedEvent,
  SessionPresentEvent,
  SessionStreamedEvent,
  SessionEndedEvent,
  SessionOfferedEvent,
  SessionReturnedEvent,
] as const;

/** Value of the reply to `session-create`, `session-join` and `session-enter`. */
export const EnteredSession = Type.Object({
  head: SessionHead,
  /** The participant that this key is. */
  participant_id: Uuid,
  participants: Type.Array(SessionParticipant, { maxItems: SESSION_LIMITS.maxParticipants }),
  /** Turns after the number that was asked for: the first page, more with `session-read`. */
  turns: Type.Array(Turn, { maxItems: SESSION_LIMITS.maxPageTurns }),
  present: Type.Array(Presence, { maxItems: SESSION_LIMITS.maxParticipants }),
  agreement: Type.Union([Agreement, Type.Null()]),
});
export type EnteredSession = Static<typeof EnteredSession>;

/** Value of the reply to `session-read`. */
export const TurnPage = Type.Object({
  turns: Type.Array(Turn, { maxItems: SESSION_LIMITS.maxPageTurns }),
  last_seq: Sequence,
});
export type TurnPage = Static<typeof TurnPage>;

/** Value of the reply to `session-list`. */
export const SessionList = Type.Array(
  Type.Object({ head: SessionHead, role: Role, participants: Type.Integer({ minimum: 0 }) }),
  { maxItems: 10_000 },
);
export type SessionList = Static<typeof SessionList>;

/** Value of the reply to `session-post`: its number, or that the own coordinator keeps it until the host can be reached. */
export const PostedTurnReply = Type.Union([
  Type.Object({ seq: Type.Integer({ minimum: 1 }) }),
  Type.Object({ queued: Type.Literal(true) }),
]);
export type PostedTurnReply = Static<typeof PostedTurnReply>;

/** An invitation as its session's owner sees it; the code is told once, when it is made. */
export const InvitationView = Type.Object({
  id: Uuid,
  role: Type.Union([Type.Literal('member'), Type.Literal('observer')]),
  uses: Type.Integer({ minimum: 0 }),
  used: Type.Integer({ minimum: 0 }),
  expires_at: Timestamp,
  created_at: Timestamp,
});
export type InvitationView = Static<typeof InvitationView>;
export const MadeInvitation = Type.Object({ invitation: InvitationView, code: Type.String({ maxLength: 100 }) });
export type MadeInvitation = Static<typeof MadeInvitation>;

/** One cost of a session as the host's ledger has it. */
export const LedgerCost = Type.Object({
  turn_id: Uuid,
  ledger_ref: Type.String({ maxLength: 200 }),
  /** What the ledger entry took, in GFT. */
  gft: Type.Number({ minimum: 0 }),
  /** Hash of the entry in the ledger's chain. */
  entry_hash: Type.String({ maxLength: 200 }),
  confirmed_at: Timestamp,
  /** The coordinator whose ledger it is, where that is not the host. */
  coordinator_id: Type.Optional(Type.String({ maxLength: 200 })),
});
export type LedgerCost = Static<typeof LedgerCost>;
export const LedgerCosts = Type.Array(LedgerCost, { maxItems: SESSION_LIMITS.maxTurns });
