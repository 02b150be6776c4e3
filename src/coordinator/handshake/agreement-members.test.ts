import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography } from '../../keys/ed25519';
import { A, accepted, B, got } from '../../keys/testing/handshake-pair';
import { testParty, withNewKey } from '../../keys/testing/test-party';
import { signAgreement } from '../../protocol/signing/sign-document';
import type { Agreement, AgreementTerms } from '../../protocol/trust/agreement';
import { agreementOfHandshake } from '../../protocol/trust/agreement-of-handshake';
import type { MessageWriter } from '../../protocol/trust/compose-message';
import { signStatement } from '../../protocol/trust/statement';
import { agreementHash, signTermination } from '../../protocol/trust/termination';
import { callAt, post, type Answer } from '../testing/foreign-client';
import { openTestDatabase } from '../testing/test-database';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { AgreementMembers } from './agreement-members';

const mallory = testParty(66, 'Mallory');
const START = Date.parse('2026-03-01T10:00:00.000Z');
const NODE_KEY = testParty(77).signer.publicKey;
let nowMs = START;
let running: TestCoordinator;

beforeEach(async () => {
  nowMs = START;
  running = await startTestCoordinator({ institutionKeys: [A.signer.publicKey] }, { clock: { nowMs: () => nowMs } });
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

function agreement(changes: Partial<AgreementTerms> = {}, id = 'g1'): Agreement {
  const terms: AgreementTerms = {
    purpose: 'Use the cluster of the institution.',
    resources: ['GPU hours'],
    cost: { unit: 'hours' },
    data_handling: 'Inside the institution.',
    effective_at: '2026-03-01T00:00:00.000Z',
    expires_at: '2026-04-01T00:00:00.000Z',
    termination: 'Any time.',
    ...changes,
  };
  const draft = got(agreementOfHandshake(accepted().known.proposer, { id, terms }));
  return got(signAgreement(got(signAgreement(draft, A.signer, cryptography)), B.signer, cryptography));
}

function request(by: MessageWriter, shown: Agreement, changes: Record<string, unknown> = {}): object {
  const unsigned = {
    tore_spec: 'tore-0002',
    type: 'membership-request',
    coordinator_id: running.coordinatorId,
    node_id: by.nodeId,
    public_key: by.signer.publicKey,
    agreement: shown,
    member_keys: [NODE_KEY],
    issued_at: new Date(nowMs).toISOString(),
    ...changes,
  };
  return signStatement(unsigned, by.signer, cryptography);
}

const show = (body: object): Promise<Answer> => post('/access/agreements', body);

describe('an agreement at the door', () => {
  it('is taken when it is in force, with this institution, and shown by its other party', async () => {
    const answer = await show(request(B, agreement()));
    expect([answer.status, answer.body]).toMatchObject([
      201,
      { status: 'member', expires_at: '2026-04-01T00:00:00.000Z', member_keys: [B.signer.publicKey, NODE_KEY] },
    ]);
    expect((await show(request(B, agreement()))).status).toBe(201);
  });

  it('is refused with the reason otherwise', async () => {
    const good = agreement();
    const withOther = { ...good, terms: { ...good.terms, purpose: 'Everything.' } };
    const cases: [string, object, string][] = [
      ['altered', request(B, withOther), 'signature-wrong'],
      ['unsigned', request(B, { ...good, signatures: good.signatures.slice(0, 1) }), 'message-invalid'],
      ['not yet', request(B, agreement({ effective_at: '2026-03-05T00:00:00.000Z' })), 'agreement-not-in-force'],
      [
        'over',
        request(B, agreement({ effective_at: '2026-01-01T00:00:00Z', expires_at: '2026-02-01T00:00:00Z' })),
        'agreement-not-in-force',
      ],
      ['by a stranger', request(mallory, good), 'agreement-foreign'],
      ['by a stranger who says he is B', request({ ...mallory, nodeId: B.nodeId }, good), 'signature-wrong'],
      ['by the institution itself', request(A, good), 'agreement-foreign'],
      ['for another coordinator', request(B, good, { coordinator_id: 'x' }), 'wrongly-addressed'],
      ['signed long ago', request(B, good, { issued_at: '2026-03-01T09:00:00.000Z' }), 'request-stale'],
      [
        'with a key added after signing',
        { ...request(B, good), member_keys: [mallory.signer.publicKey] },
        'signature-wrong',
      ],
    ];
    for (const [what, body, code] of cases) {
      const answer = await show(body);
      expect([what, answer.body['code']]).toEqual([what, code]);
      expect(String(answer.body['detail'])).toMatch(/[a-z].*\./);
    }
  });

  it('is refused by a coordinator that belongs to no institution', async () => {
    const other = await startTestCoordinator({}, { clock: { nowMs: () => nowMs } });
    callAt(other.url);
    const body = request(B, agreement(), { coordinator_id: other.coordinatorId });
    expect((await show(body)).body).toMatchObject({ code: 'not-allowed' });
    await other.coordinator.stop();
  });
});

describe('membership by agreement', () => {
  it('begins with the agreement, and ends with it or with the notice of one party', async () => {
    const { database, close } = await openTestDatabase();
    const config = { institutionKeys: [A.signer.publicKey] };
    const members = new AgreementMembers(database, running.coordinatorId, config, { nowMs: () => nowMs }, cryptography);
    expect(await members.membershipOf(B.signer.publicKey)).toBeNull();
    const shown = agreement();
    got(await members.show(request(B, shown)));
    for (const key of [B.signer.publicKey, NODE_KEY]) {
      expect(await members.membershipOf(key)).toMatchObject({ roles: ['node', 'user'] });
    }
    expect(await members.membershipOf(mallory.signer.publicKey)).toBeNull();
    // The list of an earlier request is replaced, so a computer can be taken off it.
    got(await members.show(request(B, shown, { member_keys: [] })));
    expect(await members.membershipOf(NODE_KEY)).toBeNull();

    const notice = (by: MessageWriter, effectiveAt: string) =>
      signTermination(
        {
          id: `t-${by.name}`,
          agreement_id: shown.id,
          agreement_hash: got(agreementHash(shown, cryptography)),
          party: { node_id: by.nodeId, public_key: by.signer.publicKey },
          key_links: [...by.keyLinks],
          effective_at: effectiveAt,
          issued_at: new Date(nowMs).toISOString(),
        },
        by.signer,
        cryptography,
      );
    expect(await members.end(notice(mallory, '2026-03-02T00:00:00Z'))).toMatchObject({ ok: false });
    expect(await members.membershipOf(B.signer.publicKey)).not.toBeNull();
    got(await members.end(notice(withNewKey(A, 91), '2026-03-10T00:00:00Z')));
    got(await members.end(notice(B, '2026-03-20T00:00:00Z')));
    expect(await members.membershipOf(B.signer.publicKey)).not.toBeNull();
    nowMs = Date.parse('2026-03-10T00:00:01Z');
    expect(await members.membershipOf(B.signer.publicKey)).toBeNull();
    expect(await members.show(request(B, shown))).toMatchObject({ error: { code: 'agreement-not-in-force' } });
    const renewed = agreement({}, 'g2');
    got(await members.show(request(B, renewed)));
    expect(await members.membershipOf(B.signer.publicKey)).not.toBeNull();
    nowMs = Date.parse('2026-04-01T00:00:00Z');
    expect(await members.membershipOf(B.signer.publicKey)).toBeNull();
    await close();
  });
});
