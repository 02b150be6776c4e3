import { v7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { signAgreement } from '../../protocol/signing/sign-document';
import { got, A, B } from '../../keys/testing/handshake-pair';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { systemClock, systemRandom } from '../clock';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { KEY_OF_A, signedAgreement } from '../testing/signed-agreement';
import { GroupSessionService } from './group-session-service';
import { GroupSessionStore } from './group-session-store';
import { InvitationService } from './invitation-service';

/* Whoever enters a session gets its participants, its agreement and a page of turns in one message, which has to arrive. */

type Me = Parameters<GroupSessionService['join']>[1]['me'];

const OWNER = generateSigner().signer.publicKey;
const me: Me = { display_name: 'P', platform: 'test', model: null };

let database: Database;
let close: () => Promise<void>;
let host: GroupSessionService;
let sessionId: string;
let code: string;

beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

beforeEach(async () => {
  const store = new GroupSessionStore(database, 'c');
  host = new GroupSessionService(store, 'c', nodeCryptography, systemClock, systemRandom, () => undefined);
  const invitations = new InvitationService(host, store, systemClock, systemRandom);
  sessionId = v7();
  const session = { type: 'session-create', call_id: 1, session_id: sessionId, title: 'S', mode: 'live', me } as const;
  await host.create(OWNER, session);
  const made = await invitations.make(OWNER, {
    type: 'session-invite',
    call_id: 2,
    session_id: sessionId,
    role: 'observer',
    uses: SESSION_LIMITS.maxInvitationUses,
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
  });
  if (!made.ok) throw new Error(made.error.message);
  ({ code } = made.value);
});

function join(who: Me, publicKey = generateSigner().signer.publicKey): ReturnType<GroupSessionService['join']> {
  return host.join(publicKey, { type: 'session-join', call_id: 3, session_id: sessionId, me: who, code });
}

/** Bytes of what somebody gets who enters. */
async function enteredBytes(): Promise<number> {
  const entered = await host.enter(OWNER, sessionId, 0);
  if (!entered.ok) throw new Error(entered.error.message);
  return Buffer.byteLength(JSON.stringify(entered.value), 'utf8');
}

const longest = 'x'.repeat(10_000);

describe('what participants bring', () => {
  it('is kept without fields nobody knows', async () => {
    const model = { provider: 'p', model_id: 'm', more: 'x'.repeat(3_000_000) };
    const publicKey = generateSigner().signer.publicKey;
    expect(await join({ ...me, model }, publicKey)).toMatchObject({ ok: true });
    const profile = { type: 'session-profile', call_id: 4, session_id: sessionId, display_name: 'Q', model } as const;
    const changed = await host.setProfile(publicKey, profile);
    expect(changed.ok && changed.value.model).toEqual({ provider: 'p', model_id: 'm' });
    expect(await enteredBytes()).toBeLessThan(10_000);
  });

  it('fits into one message, however many come with long names', async () => {
    const model = { provider: longest, model_id: longest };
    let refused: unknown = null;
    for (let joined = 0; joined < 300 && refused === null; joined += 1) {
      const result = await join({ ...me, model });
      if (!result.ok) refused = result.error.code;
    }
    expect(refused).toBe('limit-reached');
    expect(await enteredBytes()).toBeLessThan(WIRE_LIMITS.maxTextBytes - SESSION_LIMITS.maxPageBytes);
    // Nobody gets around it by changing the name later.
    const late = generateSigner().signer.publicKey;
    expect(await join(me, late)).toMatchObject({ ok: true });
    const profile = { type: 'session-profile', call_id: 4, session_id: sessionId, display_name: 'Q', model } as const;
    expect(await host.setProfile(late, profile)).toMatchObject({ ok: false, error: { code: 'limit-reached' } });
    expect(await host.setProfile(late, { ...profile, model: null })).toMatchObject({ ok: true });
  });
});

it('stands on no agreement that is larger than any that can be made', async () => {
  const { signatures: _signatures, ...draft } = signedAgreement();
  const large = { ...draft, signatures: [], metadata: { more: 'x'.repeat(300_000) } };
  const agreement = got(
    signAgreement(got(signAgreement(large, A.signer, nodeCryptography)), B.signer, nodeCryptography),
  );
  const session = { type: 'session-create', call_id: 1, session_id: v7(), title: 'S', mode: 'live', me } as const;
  const opened = await host.create(KEY_OF_A.publicKey, { ...session, agreement });
  expect(opened).toMatchObject({ ok: false, error: { code: 'agreement-invalid' } });
  expect(await host.create(KEY_OF_A.publicKey, { ...session, agreement: signedAgreement() })).toMatchObject({
    ok: true,
  });
});
