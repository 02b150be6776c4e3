import { v7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import type { MessageOf, CoordinatorMessage } from '../../protocol/wire/messages';
import { systemClock, systemRandom } from '../clock';
import { silentLogger } from '../logger';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { GroupSessionService } from './group-session-service';
import { GroupSessionStore } from './group-session-store';
import { InvitationService } from './invitation-service';
import { SessionRooms, type ParticipantConnection } from './session-rooms';

type Reply = MessageOf<CoordinatorMessage, 'reply'>;

let database: Database;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

function roomsOn(): SessionRooms {
  const store = new GroupSessionStore(database, 'c');
  const service = new GroupSessionService(store, 'c', nodeCryptography, systemClock, systemRandom, (news) =>
    rooms.committed(news),
  );
  const invitations = new InvitationService(service, store, systemClock, systemRandom);
  const rooms = new SessionRooms(service, invitations, systemClock, silentLogger);
  return rooms;
}

/** A connection of a key, and what it is replied, in order. */
function connect(rooms: SessionRooms, publicKey: string) {
  const waiting: ((reply: Reply) => void)[] = [];
  const connection = rooms.open(publicKey, {
    send: () => Promise.resolve(true),
    sendText: () => undefined,
    close: () => undefined,
    reply: (message) => waiting.shift()?.(message),
  });
  if (connection === null) throw new Error('the key has too many connections');
  const ask = (call: Parameters<SessionRooms['receive']>[1]): Promise<Reply> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      rooms.receive(connection, call);
    });
  return { connection, ask };
}

const me = { display_name: 'P', platform: 'test', model: null };

it('leaves nobody in the room whose connection is lost while it enters', async () => {
  const rooms = roomsOn();
  const { publicKey } = generateSigner().signer;
  const sessionId = v7();
  const enter = { type: 'session-enter', call_id: 2, session_id: sessionId, after_seq: 0 } as const;
  const create = { type: 'session-create', call_id: 1, session_id: sessionId, title: 'S', mode: 'live', me } as const;
  const first = connect(rooms, publicKey);
  expect(await first.ask(create)).toMatchObject({ ok: true });
  expect([...first.connection.rooms]).toEqual([sessionId]);
  rooms.lost(first.connection);

  const vanished: ParticipantConnection[] = [];
  const replies: Promise<Reply>[] = [];
  for (let index = 0; index < 3; index += 1) {
    const { connection, ask } = connect(rooms, publicKey);
    replies.push(ask(enter));
    rooms.lost(connection);
    vanished.push(connection);
  }
  await Promise.all(replies);
  expect(vanished.map((connection) => [...connection.rooms])).toEqual([[], [], []]);
  rooms.stop();
});
