import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../../keys/ed25519';
import { A, B, got, JOIN, T0 } from '../../../keys/testing/handshake-pair';
import { proposal, testParty, withNewKey } from '../../../keys/testing/test-party';
import type { InboxBatch } from '../../../node/party/party-client';
import { failure, success, type Failure, type Result } from '../../../protocol/result';
import { advanceHandshake } from '../../../protocol/trust/advance-handshake';
import { composeMessage, composeProposal, type MessageWriter } from '../../../protocol/trust/compose-message';
import type { Handshake } from '../../../protocol/trust/handshake';
import type { HandshakeContent, HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { HandshakeBook } from './handshake-book';
import { HandshakeMail } from './handshake-mail';
import type { ConnectedParty } from './trust-connection';
import { TrustFolder } from './trust-folder';

const ID = '01957000-0000-7000-8000-0000000000a1';
const STRANGER = testParty(3);

let path: string;
let folder: TrustFolder;
let book: HandshakeBook;
const timers = new ManualTimers(T0 + 1_000);
const toB = { node_id: B.nodeId, public_key: B.signer.publicKey };

async function openBook(): Promise<HandshakeBook> {
  const opened = new HandshakeBook(folder, timers, new RecordingLog());
  await opened.load();
  return opened;
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'tore-mail-'));
  folder = new TrustFolder(path, () => timers.now(), new RecordingLog());
  await folder.open();
  book = await openBook();
});
afterEach(() => rm(path, { recursive: true, force: true }));

/** A proposal and the state its writer has after it. */
function proposed(writer: MessageWriter, to: HandshakeMessage['to'], id = ID) {
  return got(composeProposal(id, to, { writer, content: proposal(T0), nowMs: T0 }, nodeCryptography));
}

function written(state: Handshake, writer: MessageWriter, content: HandshakeContent) {
  return got(composeMessage(state, { writer, content, nowMs: timers.now() }, nodeCryptography));
}

interface Coordinator {
  /** Answers a request for the inbox. */
  readonly inbox?: (after: number) => InboxBatch | Promise<InboxBatch>;
  readonly send?: (message: object) => Result<unknown>;
}

function createMail(writer: MessageWriter, { inbox, send }: Coordinator) {
  const asked: number[] = [];
  const positions = new Map<string, number>();
  const takenBack: Failure[] = [];
  const client = {
    inbox: async (request: object) => {
      const { after } = request as { after: number };
      asked.push(after);
      return success((await inbox?.(after)) ?? { messages: [], more: false });
    },
    send: async (message: object) => send?.(message) ?? success({}),
  };
  const party = { client, coordinatorId: 'c', place: 'http://c c' } as unknown as ConnectedParty;
  const mail = new HandshakeMail({
    book,
    connection: () => success(party),
    writer: () => writer,
    position: (name) => positions.get(name) ?? 0,
    keepPosition: async (name, position) => void positions.set(name, position),
    onReceived: async () => undefined,
    onTakenBack: (error) => takenBack.push(error),
    onChange: () => undefined,
    timers,
    log: new RecordingLog(),
  });
  return { mail, asked, positions, takenBack };
}

describe('the inbox of a party', () => {
  it('is not read for ever where a coordinator always has more', async () => {
    const same = createMail(A, { inbox: () => ({ messages: [{ position: 1, message: null }], more: true }) });
    await same.mail.sync();
    expect(same.asked).toEqual([0, 1]);
    const endless = createMail(A, {
      inbox: (after) => ({ messages: [{ position: after + 1, message: null }], more: true }),
    });
    await endless.mail.sync();
    expect(endless.asked.length).toBeLessThanOrEqual(50);
    // What is left is read the next time.
    await endless.mail.sync();
    expect(endless.asked.at(-1)).toBeGreaterThan(50);
  });

  it('is read once more, however often a coordinator says meanwhile that something waits', async () => {
    let answer = (_batch: InboxBatch): void => undefined;
    const { mail, asked } = createMail(A, {
      inbox: () =>
        new Promise<InboxBatch>((resolve) => {
          answer = resolve;
        }),
    });
    const first = mail.sync();
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(1);
    const others = Array.from({ length: 1_000 }, () => mail.sync());
    answer({ messages: [], more: false });
    await first;
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(2);
    answer({ messages: [], more: false });
    await Promise.all(others);
    expect(asked).toHaveLength(2);
  });

  it('takes no proposal between others, and one to a key that was replaced', async () => {
    const own = withNewKey(B, 12);
    const between = proposed(A, { node_id: STRANGER.nodeId, public_key: STRANGER.signer.publicKey }, 'between-others');
    const mine = proposed(A, toB);
    const messages = [between, mine].map(({ message }, index) => ({ position: index + 1, message }));
    const { mail, positions } = createMail(own, {
      inbox: (after) => ({ messages: messages.filter(({ position }) => position > after), more: false }),
    });
    await mail.sync();
    expect(book.all().map(({ state }) => state.id)).toEqual([ID]);
    expect([...positions.values()]).toEqual([2]);
  });

  it('keeps at the coordinator what could not be written here', async () => {
    const { message } = proposed(A, toB);
    const inbox = (after: number): InboxBatch => ({
      messages: after < 1 ? [{ position: 1, message }] : [],
      more: false,
    });
    await rm(join(path, 'handshakes'), { recursive: true });
    const { mail, positions } = createMail(B, { inbox });
    await mail.sync();
    expect(positions.size).toBe(0);
    await folder.open();
    await mail.sync();
    expect(book.all()).toHaveLength(1);
  });
});

describe('a message that waits', () => {
  it('stays when somebody else answers in the coordinator’s place, or the coordinator is stopping', async () => {
    got(await book.propose(ID, toB, A, proposal(T0)));
    for (const code of ['answer-invalid', 'answer-too-large', 'coordinator-stopping', 'too-many-requests']) {
      const { mail, takenBack } = createMail(A, { send: () => failure(code, 'Not now.') });
      await mail.sync();
      expect(takenBack).toEqual([]);
      expect(book.unsent(ID)).toHaveLength(1);
    }
  });

  it('was sent once the other party has seen it, whatever the coordinator says', async () => {
    got(await book.propose(ID, toB, A, proposal(T0)));
    got(await book.change(ID, (file) => ({ ...file, note: 'A thought of mine.' })));
    const proposalOfA = book.unsent(ID)[0];
    if (proposalOfA === undefined) throw new Error('nothing waits');
    const joined = written(got(advanceHandshake(null, proposalOfA, nodeCryptography)), B, JOIN);
    const refused = createMail(A, {
      inbox: (after) => ({ messages: after < 1 ? [{ position: 1, message: joined.message }] : [], more: false }),
      send: () => failure('message-invalid', 'No.'),
    });
    await refused.mail.sync();
    expect(book.unsent(ID)).toEqual([]);
    expect(got(book.find(ID)).file).toMatchObject({ note: 'A thought of mine.', responder: [joined.message] });
    expect(refused.takenBack).toEqual([]);
  });
});
