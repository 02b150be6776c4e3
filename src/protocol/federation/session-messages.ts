import { Type, type Static, type TObject, type TProperties } from 'typebox';
import { PublicKey } from '../documents/fields';
import { SESSION_LIMITS } from '../session/limits';
import { CallId, message, ShortText, Uuid } from '../wire/message-fields';
import {
  SessionChangeCall,
  SessionChangedEvent,
  SessionCostsCall,
  SessionEndedEvent,
  SessionEnterCall,
  SessionExitCall,
  SessionInvitationsCall,
  SessionInviteCall,
  SessionJoinCall,
  SessionLeaveCall,
  SessionOffers,
  SessionPostCall,
  SessionPresentEvent,
  SessionProfileCall,
  SessionReadCall,
  SessionRoleCall,
  SessionStreamedEvent,
  SessionStreamSignal,
  SessionTurnsEvent,
  SessionTypingSignal,
  SessionWithdrawCall,
} from '../wire/session-messages';

/*
 * Group sessions across the link: messages of the session wire, wrapped for one session and one participant.
 *
 *   home coordinator                           host coordinator
 *                                 ◀──────────  session-hosted {offers}: what its people may join
 *     session-vouch {credential}  ──────────▶  it answers for a participant, again before the time is over
 *     session-call {join}         ──────────▶
 *                                 ◀──────────  session-reply {the entered session}
 *     session-call {post, signed turn}  ────▶
 *                                 ◀──────────  session-told {session-turns}, session-reply {seq}
 *                                 ◀──────────  session-behind: too much at once; read on from the last number
 *
 * Either side of a link is home for its own people and host of its own sessions.
 */

const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** A signed object; its reader bounds and checks it. */
const SignedObject = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());

/** A call as it is carried: the link has numbers of its own. */
function carried<Properties extends TProperties>(call: TObject<Properties>) {
  return Type.Omit(call, ['call_id']);
}

/** What a participant may ask of a host that is not their own coordinator. */
export const CarriedCall = Type.Union([
  carried(SessionJoinCall),
  carried(SessionEnterCall),
  carried(SessionReadCall),
  carried(SessionExitCall),
  carried(SessionPostCall),
  carried(SessionChangeCall),
  carried(SessionProfileCall),
  carried(SessionRoleCall),
  carried(SessionLeaveCall),
  carried(SessionInviteCall),
  carried(SessionInvitationsCall),
  carried(SessionWithdrawCall),
  carried(SessionCostsCall),
]);
export type CarriedCall = Static<typeof CarriedCall>;

/** The sessions the sender hosts which the peer's people may join. Replaces the list before. */
export const SessionHostedMessage = message('session-hosted', {
  sequence: Sequence,
  offers: SessionOffers,
});

export const SessionVouchMessage = message('session-vouch', {
  sequence: Sequence,
  session_id: Uuid,
  /** A signed `session-credential`. */
  credential: SignedObject,
});

/** A credential was not taken; calls under it are refused. */
export const SessionUnvouchedMessage = message('session-unvouched', {
  sequence: Sequence,
  session_id: Uuid,
  code: Type.String({ minLength: 1, maxLength: 100 }),
  message: ShortText,
});

export const SessionCallMessage = message('session-call', {
  sequence: Sequence,
  call_id: CallId,
  public_key: PublicKey,
  call: CarriedCall,
  /** With a turn whose cost the home coordinator has booked: its signed `session-cost`. */
  confirmation: Type.Optional(SignedObject),
});

export const SessionReplyMessage = message('session-reply', {
  sequence: Sequence,
  call_id: CallId,
  result: Type.Union([
    Type.Object({ ok: Type.Literal(true), value: Type.Unknown() }),
    Type.Object({
      ok: Type.Literal(false),
      error: Type.Object({
        code: Type.String({ minLength: 1, maxLength: 100 }),
        message: ShortText,
        retryable: Type.Boolean(),
        suggestion: Type.Optional(ShortText),
      }),
    }),
  ]),
});

/** Signs without an answer. */
export const SessionSignalMessage = message('session-signal', {
  sequence: Sequence,
  public_key: PublicKey,
  signal: Type.Union([SessionTypingSignal, SessionStreamSignal]),
});

/** What happened in a session, for these participants of the peer. */
export const SessionToldMessage = message('session-told', {
  sequence: Sequence,
  session_id: Uuid,
  public_keys: Type.Array(PublicKey, { minItems: 1, maxItems: SESSION_LIMITS.maxParticipants }),
  event: Type.Union([
    SessionTurnsEvent,
    SessionChangedEvent,
    SessionPresentEvent,
    SessionStreamedEvent,
    SessionEndedEvent,
  ]),
});

/** Events of a session were left out, since the link could not keep up: what is missing is read. */
export const SessionBehindMessage = message('session-behind', { sequence: Sequence, session_id: Uuid });

/** The family `session-…`. */
export const FEDERATION_SESSION_MESSAGES = [
  SessionHostedMessage,
  SessionVouchMessage,
  SessionUnvouchedMessage,
  SessionCallMessage,
  SessionReplyMessage,
  SessionSignalMessage,
  SessionToldMessage,
  SessionBehindMessage,
] as const;

const FEDERATION_SESSION_MESSAGE = Type.Union([...FEDERATION_SESSION_MESSAGES]);
export type FederationSessionMessage = Static<typeof FEDERATION_SESSION_MESSAGE>;
export type SessionMessageOf<Name extends FederationSessionMessage['type']> = Extract<
  FederationSessionMessage,
  { type: Name }
>;

export function isSessionMessage(message: { readonly type: string }): message is FederationSessionMessage {
  return message.type.startsWith('session-');
}
