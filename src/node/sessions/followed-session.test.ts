import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateSigner, nodeEd25519 } from '../../keys/ed25519';
import { failure, success, type Result } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import { signTurn } from '../../protocol/signing/sign-document';
import type { EnteredSession, SessionHead } from '../../protocol/wire/session-messages';
import type { Clock } from '../clock';
import { silentLogger } from '../logger';
import { FollowedSession, type FollowedSessionOptions } from './followed-session';
import type { ParticipantConnection } from './participant-connection';
import { ReplicaFiles } from './replica-files';

/* One session at a host that is played by the test, which also decides when time passes. */

const AT = '2026-01-01T00:00:00.000Z';
const [ada, ben, host] = [generateSigner().signer, generateSigner().signer, generateSigner().signer];
const [adasId, bensId, sessionId] = [v7(), v7(), v7()];

let folder = '';
let files: ReplicaFiles;
let due: (() => void)[] = [];

const clock: Clock = {
  now: () => Date.parse(AT),
  monotonicMs: () => 0,
  random: () => 0.5,
  schedule: (_delayMs, action) => {
    due.push(action);
    return () => {
      due = due.filter((one) => one !== action);
    };
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-followed-'));
  files = new ReplicaFiles(folder);
  due = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The pause before another attempt is over. */
function passTime(): void {
  for (const action of due.splice(0)) action();
}

function participant(id: string, publicKey: string): SessionParticipant {
  return { id, display_name: 'P', platform: 'test', role: 'member', public_key: publicKey, joined_at: AT };
}

function head(lastSeq: number): SessionHead {
  return {
    id: sessionId,
    title: 'Assay',
    mode: 'live',
    status: 'open',
    coordinator_id: 'c',
    agreement_ref: null,
    cost_unit: 'GFT',
    cost_rate: 1,
    created_at: AT,
    updated_at: AT,
    last_seq: lastSeq,
  };
}

function turn(seq: number, id: string, signer: typeof ada): Turn {
  const bare = { id: v7(), seq, participant_id: id, session_id: sessionId, author: 'human' as const, created_at: AT };
  const signed = signTurn(
    { ...bare, content: [{ type: 'text' as const, text: `turn ${seq}` }] },
    { id, public_key: signer.publicKey },
    signer,
    nodeEd25519,
  );
  if (!signed.ok) throw new Error(signed.error.message);
  return signed.value;
}

const entered = (lastSeq = 0, turns: Turn[] = []): EnteredSession => ({
  head: head(lastSeq),
  participant_id: adasId,
  participants: [participant(adasId, ada.publicKey), participant(bensId, ben.publicKey)],
  turns,
  present: [],
  agreement: null,
});

const options = (): FollowedSessionOptions => ({ files, clock, logger: silentLogger, onChange: () => undefined });

function follow(): FollowedSession {
  const { participant_id: participantId, participants } = entered();
  const rest = { agreement: null, waiting: [], refused: [], readSeq: 0, ended: null, savedAt: AT };
  return new FollowedSession(
    { formatVersion: 1, head: head(0), hostUrl: 'http://host', participantId, participants, ...rest },
    [],
    options(),
  );
}

async function stored(): Promise<FollowedSession> {
  const { sessions } = await new ReplicaFiles(folder).readAll();
  const [session] = sessions;
  if (session === undefined) throw new Error('nothing is stored');
  return FollowedSession.ofStored(session, options());
}

/** A connection whose host answers as the test says. */
function connectionTo(answer: (type: string) => Result<unknown>): ParticipantConnection {
  const call = ({ type }: { readonly type: string }): Promise<Result<unknown>> => Promise.resolve(answer(type));
  return { call, typing: () => undefined, stream: () => undefined } as unknown as ParticipantConnection;
}

describe('a host that gives another key to a participant', () => {
  it('cannot make its own words theirs: the first key stays, and it is remembered', async () => {
    const session = follow();
    await session.entered(
      connectionTo(() => success({ turns: [], last_seq: 0 })),
      entered(),
      'http://host',
    );
    const [real, forged] = [turn(1, bensId, ben), turn(2, bensId, host)];
    session.receive({ type: 'session-turns', session_id: sessionId, turns: [real, forged] });
    const swapped = { ...participant(bensId, host.publicKey), display_name: 'Ben' };
    session.receive({ type: 'session-changed', session_id: sessionId, participants: [swapped] });
    expect([...session.unverified]).toEqual([forged.id]);
    expect(session.participants[1]).toMatchObject({ display_name: 'Ben', public_key: ben.publicKey });
    expect(session.conflict).toBe(true);
    await session.settled();

    const again = await stored();
    expect(again.conflict).toBe(true);
    const swappedOnEntering = { ...entered(2), participants: [participant(bensId, host.publicKey)] };
    await again.entered(
      connectionTo(() => success({ turns: [], last_seq: 2 })),
      swappedOnEntering,
      'http://host',
    );
    expect(again.participants.map(({ public_key: key }) => key)).toEqual([ada.publicKey, ben.publicKey]);
    await again.settled();
    expect([...(await stored()).unverified]).toEqual([forged.id]);
  });
});

describe('a host that tells what cannot be', () => {
  const nothing = connectionTo(() => success({ turns: [], last_seq: 0 }));
  const changed = (change: object): Parameters<FollowedSession['receive']>[0] => ({
    type: 'session-changed',
    session_id: sessionId,
    ...change,
  });

  it('cannot have the record of another session written over', async () => {
    const session = follow();
    await session.entered(nothing, entered(), 'http://host');
    const elsewhere = v7();
    session.receive(changed({ head: { ...head(0), id: elsewhere, title: 'Stolen' } }));
    session.receive(changed({ head: { ...head(0), title: 'Renamed' } }));
    expect([session.id, session.head.title]).toEqual([sessionId, 'Renamed']);
    await session.settled();
    expect((await new ReplicaFiles(folder).readAll()).sessions.map(({ record }) => record.head.id)).toEqual([
      sessionId,
    ]);

    const asked = await session.enter(
      connectionTo(() => success({ ...entered(), head: { ...head(0), id: elsewhere } })),
      'http://host',
    );
    expect(asked).toMatchObject({ ok: false, error: { code: 'answer-invalid' } });
    expect(session.id).toBe(sessionId);
    await session.settled();
  });

  it('cannot make the copy unreadable with endless participants', async () => {
    const session = follow();
    await session.entered(nothing, entered(), 'http://host');
    for (let told = 0; told < 3; told += 1) {
      const participants = Array.from({ length: 500 }, () => participant(v7(), host.publicKey));
      session.receive(changed({ participants }));
    }
    session.receive(changed({ participants: [{ ...participant(bensId, ben.publicKey), display_name: 'Benjamin' }] }));
    await session.settled();
    const again = await stored();
    expect(again.participants).toHaveLength(SESSION_LIMITS.maxParticipants);
    expect(again.participants.find(({ id }) => id === bensId)?.display_name).toBe('Benjamin');
  });

  it('is not asked over and over for pages that bring nothing on', async () => {
    const session = follow();
    let pages = 0;
    const known = turn(1, bensId, ben);
    const repeating = connectionTo(() => {
      pages += 1;
      if (pages > 20) throw new Error('asked without a pause');
      return success({ turns: [known], last_seq: 3 });
    });
    await session.entered(repeating, entered(3, [known]), 'http://host');
    expect([session.turns.length, session.link, pages]).toEqual([1, 'catching-up', 1]);
    passTime();
    await expect.poll(() => pages).toBe(2);
    await session.settled();
  });

  it('fills no more memory and disk than a session can hold', async () => {
    const written = vi.spyOn(files, 'appendTurns').mockResolvedValue(success(undefined));
    const session = follow();
    await session.entered(nothing, entered(), 'http://host');
    const padding = 'x'.repeat(SESSION_LIMITS.maxTurnBytes - 1_000);
    for (let seq = 1; seq < 1_000 && session.ended === null; seq += 1) {
      const large = { ...turn(seq, bensId, ben), metadata: { padding } };
      session.receive({ type: 'session-turns', session_id: sessionId, turns: [large] });
    }
    const held = session.turns.length;
    expect(held * padding.length).toBeLessThan(SESSION_LIMITS.maxBytes + 2 * SESSION_LIMITS.maxTurnBytes);
    expect(held * SESSION_LIMITS.maxTurnBytes).toBeGreaterThan(SESSION_LIMITS.maxBytes);
    expect(session.ended).toContain('more than a session can hold');
    await session.settled();
    expect(written).toHaveBeenCalledTimes(held);
    await session.entered(nothing, entered(), 'http://host');
    expect(session.ended).toContain('more than a session can hold');
    expect(session.host).toBeNull();
    await session.settled();
  });

  it('is known for it after a start as well', async () => {
    const session = follow();
    const [first, second] = [turn(1, bensId, ben), { ...turn(2, bensId, ben), metadata: { note: 'naïve' } }];
    await session.entered(nothing, entered(2, [first, second]), 'http://host');
    await session.settled();
    const [kept] = (await new ReplicaFiles(folder).readAll()).sessions;
    if (kept === undefined) throw new Error('nothing is stored');
    expect(kept.bytes).toBe(Buffer.byteLength(JSON.stringify(first) + JSON.stringify(second), 'utf8'));

    const full = FollowedSession.ofStored({ ...kept, bytes: 2 * SESSION_LIMITS.maxBytes }, options());
    await full.entered(nothing, entered(3, []), 'http://host');
    expect(full.ended).toContain('more than a session can hold');
    await full.settled();
  });

  it('shows no more answers at once, and no longer ones, than anybody could write', async () => {
    const session = follow();
    await session.entered(nothing, entered(), 'http://host');
    const stream = (turnId: string, offset: number, text: string): void =>
      session.receive({
        type: 'session-streamed',
        session_id: sessionId,
        participant_id: bensId,
        piece: { turn_id: turnId, in_reply_to: null, offset, text, state: 'writing' },
      });
    const first = v7();
    const piece = 'x'.repeat(SESSION_LIMITS.maxStreamPieceLength);
    for (let offset = 0; offset <= SESSION_LIMITS.maxStreamLength; offset += piece.length) stream(first, offset, piece);
    expect(session.streams.get(first)?.text).toHaveLength(SESSION_LIMITS.maxStreamLength);
    for (let count = 0; count < 1_000; count += 1) stream(v7(), 0, 'x');
    expect(session.streams.size).toBeLessThan(300);
    await session.settled();
  });
});

describe('a host that cannot do something now', () => {
  it('is asked again for what is missing and sent again what waits, while the connection stands', async () => {
    const busy = failure('limit-reached', 'Slower, please.', { retryable: true });
    const missing = [turn(1, bensId, ben)];
    let refusals = 1;
    const asked: string[] = [];
    const connection = connectionTo((type) => {
      asked.push(type);
      if (refusals > 0) {
        refusals -= 1;
        return busy;
      }
      return success(type === 'session-read' ? { turns: missing, last_seq: 1 } : { seq: 2 });
    });
    const session = follow();
    await session.entered(connection, entered(1), 'http://host');
    expect(session.link).toBe('catching-up');
    passTime();
    await expect.poll(() => session.link).toBe('current');
    expect(session.turns).toHaveLength(1);
    expect(due).toEqual([]);

    refusals = 2;
    const { seq: _seq, ...posted } = turn(2, adasId, ada);
    await session.post(posted);
    for (const left of [1, 0]) {
      await expect.poll(() => due.length).toBe(1);
      expect([session.waiting.length, refusals]).toEqual([1, left]);
      passTime();
    }
    await expect.poll(() => session.waiting.length).toBe(0);
    expect(session.turns).toHaveLength(2);
    expect(asked).toEqual(['session-read', 'session-read', 'session-post', 'session-post', 'session-post']);

    refusals = 1;
    const { seq: _next, ...another } = turn(3, adasId, ada);
    await session.post(another);
    await expect.poll(() => due.length).toBe(1);
    session.lost();
    expect(due).toEqual([]);
    await session.settled();
  });
});
