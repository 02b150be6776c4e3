import { nodeCryptography } from '../../keys/ed25519';
import type { Clock, Random } from '../clock';
import type { Logger } from '../logger';
import type { Database } from '../storage/database-schema';
import { GroupSessionService } from './group-session-service';
import { GroupSessionStore } from './group-session-store';
import { InvitationService } from './invitation-service';
import { PeerSessions } from './peer-sessions';
import { SessionRooms } from './session-rooms';
import { NO_ROOM_LINE, type RoomLine } from './shared-rooms';

/** The hosting of group sessions, put together; nothing runs yet. */
export function createGroupSessions(
  database: Database,
  coordinatorId: string,
  surroundings: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  /** To the other replicas, when there are any. */
  line: RoomLine = NO_ROOM_LINE,
): {
  readonly sessions: GroupSessionService;
  readonly rooms: SessionRooms;
  readonly peerSessions: PeerSessions;
} {
  const { clock, random, logger } = surroundings;
  const store = new GroupSessionStore(database, coordinatorId);
  const sessions = new GroupSessionService(store, coordinatorId, nodeCryptography, clock, random, (news) =>
    rooms.committed(news),
  );
  const rooms: SessionRooms = new SessionRooms(
    sessions,
    new InvitationService(sessions, store, clock, random),
    clock,
    logger,
    line,
  );
  return { sessions, rooms, peerSessions: new PeerSessions(store, coordinatorId, nodeCryptography) };
}
