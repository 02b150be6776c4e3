import type { SessionParticipant, Turn } from '../../protocol/session/session';
import type { SessionHead, SessionOffer } from '../../protocol/wire/session-messages';

/** Something about a session that was committed, for everybody who is in its room. */
export interface SessionNews {
  readonly sessionId: string;
  readonly head?: SessionHead;
  /** Participants as they are now, whole. */
  readonly participants?: readonly SessionParticipant[];
  readonly turns?: readonly Turn[];
  /** Keys that may join because of the session's agreement, and are told of it. */
  readonly offered?: { readonly publicKeys: readonly string[]; readonly offer: SessionOffer };
  /** Who is no longer in the session, and why. */
  readonly ended?: readonly { readonly publicKey: string; readonly message: string }[];
}
