import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { v7 } from 'uuid';
import { generateSigner, nodeCryptography, nodeEd25519 } from '../../keys/ed25519';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { PostedTurn } from '../../protocol/session/session-host';
import { signTurn } from '../../protocol/signing/sign-document';
import { systemClock, systemRandom } from '../clock';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { GroupSessionService } from './group-session-service';
import { GroupSessionStore } from './group-session-store';
import type { SessionNews } from './session-news';

/* The real host on a real database: calls that overtake each other, come twice, and a host that starts again. */

let database: Database;
let close: () => Promise<void>;

beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

const PEOPLE = 3;

interface Person {
  readonly key: ReturnType<typeof generateSigner>['signer'];
  id: string;
}

function hostOn(news: SessionNews[]): GroupSessionService {
  const store = new GroupSessionStore(database, 'c');
  return new GroupSessionService(store, 'c', nodeCryptography, systemClock, systemRandom, (each) => news.push(each));
}

function turnOf(person: Person, sessionId: string, text: string): PostedTurn {
  const signed = signTurn(
    {
      id: v7(),
      participant_id: person.id,
      session_id: sessionId,
      author: 'human' as const,
      created_at: new Date().toISOString(),
      content: [{ type: 'text' as const, text }],
    },
    { id: person.id, public_key: person.key.publicKey },
    person.key,
    nodeEd25519,
  );
  if (!signed.ok) throw new Error(signed.error.message);
  return signed.value;
}

const me = { display_name: 'P', platform: 'test', model: null };

describe('the order of a hosted session', () => {
  it('has no gap and no turn twice, whatever is called at once and again', async () => {
    const rounds = fc.array(
      fc.record({
        posts: fc.array(fc.record({ who: fc.nat(PEOPLE - 1), times: fc.integer({ min: 1, max: 3 }) }), {
          maxLength: 6,
        }),
        restart: fc.boolean(),
      }),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(rounds, async (plan) => {
        const news: SessionNews[] = [];
        let host = hostOn(news);
        const sessionId = v7();
        const people: Person[] = Array.from({ length: PEOPLE }, () => ({ key: generateSigner().signer, id: '' }));
        const [owner] = people;
        if (owner === undefined) throw new Error('nobody is there');
        const create = {
          type: 'session-create',
          call_id: 1,
          session_id: sessionId,
          title: 'S',
          mode: 'live',
          me,
        } as const;
        const made = await Promise.all([
          host.create(owner.key.publicKey, create),
          host.create(owner.key.publicKey, create),
        ]);
        expect(made.map(({ ok }) => ok)).toEqual([true, true]);
        for (const [index, person] of people.entries()) {
          if (index > 0) await invite(host, sessionId, person);
          const entered = await host.enter(person.key.publicKey, sessionId, 0);
          if (entered.ok) person.id = entered.value.participant_id;
        }
        const written: string[] = [];
        for (const { posts, restart } of plan) {
          if (restart) host = hostOn(news);
          const calls = posts.flatMap(({ who, times }) => {
            const person = people[who] ?? owner;
            const turn = turnOf(person, sessionId, `turn ${written.length}`);
            written.push(turn.id);
            return Array.from({ length: times }, () => host.post(person.key.publicKey, sessionId, turn));
          });
          expect((await Promise.all(calls)).every(({ ok }) => ok)).toBe(true);
        }
        const entered = await host.enter(owner.key.publicKey, sessionId, 0);
        const turns = entered.ok ? entered.value.turns : [];
        expect(turns.map(({ seq }) => seq)).toEqual(written.map((_, index) => index + 1));
        expect(turns.map(({ id }) => id).sort()).toEqual([...written].sort());
        // What was told is what is kept, each once.
        const told = news.flatMap((each) => each.turns ?? []).sort((a, b) => a.seq - b.seq);
        expect(told).toEqual(turns);
      }),
      { numRuns: 15 },
    );
  });

  it('counts the bytes of its turns, and takes no more once it is full', async () => {
    const host = hostOn([]);
    const sessionId = v7();
    const { signer: key } = generateSigner();
    const call = { type: 'session-create', call_id: 1, session_id: sessionId, title: 'S', mode: 'async', me } as const;
    const made = await host.create(key.publicKey, call);
    const owner: Person = { key, id: made.ok ? made.value.participant_id : '' };
    const post = (text: string): ReturnType<GroupSessionService['post']> =>
      host.post(key.publicKey, sessionId, turnOf(owner, sessionId, text));
    await post('one');
    await post('two, which is longer');
    const turns = await database
      .selectFrom('group_turns')
      .select('turn_json')
      .where('session_id', '=', sessionId)
      .execute();
    const size = turns.reduce((sum, { turn_json: text }) => sum + Buffer.byteLength(text, 'utf8'), 0);
    const store = new GroupSessionStore(database, 'c');
    expect(await store.find(sessionId)).toMatchObject({ size_bytes: size });
    await database
      .updateTable('group_sessions')
      .set({ size_bytes: SESSION_LIMITS.maxBytes })
      .where('id', '=', sessionId)
      .execute();
    expect(await post('too much')).toMatchObject({ ok: false, error: { code: 'limit-reached', retryable: false } });
  });
});

it('counts an entry as spent for every turn but the one it was confirmed for, also of the same id', async () => {
  const store = new GroupSessionStore(database, 'c');
  const [turn, elsewhere] = [{ sessionId: v7(), id: v7() }, v7()];
  const confirmed = { coordinator_id: 'c', ledger_ref: v7(), session_id: turn.sessionId, turn_id: turn.id };
  await store.transaction((transaction) => store.guests.saveConfirmation(transaction, confirmed));
  const spent = (of: typeof turn): Promise<boolean> => store.isSpent(confirmed.ledger_ref, database, of);
  expect(await spent(turn)).toBe(false);
  expect(await spent({ ...turn, sessionId: elsewhere })).toBe(true);
  expect(await spent({ ...turn, id: elsewhere })).toBe(true);
});

/** Lets somebody in without an invitation service: by the row an invitation would have led to. */
async function invite(host: GroupSessionService, sessionId: string, person: Person): Promise<void> {
  const row = {
    session_id: sessionId,
    id: v7(),
    public_key: person.key.publicKey,
    display_name: 'P',
    platform: 'test',
    role: 'member' as const,
    model_json: null,
    joined_at: new Date().toISOString(),
    left_at: null,
    removed: 0,
  };
  await database.insertInto('group_participants').values(row).execute();
  const joined = await host.join(person.key.publicKey, { type: 'session-join', call_id: 1, session_id: sessionId, me });
  if (!joined.ok) throw new Error(joined.error.message);
}
