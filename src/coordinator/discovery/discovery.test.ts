import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography as cryptography, signerOfSeed } from '../../keys/ed25519';
import { testParty } from '../../keys/testing/test-party';
import { testRecord } from '../../keys/testing/test-record';
import type { MessageWriter } from '../../protocol/trust/compose-message';
import { followKeyLinks, signKeyLink } from '../../protocol/trust/key-link';
import { signStatement } from '../../protocol/trust/statement';
import { TRUST_LIMITS } from '../../protocol/trust/trust-limits';
import { call, callAt, get, post, type Answer } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';

const A = testParty(1, 'Spectra Lab');
const B = testParty(2, 'Corpus Group');
const mallory = testParty(66, 'Mallory');
let nowMs = Date.parse('2026-03-01T10:00:00.000Z');
let running: TestCoordinator;

beforeEach(async () => {
  nowMs = Date.parse('2026-03-01T10:00:00.000Z');
  running = await startTestCoordinator({}, { clock: { nowMs: () => nowMs } });
  callAt(running.url);
});
afterEach(() => running.coordinator.stop());

const publish = (record: unknown, links?: unknown): Promise<Answer> =>
  post('/discovery/records', { record, ...(links === undefined ? {} : { key_links: links }) });

function withdrawal(party: MessageWriter, recordId: string, changes: Record<string, unknown> = {}): unknown {
  const request = {
    tore_spec: 'tore-0002',
    type: 'discovery-withdrawal',
    coordinator_id: running.coordinatorId,
    node_id: party.nodeId,
    public_key: party.signer.publicKey,
    record_id: recordId,
    issued_at: new Date(nowMs).toISOString(),
    ...changes,
  };
  return signStatement(request, party.signer, cryptography);
}

async function found(query: string): Promise<string[]> {
  const answer = await get(`/discovery/records?${query}`);
  expect(answer.status).toBe(200);
  return (answer.body['records'] as { node: { display_name: string } }[]).map(({ node }) => node.display_name).sort();
}

describe('the index', () => {
  it('finds records by everything they say, and keeps words no table knows', async () => {
    await publish(testRecord(A, nowMs));
    const unusual = [{ domain: 'gastronomy', subdomain: 'sour_dough', models: ['Org/Bread_1%'] }];
    await publish(
      testRecord(B, nowMs, { governance_mode: 'institution', capabilities: unusual, metadata: { kept: 1 } }),
    );
    const cases: Record<string, string[]> = {
      '': ['Corpus Group', 'Spectra Lab'],
      'domain=science': ['Spectra Lab'],
      'domain=science&subdomain=biology': [],
      'domain=gastronomy&subdomain=sour_dough': ['Corpus Group'],
      'model=CHEM': ['Spectra Lab'],
      'model=d_1%25': ['Corpus Group'],
      'model=%25': ['Corpus Group'],
      'institution=corpus': ['Corpus Group'],
      'governance_mode=institution': ['Corpus Group'],
      'text=spectra%20chemistry': ['Spectra Lab'],
      'text=spectra%20bread': [],
      "text=';drop": [],
    };
    for (const [query, names] of Object.entries(cases)) expect([query, await found(query)]).toEqual([query, names]);
    const { body } = await get('/discovery');
    expect(body['terms']).toEqual([
      { domain: 'gastronomy', subdomain: 'sour_dough', records: 1 },
      { domain: 'science', subdomain: 'chemistry', records: 1 },
    ]);
    expect((await get(`/discovery/records/record-of-${B.nodeId}`)).body).toMatchObject({ metadata: { kept: 1 } });
    expect((await call('GET', '/discovery/records?governance_mode=other')).status).toBe(422);
  });

  it('gives long lists in pages without losing or repeating a record', async () => {
    for (let number = 3; number < 13; number += 1) {
      expect((await publish(testRecord(testParty(number), nowMs + (number % 3)))).status).toBe(201);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await get(`/discovery/records?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...(body['records'] as { id: string }[]).map(({ id }) => id));
      cursor = (body['next'] as string | null) ?? '';
    } while (cursor !== '');
    expect(seen).toHaveLength(10);
    expect(new Set(seen).size).toBe(10);
  });

  it('renews with a newer version, forgets what expired, and shows nothing withdrawn', async () => {
    expect((await publish(testRecord(A, nowMs))).body).toMatchObject({ status: 'published' });
    nowMs += 60_000;
    const renewed = testRecord(A, nowMs);
    expect((await publish(renewed)).body).toMatchObject({ status: 'renewed' });
    expect((await publish(renewed)).body).toMatchObject({ code: 'message-replayed' });
    expect((await publish(testRecord(A, nowMs - 30_000))).body).toMatchObject({ code: 'message-replayed' });
    expect((await post('/discovery/withdrawals', withdrawal(A, renewed.id))).body).toMatchObject({
      status: 'withdrawn',
    });
    expect(await found('')).toEqual([]);
    expect((await publish(renewed)).body).toMatchObject({ code: 'message-replayed' });
    nowMs += 60_000;
    expect((await publish(testRecord(A, nowMs))).status).toBe(201);
    nowMs += 31 * 86_400_000;
    expect(await found('')).toEqual([]);
  });

  it('refuses what is forged, altered, out of date or of somebody else, with the reason', async () => {
    const good = testRecord(A, nowMs);
    const hostileUrl = { transport: 'http', url: 'file:///etc/passwd' };
    const cases: [string, unknown, number, string][] = [
      ['altered', { ...good, governance_mode: 'anonymous' }, 403, 'signature-wrong'],
      ['a field added', { ...good, added: 1 }, 403, 'signature-wrong'],
      ['signed by another', { ...good, signature: testRecord(mallory, nowMs).signature }, 403, 'signature-wrong'],
      ['expired', testRecord(A, nowMs - 31 * 86_400_000), 410, 'message-expired'],
      ['of tomorrow', testRecord(A, nowMs + 86_400_000), 400, 'message-from-future'],
      ['for ever', testRecord(A, nowMs, { expires_at: '2099-01-01T00:00:00Z' }), 400, 'message-invalid'],
      ['no record', { hello: 1 }, 400, 'message-invalid'],
      ['too large', testRecord(A, nowMs, { metadata: { text: 'x'.repeat(70_000) } }), 413, 'message-too-large'],
      ['an id of another key', testRecord({ ...mallory, nodeId: A.nodeId }, nowMs), 403, 'wrongly-addressed'],
    ];
    for (const [what, record, status, code] of cases) {
      const answer = await publish(record);
      expect([what, answer.status, answer.body['code']]).toEqual([what, status, code]);
      expect(String(answer.body['detail']).length).toBeGreaterThan(20);
    }
    expect(await found('')).toEqual([]);
    // Nothing in a record is fetched or judged by the index; it is data.
    expect((await publish(testRecord(A, nowMs, { endpoints: [hostileUrl] }))).status).toBe(201);
    // The record now belongs to A: nobody else takes its id or its place.
    const stolen = testRecord(mallory, nowMs + 1, { id: good.id });
    expect((await publish(stolen)).body).toMatchObject({ code: 'wrongly-addressed' });
    expect((await post('/discovery/withdrawals', withdrawal(mallory, good.id))).body).toMatchObject({
      code: 'record-unknown',
    });
  });

  it('takes a withdrawal once it is due here, signed now, and by its party', async () => {
    const record = testRecord(A, nowMs);
    await publish(record);
    const send = (body: unknown): Promise<Answer> => post('/discovery/withdrawals', body);
    expect((await send(withdrawal(A, record.id, { coordinator_id: 'another' }))).body).toMatchObject({
      code: 'wrongly-addressed',
    });
    const old = withdrawal(A, record.id);
    nowMs += 6 * 60_000;
    expect((await send(old)).body).toMatchObject({ code: 'request-stale' });
    expect((await send({ ...(withdrawal(A, record.id) as object), record_id: 'other' })).body).toMatchObject({
      code: 'signature-wrong',
    });
    expect(await found('')).toEqual(['Spectra Lab']);
  });

  it('follows a replaced key, and refuses the old one and a link by a stranger', async () => {
    const fresh = signerOfSeed(new Uint8Array(32).fill(91));
    const bare = { tore_spec: 'tore-0002', type: 'key-link', id: 'l1', issued_at: '2026-03-01T09:00:00Z' } as const;
    const link = signKeyLink({ ...bare, node_id: A.nodeId, metadata: {} }, { old: A.signer, new: fresh }, cryptography);
    await publish(testRecord(A, nowMs));
    const rotated = { ...A, signer: fresh };
    expect((await publish(testRecord(rotated, nowMs + 1))).body).toMatchObject({ code: 'signature-wrong' });
    expect((await publish(testRecord(rotated, nowMs + 1), [{ ...link, id: 'l2' }])).body).toMatchObject({
      code: 'key-link-invalid',
    });
    expect((await publish(testRecord(rotated, nowMs + 1), [link])).body).toMatchObject({ status: 'renewed' });
    expect((await publish(testRecord(A, nowMs + 2))).body).toMatchObject({ code: 'key-replaced' });
    expect((await get(`/discovery/parties/${A.nodeId}/key-links`)).body).toMatchObject({ key_links: [{ id: 'l1' }] });
  });

  it('follows a key no further than others can follow its links', async () => {
    const bare = { tore_spec: 'tore-0002', type: 'key-link', issued_at: '2026-03-01T09:00:00Z', metadata: {} } as const;
    let party: MessageWriter = A;
    await publish(testRecord(A, nowMs));
    const codes: unknown[] = [];
    for (let number = 1; number <= TRUST_LIMITS.maxKeyLinks + 1; number += 1) {
      const fresh = signerOfSeed(new Uint8Array(32).fill(100 + number));
      const unsigned = { ...bare, id: `l${number}`, node_id: A.nodeId };
      const link = signKeyLink(unsigned, { old: party.signer, new: fresh }, cryptography);
      party = { ...A, signer: fresh };
      codes.push((await publish(testRecord(party, nowMs + number), [link])).body['code']);
    }
    expect(codes.slice(0, -1).every((code) => code === undefined)).toBe(true);
    expect(codes.at(-1)).toBe('key-link-invalid');
    const shown = (await get(`/discovery/parties/${A.nodeId}/key-links`)).body['key_links'] as unknown[];
    const first = { nodeId: A.nodeId, publicKey: A.signer.publicKey };
    expect(followKeyLinks(first, shown, cryptography)).toMatchObject({ ok: true });
  });

  it('keeps at most a few records of one party', async () => {
    for (let number = 0; number < 16; number += 1) {
      expect((await publish(testRecord(A, nowMs, { id: `r${number}` }))).status).toBe(201);
    }
    expect((await publish(testRecord(A, nowMs, { id: 'r16' }))).body).toMatchObject({ code: 'quota-exceeded' });
  });
});
