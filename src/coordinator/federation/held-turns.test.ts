import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import type { PostedTurn } from '../../protocol/session/session-host';
import { openTestDatabase } from '../testing/test-database';
import type { Database } from '../storage/database-schema';
import { HeldTurns } from './held-turns';

const START = Date.parse('2026-03-01T00:00:00Z');
const DAY_MS = 86_400_000;

let opened: Awaited<ReturnType<typeof openTestDatabase>>;
let database: Database;
let nowMs = START;
let held: HeldTurns;
beforeEach(async () => {
  opened = await openTestDatabase();
  ({ database } = opened);
  nowMs = START;
  held = new HeldTurns(database, { nowMs: () => nowMs });
  for (const [session, peer, agreement] of [
    ['s', 'peer', 'agreement'],
    ['t', 'other', 'another'],
    ['u', 'other', 'agreement'],
  ] as const) {
    await database
      .insertInto('federation_sessions')
      .values({
        session_id: session,
        peer_key: peer,
        agreement_id: agreement,
        agreement_json: null,
        head_json: '{}',
        updated_at: '2026-03-01T00:00:00.000Z',
        last_seq: 0,
      })
      .execute();
  }
});
afterEach(() => opened.close());

function turn(id: string, text = 'A turn.'): PostedTurn {
  const content = [{ type: 'text' as const, text }];
  return { id, participant_id: 'p', session_id: 's', author: 'human', created_at: '2026-03-01T00:00:00Z', content };
}

/** Rows as `hold` writes them, many at once. */
async function fill(sessionId: string, publicKey: string, count: number, sizeBytes = 10): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    session_id: sessionId,
    turn_id: `${publicKey}-${index}`,
    public_key: publicKey,
    turn_json: '{}',
    size_bytes: sizeBytes,
    held_at: '2026-03-01T00:00:00.000Z',
    returned_code: null,
    returned_message: null,
  }));
  for (let from = 0; from < rows.length; from += 100) {
    await database
      .insertInto('federation_held_turns')
      .values(rows.slice(from, from + 100))
      .execute();
  }
}

const codeOf = (result: Awaited<ReturnType<HeldTurns['hold']>>): string => (result.ok ? 'ok' : result.error.code);

describe('turns that wait for a link', () => {
  it('keep their order, are kept once, and go by author', async () => {
    expect(codeOf(await held.hold('s', 'ada', turn('1')))).toBe('ok');
    expect(codeOf(await held.hold('s', 'ada', turn('2')))).toBe('ok');
    expect(codeOf(await held.hold('s', 'ben', turn('3')))).toBe('ok');
    expect(codeOf(await held.hold('s', 'ada', turn('1')))).toBe('ok');
    expect(codeOf(await held.hold('s', 'ada', turn('1', 'Another text.')))).toBe('turn-changed');
    expect(codeOf(await held.hold('s', 'ben', turn('1')))).toBe('turn-changed');
    expect((await held.authors('peer')).map(({ publicKey }) => publicKey).sort()).toEqual(['ada', 'ben']);
    expect(await held.authors('other')).toEqual([]);
    expect((await held.next({ sessionId: 's', publicKey: 'ada' }))?.id).toBe('1');
    await held.drop({ sessionId: 's', publicKey: 'ben' }, '1');
    expect((await held.next({ sessionId: 's', publicKey: 'ada' }))?.id).toBe('1');
    await held.drop({ sessionId: 's', publicKey: 'ada' }, '1');
    expect((await held.next({ sessionId: 's', publicKey: 'ada' }))?.id).toBe('2');
  });

  it('are refused beyond what is kept of one participant, and others still fit', async () => {
    await fill('s', 'ada', SESSION_LINK_LIMITS.maxHeldTurnsPerParticipant);
    expect(codeOf(await held.hold('s', 'ada', turn('one-more')))).toBe('limit-reached');
    expect(codeOf(await held.hold('s', 'ben', turn('1')))).toBe('ok');
    await held.drop({ sessionId: 's', publicKey: 'ada' }, 'ada-0');
    expect(codeOf(await held.hold('s', 'ada', turn('one-more')))).toBe('ok');
  });

  it('are refused beyond what is kept of a session, and of all of them', async () => {
    const each = SESSION_LINK_LIMITS.maxHeldTurnsPerParticipant;
    const people = SESSION_LINK_LIMITS.maxHeldTurnsPerSession / each;
    for (let person = 0; person < people; person += 1) await fill('s', `person-${person}`, each);
    expect(codeOf(await held.hold('s', 'ada', turn('1')))).toBe('limit-reached');
    expect(codeOf(await held.hold('t', 'ada', turn('1')))).toBe('ok');
    await fill('t', 'loud', 1, SESSION_LINK_LIMITS.maxHeldBytes);
    expect(codeOf(await held.hold('t', 'ada', turn('2')))).toBe('limit-reached');
  });

  it('go back with a reason when the agreement ends, and are forgotten long after', async () => {
    await held.hold('s', 'ada', turn('1'));
    await held.hold('t', 'ada', turn('2'));
    await held.hold('u', 'ada', turn('3'));
    const reason = { code: 'agreement-over', message: 'The agreement has ended.' };
    expect(await held.giveAllBack({ peerKey: 'peer', agreementId: 'agreement' }, reason)).toEqual([
      { sessionId: 's', publicKey: 'ada', turnId: '1' },
    ]);
    // Another agreement of the same id, with another peer, has not ended.
    expect((await held.next({ sessionId: 'u', publicKey: 'ada' }))?.id).toBe('3');
    expect(await held.next({ sessionId: 's', publicKey: 'ada' })).toBeNull();
    expect((await held.next({ sessionId: 't', publicKey: 'ada' }))?.id).toBe('2');
    // Whoever sends it again hears why.
    expect(await held.hold('s', 'ada', turn('1'))).toMatchObject({ ok: true, value: { returned: reason } });
    await held.prune();
    expect(await held.hold('s', 'ada', turn('1'))).toMatchObject({ value: { returned: reason } });
    nowMs += (SESSION_LINK_LIMITS.returnedTurnDays + 1) * DAY_MS;
    await held.prune();
    expect(await held.hold('s', 'ada', turn('1'))).toMatchObject({ value: { returned: null } });
    expect((await held.next({ sessionId: 't', publicKey: 'ada' }))?.id).toBe('2');
  });
});
