import type { Result } from '../../protocol/result';
import type { MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import type { SessionList, SessionOffer } from '../../protocol/wire/session-messages';
import type { ExportPage, PageRequest } from './export-page';
import type { ParticipantConnection } from './session-rooms';

/** A call about one session. */
export type SessionCall = Extract<ParticipantMessage, { call_id: number; session_id: string }>;

/** Sessions that other coordinators host and own people take part in. */
export interface SessionsAway {
  /** Whether a session is one of them. */
  hosts(sessionId: string): boolean;
  answer(connection: ParticipantConnection, call: SessionCall): Promise<Result<unknown>>;
  signal(
    connection: ParticipantConnection,
    message: MessageOf<ParticipantMessage, 'session-typing' | 'session-stream'>,
  ): void;
  /** A connection is gone. */
  lost(connection: ParticipantConnection): void;
  list(publicKey: string): Promise<SessionList>;
  offers(publicKey: string): Promise<SessionOffer[]>;
  /** A page of the copy as a document, for somebody who is in the session. */
  exportPage(publicKey: string, sessionId: string, page: PageRequest): Promise<Result<ExportPage>>;
}
