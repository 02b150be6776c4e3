import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SESSION_LIMITS } from './limits';
import type { Turn } from './session';
import { decidePost, type Actor, type PostedTurn } from './session-host';
import { dropWaiting, EMPTY_REPLICA, lastSeq, queueTurn, receiveTurns, type SessionReplica } from './session-replica';

/* A host and its participants with every mishap a network has, written around the two pure halves and nothing else. */

const SESSION_ID = 's';
const PEOPLE = 4;

/** Keeps what a transaction would have committed; everything else of it is lost at a restart. */
class Host {
  readonly stored: Turn[] = [];
  readonly joined = new Set<string>();
  rooms = new Map<string, Client>();

  post(participantId: string, posted: PostedTurn): ReturnType<typeof decidePost> {
    const actor: Actor | null = this.joined.has(participantId)
      ? { participantId, role: 'member', publicKey: '', left: false }
      : null;
    const state = { sessionId: SESSION_ID, status: 'open', lastSeq: this.stored.length, sizeBytes: 0 } as const;
    const decision = decidePost(state, actor, posted, {
      sameId: this.stored.find(({ id }) => id === posted.id) ?? null,
      knows: (id) => this.stored.some((turn) => turn.id === id),
      same: (stored, again) => stored.created_at === again.created_at,
    });
    if (decision.ok && decision.value.kind === 'append') this.stored.push(decision.value.turn);
    return decision;
  }
}

class Client {
  replica: SessionReplica = EMPTY_REPLICA;
  /** Broadcasts on their way; any may be lost or come twice. */
  inbox: Turn[] = [];
  written = 0;

  constructor(readonly id: string) {}

  write(): void {
    this.written += 1;
    const follows = this.replica.turns.at(-1)?.id;
    this.replica = queueTurn(this.replica, {
      id: `${this.id}-${this.written}`,
      participant_id: this.id,
      session_id: SESSION_ID,
      author: 'human',
      created_at: `2026-01-01T00:00:00.00${this.written % 10}Z`,
      content: [{ type: 'text', text: `${this.id} ${this.written}` }],
      ...(follows === undefined ? {} : { follows }),
    });
  }

  receive(turns: readonly Turn[]): boolean {
    const received = receiveTurns(this.replica, turns);
    if (received.conflict) throw new Error('the host and a copy do not agree');
    this.replica = received.replica;
    return received.gap;
  }

  catchUp(host: Host): void {
    if (host.joined.has(this.id)) this.receive(host.stored.slice(lastSeq(this.replica)));
  }
}

type Step =
  | { readonly do: 'join' | 'cut' | 'write' | 'resume'; readonly who: number }
  | { readonly do: 'send'; readonly who: number; readonly replyLost: boolean; readonly which: number }
  | { readonly do: 'deliver'; readonly who: number; readonly lose: boolean; readonly twice: boolean }
  | { readonly do: 'restart' };

const who = fc.integer({ min: 0, max: PEOPLE - 1 });
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom('join', 'cut', 'write', 'write', 'resume' as const), who }),
    fc.record({ do: fc.constant('send' as const), who, replyLost: fc.boolean(), which: fc.nat(3) }),
    fc.record({ do: fc.constant('deliver' as const), who, lose: fc.boolean(), twice: fc.boolean() }),
    fc.record({ do: fc.constant('restart' as const) }),
  ),
  { maxLength: 120 },
) as fc.Arbitrary<Step[]>;

function act(host: Host, clients: readonly Client[], step: Step): void {
  if (step.do === 'restart') {
    host.rooms = new Map();
    for (const client of clients) client.inbox = [];
    return;
  }
  const client = clients[step.who];
  if (client === undefined) throw new Error('no such client');
  if (step.do === 'join') host.joined.add(client.id);
  if (step.do === 'write') client.write();
  if (step.do === 'cut') host.rooms.delete(client.id);
  if (step.do === 'resume') {
    host.rooms.set(client.id, client);
    client.catchUp(host);
  }
  if (step.do === 'send') {
    // Any of the waiting turns, so that the order of sending differs from the order of writing.
    const turn = client.replica.waiting[step.which % Math.max(1, client.replica.waiting.length)];
    if (turn === undefined) return;
    const posted = host.post(client.id, turn);
    if (!posted.ok) {
      if (posted.error.code !== 'session-unknown') throw new Error(posted.error.message);
      return;
    }
    const seq = posted.value.kind === 'append' ? posted.value.turn.seq : posted.value.seq;
    const stored = host.stored[seq - 1];
    if (stored === undefined) throw new Error('a confirmed turn is not stored');
    for (const other of host.rooms.values()) other.inbox.push(stored);
    if (!step.replyLost && client.receive([stored])) client.catchUp(host);
  }
  if (step.do === 'deliver') {
    const turn = client.inbox.shift();
    if (turn === undefined || step.lose) return;
    if (client.receive(step.twice ? [turn, turn] : [turn])) client.catchUp(host);
  }
}

describe('the order of a session', () => {
  it('is one, without gaps, with every turn once, whatever happens on the way', () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const host = new Host();
        const clients = Array.from({ length: PEOPLE }, (_, index) => new Client(`p${index}`));
        for (const step of plan) act(host, clients, step);
        // In the end everybody is there, sends what waits, and catches up.
        for (const client of clients) {
          host.joined.add(client.id);
          for (const turn of client.replica.waiting) expect(host.post(client.id, turn).ok).toBe(true);
        }
        for (const client of clients) client.catchUp(host);

        expect(host.stored.map(({ seq }) => seq)).toEqual(host.stored.map((_, index) => index + 1));
        expect(new Set(host.stored.map(({ id }) => id)).size).toBe(host.stored.length);
        expect(host.stored.length).toBe(clients.reduce((sum, { written }) => sum + written, 0));
        for (const { replica } of clients) {
          expect(replica.turns).toEqual(host.stored);
          expect(replica.waiting).toEqual([]);
        }
        // Nobody's word stands before what it follows.
        const seqOf = new Map(host.stored.map(({ id, seq }) => [id, seq]));
        for (const turn of host.stored) {
          if (turn.follows !== undefined) expect(seqOf.get(turn.follows ?? '')).toBeLessThan(turn.seq);
        }
      }),
      { numRuns: 400 },
    );
  });
});

const posted: PostedTurn = {
  id: 't',
  participant_id: 'p',
  session_id: SESSION_ID,
  author: 'human',
  created_at: '2026-01-01T00:00:00Z',
  content: [],
};
const facts = { sameId: null, knows: () => false, same: () => true };
const member: Actor = { participantId: 'p', role: 'member', publicKey: '', left: false };
const open = { sessionId: SESSION_ID, status: 'open', lastSeq: 7, sizeBytes: 700 } as const;

describe('taking a turn', () => {
  it.each([
    ['of a stranger', null, open, posted, facts, 'session-unknown'],
    ['of one who left', { ...member, left: true }, open, posted, facts, 'session-unknown'],
    ['of an observer', { ...member, role: 'observer' as const }, open, posted, facts, 'role-denied'],
    ['in a closed session', member, { ...open, status: 'closed' as const }, posted, facts, 'session-closed'],
    ['in another name', member, open, { ...posted, participant_id: 'q' }, facts, 'turn-invalid'],
    ['of another session', member, open, { ...posted, session_id: 'other' }, facts, 'turn-invalid'],
    ['without its session', member, open, { ...posted, session_id: null }, facts, 'turn-invalid'],
    ['in a full session', member, { ...open, sizeBytes: SESSION_LIMITS.maxBytes }, posted, facts, 'limit-reached'],
    ['in reply to nothing', member, open, { ...posted, in_reply_to: 'x' }, facts, 'turn-invalid'],
    ['that edits nothing', member, open, { ...posted, metadata: { edits: 'x' } }, facts, 'turn-invalid'],
    [
      'under a used id',
      member,
      open,
      posted,
      { ...facts, sameId: { ...posted, seq: 3 }, same: () => false },
      'turn-changed',
    ],
    [
      "under another's id",
      member,
      open,
      posted,
      { ...facts, sameId: { ...posted, seq: 3, participant_id: 'q' } },
      'turn-changed',
    ],
  ])('%s is refused with its reason', (_name, actor, state, turn, known, code) => {
    const decision = decidePost(state, actor, turn, known);
    expect(decision.ok ? null : decision.error.code).toBe(code);
  });

  it('gives the next number, and the same one again', () => {
    expect(decidePost(open, member, posted, facts)).toEqual({
      ok: true,
      value: { kind: 'append', turn: { ...posted, seq: 8 } },
    });
    const again = { ...facts, sameId: { ...posted, seq: 3 } };
    const closed = { ...open, status: 'closed' as const };
    expect(decidePost(closed, member, posted, again)).toEqual({ ok: true, value: { kind: 'known', seq: 3 } });
  });
});

describe('a copy', () => {
  it('keeps what waits until its number comes, or the host refuses it', () => {
    const replica = queueTurn(queueTurn(EMPTY_REPLICA, posted), { ...posted, id: 'u' });
    const { replica: confirmed, gap } = receiveTurns(replica, [{ ...posted, seq: 1 }]);
    expect({ gap, waiting: confirmed.waiting.map(({ id }) => id) }).toEqual({ gap: false, waiting: ['u'] });
    expect(dropWaiting(confirmed, 'u').waiting).toEqual([]);
  });

  it('notices a gap, and a host that tells two stories', () => {
    const first = receiveTurns(EMPTY_REPLICA, [{ ...posted, seq: 1 }]).replica;
    expect(receiveTurns(first, [{ ...posted, id: 'v', seq: 3 }])).toMatchObject({ gap: true, added: [] });
    expect(receiveTurns(first, [{ ...posted, id: 'v', seq: 1 }])).toMatchObject({ conflict: true, added: [] });
  });
});
