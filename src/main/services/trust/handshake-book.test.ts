import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../../keys/ed25519';
import { A, B, got, JOIN, T0 } from '../../../keys/testing/handshake-pair';
import { proposal, question, withNewKey } from '../../../keys/testing/test-party';
import { advanceHandshake } from '../../../protocol/trust/advance-handshake';
import { composeMessage, composeProposal } from '../../../protocol/trust/compose-message';
import type { Handshake } from '../../../protocol/trust/handshake';
import type { HandshakeContent, HandshakeMessage } from '../../../protocol/trust/handshake-message';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { HandshakeBook } from './handshake-book';
import { handshakeView } from './handshake-views';
import { TrustFolder } from './trust-folder';

const ID = '01957000-0000-7000-8000-0000000000a1';

let path: string;
let folder: TrustFolder;
let book: HandshakeBook;
const timers = new ManualTimers(T0 + 1_000);
const toA = { node_id: A.nodeId, public_key: A.signer.publicKey };
const toB = { node_id: B.nodeId, public_key: B.signer.publicKey };

async function openBook(): Promise<HandshakeBook> {
  const opened = new HandshakeBook(folder, timers, new RecordingLog());
  await opened.load();
  return opened;
}

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'tore-book-'));
  folder = new TrustFolder(path, () => timers.now(), new RecordingLog());
  await folder.open();
  book = await openBook();
});
afterEach(() => rm(path, { recursive: true, force: true }));

/** B's proposal to A, and the state B has after it. */
function proposedByB() {
  return got(composeProposal(ID, toA, { writer: B, content: proposal(T0), nowMs: T0 }, nodeCryptography));
}

function writtenByB(state: Handshake, content: HandshakeContent) {
  return got(composeMessage(state, { writer: B, content, nowMs: timers.now() }, nodeCryptography));
}

describe('a handshake on disk', () => {
  it('follows from its messages also where one went to a key that another made known', async () => {
    const begun = proposedByB();
    got(await book.take(begun.message));
    const renewed = withNewKey(A, 11);
    got(await book.write(ID, renewed, JOIN));
    // Written as if nothing of this side had been seen yet, but to its newest key.
    const early = writtenByB(
      {
        ...begun.handshake,
        parties: {
          ...begun.handshake.parties,
          responder: { ...begun.handshake.parties.responder, keys: [toA.public_key, renewed.signer.publicKey] },
        },
      },
      { kind: 'withdraw' },
    );
    got(await book.take(early.message));
    expect((await openBook()).all()).toHaveLength(1);
  });

  it('is shown whatever a challenge is called', async () => {
    const begun = proposedByB();
    got(await book.take(begun.message));
    const own = got(await book.write(ID, A, JOIN));
    const challenge = writtenByB(
      got(advanceHandshake(begun.handshake, own.file.responder[0] as HandshakeMessage, nodeCryptography)),
      question('constructor'),
    );
    const kept = got(await book.take(challenge.message));
    expect(handshakeView(kept, timers.now()).challenges).toMatchObject([
      { id: 'constructor', note: '', verdict: null },
    ]);
  });

  it('grows no larger than it can be read again', async () => {
    const kept = got(await book.propose(ID, toB, A, proposal(T0)));
    const notes = Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`${index}`, 'n'.repeat(60_000)]));
    expect(await folder.saveHandshake({ ...kept.file, notes })).toMatchObject({ error: { code: 'file-invalid' } });
    expect((await openBook()).all()).toHaveLength(1);
  });

  it('counts as sent what the other party has seen, and loses nothing when the rest is taken back', async () => {
    got(await book.propose(ID, toB, A, proposal(T0)));
    const [message] = book.unsent(ID);
    if (message === undefined) throw new Error('nothing waits');
    const joined = writtenByB(got(advanceHandshake(null, message, nodeCryptography)), JOIN);
    got(await book.take(joined.message));
    got(await book.takeBack(ID));
    expect(got(book.find(ID)).file).toMatchObject({ sentThrough: 1, proposer: [message], responder: [joined.message] });
  });

  it('of strangers takes a bounded room together, until one is answered', async () => {
    const small = new HandshakeBook(folder, timers, new RecordingLog(), 300_000);
    const proposalOf = (index: number): HandshakeMessage => {
      const content = { ...proposal(T0), purpose: 'p'.repeat(60_000) };
      const id = `${ID.slice(0, -1)}${index}`;
      return got(composeProposal(id, toA, { writer: B, content, nowMs: T0 }, nodeCryptography)).message;
    };
    const proposals = Array.from({ length: 6 }, (_, index) => proposalOf(index));
    const taken = [];
    for (const message of proposals) taken.push((await small.take(message)).ok);
    expect(taken).toEqual([true, true, true, true, false, false]);
    got(await small.write(proposals[0]?.handshake_id ?? '', A, JOIN));
    expect((await small.take(proposals[4] as HandshakeMessage)).ok).toBe(true);
    expect(await small.take(proposals[5] as HandshakeMessage)).toMatchObject({ error: { code: 'handshakes-full' } });
    // What was taken counts again after a start.
    const again = new HandshakeBook(folder, timers, new RecordingLog(), 300_000);
    await again.load();
    expect(await again.take(proposals[5] as HandshakeMessage)).toMatchObject({ error: { code: 'handshakes-full' } });

    // Those whose time is over without an answer make room, and the answered one stays.
    const later = new ManualTimers(T0 + 366 * 86_400_000);
    const afterwards = new HandshakeBook(folder, later, new RecordingLog(), 300_000);
    await afterwards.load();
    const fresh = { ...proposal(later.now()), purpose: 'p'.repeat(60_000) };
    const draft = { writer: B, content: fresh, nowMs: later.now() };
    const newest = got(composeProposal(`${ID.slice(0, -1)}f`, toA, draft, nodeCryptography)).message;
    got(await afterwards.take(newest));
    const ids = new Set(afterwards.all().map(({ file }) => file.id));
    expect([ids.has(newest.handshake_id), ids.has(proposals[0]?.handshake_id ?? ''), ids.size]).toEqual([
      true,
      true,
      5,
    ]);
  });
});
