import { v7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import type { EnteredSession } from '../../protocol/wire/session-messages';
import { systemClock } from '../clock';
import type { Database } from '../storage/database-schema';
import { openDatabase } from '../storage/open-database';
import { freshLocation, type TestLocation } from '../testing/test-database';
import { SessionCopies } from './session-copies';

const AT = '2026-01-01T00:00:00.000Z';
const [sessionId, bensId] = [v7(), v7()];
const keyOf = (fill: number): string => Buffer.alloc(32, fill).toString('base64');

let place: TestLocation;
let database: Database;
let copies: SessionCopies;

beforeEach(async () => {
  place = await freshLocation();
  const opened = await openDatabase(place.location);
  if (!opened.ok) throw new Error(opened.error.message);
  database = opened.value;
  copies = new SessionCopies(database, systemClock);
});
afterEach(async () => {
  await database.destroy();
  await place.drop();
});

function participant(id: string): SessionParticipant {
  return { id, display_name: 'P', platform: 'test', role: 'member', public_key: keyOf(1), joined_at: AT };
}

const entered = (participants: readonly SessionParticipant[]): EnteredSession => ({
  head: {
    id: sessionId,
    title: 'Assay',
    mode: 'live',
    status: 'open',
    coordinator_id: 'c',
    agreement_ref: 'a',
    cost_unit: 'GFT',
    cost_rate: 1,
    created_at: AT,
    updated_at: AT,
    last_seq: 0,
  },
  participant_id: bensId,
  participants: [...participants],
  turns: [],
  present: [],
  agreement: null,
});

function turn(seq: number): Turn {
  const content = [{ type: 'text' as const, text: `turn ${seq}` }];
  return { id: v7(), seq, participant_id: bensId, author: 'human', created_at: AT, content };
}

const enter = (participants = [participant(bensId)]): ReturnType<SessionCopies['keep']> =>
  copies.keep({ peerKey: keyOf(9), agreementId: 'a' }, entered(participants), keyOf(1));

describe('the copy of a session at a peer', () => {
  it('takes as much as a session can hold, and counts what it has over later entries', async () => {
    expect(await enter()).toBeNull();
    const [first, second, third] = [turn(1), turn(2), turn(3)];
    expect(await copies.append(sessionId, [first, second])).toMatchObject({ added: [first, second], isFull: false });
    const bytes = [first, second].reduce((sum, each) => sum + Buffer.byteLength(JSON.stringify(each)), 0);
    await enter();
    const sizes = database.selectFrom('federation_sessions').select('size_bytes');
    expect(await sizes.executeTakeFirst()).toEqual({ size_bytes: bytes });

    await database.updateTable('federation_sessions').set({ size_bytes: SESSION_LIMITS.maxBytes }).execute();
    expect(await copies.append(sessionId, [third])).toMatchObject({ added: [], isFull: true, lastSeq: 2 });
    // What it has is no more than before.
    expect(await copies.append(sessionId, [second])).toMatchObject({ isFull: false, conflict: false });
    expect(await copies.lastSeq(sessionId)).toBe(2);
  });

  it('has no more participants than a session can, and goes on hearing of those', async () => {
    expect(await enter()).toBeNull();
    const crowd = Array.from({ length: SESSION_LIMITS.maxParticipants }, () => participant(v7()));
    expect(await copies.change(sessionId, undefined, crowd)).toBe('too-many');
    const rows = await database.selectFrom('federation_session_participants').select('participant_id').execute();
    expect(rows).toHaveLength(SESSION_LIMITS.maxParticipants);
    expect(await copies.change(sessionId, undefined, [{ ...participant(bensId), display_name: 'Ben' }])).toBeNull();
    expect((await copies.own(sessionId, keyOf(1)))?.participant.display_name).toBe('Ben');
  });
});
