import type { CoordinatorMessage, MessageOf } from '../../protocol/wire/messages';
import type { Presence } from '../../protocol/wire/session-messages';
import type { SessionNews } from './session-news';

/** What the replicas of one coordinator tell each other about the sessions their participants follow. */
export type RoomNews =
  /** Something was committed; the database has it. */
  | { readonly kind: 'committed'; readonly news: SessionNews }
  /** A piece of an answer that is being written; nothing of it is kept. */
  | {
      readonly kind: 'streamed';
      readonly sessionId: string;
      readonly message: MessageOf<CoordinatorMessage, 'session-streamed'>;
    }
  /** Who follows a session at the replica that says so; nobody when the list is empty. */
  | {
      readonly kind: 'present';
      readonly sessionId: string;
      readonly present: readonly Presence[];
      /** The replica has just opened the room, and wants to know who is in it elsewhere. */
      readonly asks: boolean;
    };

/** The way to the other replicas; a coordinator of one process has none. */
export interface RoomLine {
  /** To every other replica. */
  tell(news: RoomNews): void;
}

export const NO_ROOM_LINE: RoomLine = { tell: () => undefined };
