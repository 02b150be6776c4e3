import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { testParty } from '../../keys/testing/test-party';
import { countRequestFlops } from '../../protocol/compute/flops';
import type { Signer } from '../../protocol/signing/ed25519';
import { signStatement } from '../../protocol/trust/statement';
import { agreementHash } from '../../protocol/trust/termination';
import {
  federationFiles,
  federationOptions,
  grant,
  PARTY_A,
  PARTY_B,
  serveModel,
  terminationOf,
  type FederationFiles,
} from '../testing/federation-pair';
import { ForeignPeer, honestGreeting, type Greeting } from '../testing/foreign-peer';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { testManifest } from '../testing/test-model';
import { WsNode } from '../testing/ws-node';

/*
 * One real coordinator, B, with two peers, A and C, both played by a program that keeps to nothing. Whatever it tries is
 * refused, and B's administrator finds the reason.
 */

type Json = Record<string, unknown>;

const WITHIN = { timeout: 20_000 };
const TOKEN = 'administrator-of-the-hostile-tests';
const stranger = testParty(99, 'Stranger').signer;

let files: FederationFiles;
let filesOfC: FederationFiles;
/** The time at which the coordinator's clock stands still; null while it goes. */
let stoppedAtMs: number | null = null;
let target: TestCoordinator;
let nodes: WsNode[] = [];
let peers: ForeignPeer[] = [];

beforeEach(async () => {
  const terms = {
    resources: [grant(PARTY_A.nodeId), grant(PARTY_B.nodeId, { max_requests_per_minute: 3, max_new_tokens: 8 })],
  };
  files = await federationFiles(terms);
  filesOfC = await federationFiles(terms, { b: files.b, id: 'agreement-of-c-and-b' });
  const [a, c] = [files, filesOfC].map((one) => federationOptions(one, 'b', null).federation.peers[0]);
  const federation = {
    keyFile: files.b.keyFile,
    retrySeconds: 1,
    peers: [
      { ...(a as NonNullable<typeof a>), name: 'A' },
      { ...(c as NonNullable<typeof c>), name: 'C' },
    ],
  };
  stoppedAtMs = null;
  target = await startTestCoordinator(
    { administratorToken: TOKEN, federation },
    { clock: { nowMs: () => stoppedAtMs ?? Date.now() } },
  );
});
afterEach(async () => {
  for (const node of nodes) node.drop();
  for (const peer of peers) peer.drop();
  nodes = [];
  peers = [];
  await target.coordinator.stop();
  await files.remove();
  await filesOfC.remove();
});

function hashOf({ agreement }: FederationFiles): string {
  const hash = agreementHash(agreement, nodeCryptography);
  if (!hash.ok) throw new Error(hash.error.message);
  return hash.value;
}

function greetingOf(of: FederationFiles, changes: Partial<Greeting> = {}): Greeting {
  return { ...honestGreeting(of.a.signer, { id: of.agreement.id, hash: hashOf(of) }), ...changes };
}

async function link(of = files, changes: Partial<Greeting> = {}): Promise<{ peer: ForeignPeer; stands: boolean }> {
  const linked = await ForeignPeer.link(target.url, greetingOf(of, changes));
  peers.push(linked.peer);
  return linked;
}

async function admin(): Promise<Json[]> {
  const response = await fetch(`${target.url}/admin/federation`, { headers: { authorization: `Bearer ${TOKEN}` } });
  return ((await response.json()) as { peers: Json[] }).peers;
}

async function peerView(name: string): Promise<Json> {
  return (await admin()).find((peer) => peer['name'] === name) as Json;
}

async function expectReason(code: string, name = 'A'): Promise<void> {
  await expect
    .poll(async () => ((await peerView(name))['refusals'] as Json[]).map((refusal) => refusal['code']), WITHIN)
    .toContain(code);
}

function request(more: Json = {}): Json {
  return {
    type: 'request',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 4,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    precision: 'fp16',
    ...more,
  };
}

const ended =
  (requestId: unknown) =>
  (message: Json): boolean =>
    message['request_id'] === requestId;

function settlement(of: Json, signer: Signer = files.a.signer): Json {
  return {
    ...signStatement(
      {
        tore_spec: 'tore-0002',
        type: 'federation-settlement',
        agreement_id: files.agreement.id,
        request_id: 'never-asked',
        served_by: files.a.signer.publicKey,
        served_for: files.b.signer.publicKey,
        model_id: 'org/model-of-a',
        precision: 'fp16',
        input_tokens: 5,
        output_tokens: 1,
        finish_reason: 'stop',
        amount: 0,
        unit: 'node-hours',
        settled_at: new Date().toISOString(),
        server_ref: randomUUID(),
        ...of,
      },
      signer,
      nodeCryptography,
    ),
  };
}

function modelOfA() {
  return {
    model_id: 'org/model-of-a',
    friendly_name: 'Model of A',
    manifest_hash: 'a'.repeat(64),
    shape: testManifest().shape,
    template_bytes: 0,
    available: true,
  };
}

describe('a greeting', () => {
  it('of a stranger, with a stolen name, or under another agreement leads to no link', async () => {
    const cases: [string, Partial<Greeting>, string][] = [
      ['unknown key', { publicKey: stranger.publicKey, sign: (text) => stranger.sign(text) }, 'peer-unknown'],
      ['another agreement', { agreementHash: 'a'.repeat(64) }, 'agreement-differs'],
      ['the agreement of another peer', { agreementId: filesOfC.agreement.id }, 'agreement-differs'],
    ];
    for (const [what, changes, code] of cases) {
      const { peer, stands } = await link(files, changes);
      expect([what, stands, (await peer.next('refused'))['code']]).toEqual([what, false, code]);
    }
    await expectReason('agreement-differs');
    // A's key is claimed, and another key signs: the credential of somebody else.
    expect((await link(files, { sign: (text) => stranger.sign(text) })).stands).toBe(false);
    // The proof is of the other role: a listener's, reflected.
    const reflected = await link(files, { sign: (text) => files.a.signer.sign(text.replace(/dialer$/, 'listener')) });
    expect(reflected.stands).toBe(false);
    await expectReason('signature-wrong');
    expect((await peerView('A'))['link']).toMatchObject({ state: 'down' });
  });

  it('that was recorded and is played again is refused, since the nonces are new', async () => {
    let recorded = '';
    const first = await link(files, {
      sign: (text) => {
        recorded = files.a.signer.sign(text);
        return recorded;
      },
    });
    expect(first.stands).toBe(true);
    expect((await link(files, { sign: () => recorded })).stands).toBe(false);
    await expectReason('signature-wrong');
    // The standing link was not disturbed by it.
    expect((await peerView('A'))['link']).toMatchObject({ state: 'up' });
  });
});

describe('a linked peer', () => {
  it('cannot repeat, forge, misnumber or invent messages', async () => {
    const cases: [string, (peer: ForeignPeer) => void][] = [
      ['frame-forged', (peer) => peer.socket.send(peer.sent[0] ?? '')],
      ['frame-forged', (peer) => peer.socket.send(Buffer.alloc(64, 7))],
      ['message-replayed', (peer) => peer.send({ type: 'summary', models: [], records: [] }, 1)],
      ['message-invalid', (peer) => peer.send({ type: 'give-me-everything' })],
      ['message-invalid', (peer) => peer.send(request({ max_new_tokens: 1e9 }))],
      [
        'message-invalid',
        (peer) =>
          peer.sendText(`{"type":"ready","sequence":2,"name":"A","x":${'['.repeat(6_000)}${']'.repeat(6_000)}}`),
      ],
      ['message-invalid', (peer) => peer.plain({ type: 'ready' })],
    ];
    for (const [code, act] of cases) {
      const { peer } = await link();
      peer.send({ type: 'ready', name: 'A', agreement_id: files.agreement.id });
      act(peer);
      expect([code, (await peer.untilClosed()).code]).toEqual([code, 4_400]);
      await expectReason(code);
    }
  });

  it('is told about sessions that they are not spoken yet, and stays linked', async () => {
    const { peer } = await link();
    peer.send({ type: 'session-join', session_id: randomUUID() });
    expect(await peer.next('unsupported')).toMatchObject({ of: 'session-join' });
    expect(peer.closed).toBeNull();
  });

  it('is cut off when it floods', async () => {
    const { peer } = await link();
    // What a link may have grows with time; on a slow machine a second would go by.
    stoppedAtMs = Date.now();
    for (let count = 0; count < 10_500; count += 1) {
      peer.send({ type: 'request-cancel', request_id: randomUUID() });
    }
    expect((await peer.untilClosed()).code).toBe(4_429);
    await expectReason('flood');
  });

  it('gets what the terms cover and nothing beyond, and a repeated request once', async () => {
    nodes.push(...(await serveModel(target.url)));
    const { peer } = await link();
    const tooLong = request({ max_new_tokens: 9 });
    peer.send(tooLong);
    expect(await peer.next('request-ended', ended(tooLong['request_id']))).toMatchObject({
      error: { code: 'terms-refused' },
    });
    await expectReason('terms-tokens');
    const first = request();
    peer.send(first);
    peer.send(first);
    const end = await peer.next('request-ended', ended(first['request_id']));
    expect(end).toMatchObject({ error: null, settlement: { output_tokens: 4 } });
    peer.send(first);
    expect(await peer.next('request-ended', ended(first['request_id']))).toMatchObject({
      error: { code: 'request-id-used' },
      settlement: null,
    });
    await expectReason('request-replayed');
    const more = [request(), request(), request()];
    for (const one of more) peer.send(one);
    const ends = await Promise.all(more.map((one) => peer.next('request-ended', ended(one['request_id']))));
    expect(ends.map(({ error }) => (error as Json | null)?.['code'] ?? 'served').toSorted()).toEqual([
      'served',
      'served',
      'terms-refused',
    ]);
    await expectReason('terms-rate');
    expect((await peerView('A'))['settled']).toMatchObject({ served: { requests: 3 } });
  });

  it('reaches nothing of a third party', async () => {
    const c = (await link(filesOfC)).peer;
    const { shape } = testManifest();
    const model = {
      model_id: 'org/only-at-c',
      friendly_name: 'Only at C',
      manifest_hash: 'c'.repeat(64),
      shape,
      template_bytes: 0,
      available: true,
    };
    c.send({ type: 'summary', models: [model], capacity: { requests: 1, running: 0 }, records: [] });
    await expect.poll(async () => (await peerView('C'))['models'], WITHIN).toHaveLength(1);
    const { peer: a } = await link();
    const offered = (await a.next('summary'))['models'] as Json[];
    expect(offered.map(({ model_id: id }) => id)).toEqual(['org/test-model']);
    const asked = request({ model_id: 'org/only-at-c' });
    a.send(asked);
    expect(await a.next('request-ended', ended(asked['request_id']))).toMatchObject({
      error: { code: 'model-unknown' },
    });
    expect(c.messages.filter(({ type }) => type === 'request')).toEqual([]);
  });

  it('cannot settle what was not asked, sign for others, or ask for more than is due', async () => {
    const { peer } = await link();
    peer.send({ type: 'settlement', settlement: settlement({}) });
    expect(await peer.next('settlement-refused')).toMatchObject({ code: 'settlement-unasked' });
    peer.send({ type: 'settlement', settlement: settlement({}, stranger) });
    await expectReason('settlement-foreign');
    peer.send({ type: 'settlement-receipt', receipt: { nothing: 1 } });
    await expectReason('receipt-invalid');
    peer.send({ type: 'statement', statement: { nothing: 1 }, final: true });
    await expectReason('statement-invalid');
    peer.send({ type: 'terminate', notice: { agreement_id: files.agreement.id } });
    await expectReason('message-invalid');
    expect(peer.closed).toBeNull();

    const model = modelOfA();
    const { shape } = model;
    peer.send({ type: 'summary', models: [model], capacity: { requests: 9, running: 0 }, records: [] });
    await expect.poll(async () => (await peerView('A'))['models'], WITHIN).toHaveLength(1);
    // Two GFLOP of the formula of tore-0001 at fp16 are one GFT; the agreement counts two node-hours for it.
    const due = Number(((countRequestFlops(shape, 5, 1) / 1e9) * 0.5 * 2).toFixed(6));
    const lies: [string, Json][] = [
      ['settlement-amount', { amount: due + 1 }],
      ['settlement-tokens', { output_tokens: 1_000 }],
      ['settlement-unit', { unit: 'gold' }],
      ['settlement-unasked', { model_id: 'org/dearer-model' }],
    ];
    let lie: Json = {};
    peer.behave((message) => {
      if (message['type'] !== 'request') return;
      const { request_id: id } = message;
      peer.send({ type: 'request-started', request_id: id, input_tokens: 5 });
      peer.send({ type: 'request-token', request_id: id, index: 0, token_id: 65, text: 'A' });
      peer.send({
        type: 'request-ended',
        request_id: id,
        finish_reason: 'stop',
        settlement: settlement({ request_id: id, amount: due, ...lie }),
        error: null,
      });
    });
    const user = await WsNode.connect(target.url);
    nodes.push(user);
    await user.register();
    const ask = (): Promise<Json> =>
      user.call({
        type: 'generate',
        request_id: randomUUID(),
        model_id: 'org/model-of-a',
        prompt: 'hello',
        max_new_tokens: 2,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      });
    for (const [code, made] of lies) {
      lie = made;
      expect([code, await ask()]).toMatchObject([code, { ok: false, error: { code: 'peer-failed' } }]);
      await expectReason(code);
    }
    lie = {};
    expect(await ask()).toMatchObject({ ok: true, value: { text: 'A', federation: { amount: due } } });
    expect((await peerView('A'))['settled']).toMatchObject({ consumed: { requests: 1, amount: due } });
  });

  it('has nobody charged for tokens that did not come, nor before the answer has ended', async () => {
    const { peer } = await link();
    const model = modelOfA();
    peer.send({ type: 'summary', models: [model], capacity: { requests: 9, running: 0 }, records: [] });
    await expect.poll(async () => (await peerView('A'))['models'], WITHIN).toHaveLength(1);
    const due = (tokens: number): number =>
      Number(((countRequestFlops(model.shape, 5, tokens) / 1e9) * 0.5 * 2).toFixed(6));
    const ofTokens = (id: unknown, tokens: number): Json =>
      settlement({ request_id: id, output_tokens: tokens, amount: due(tokens) });
    let settledTokens = 1;
    let asked: unknown = null;
    peer.behave((message) => {
      if (message['type'] === 'request') {
        asked = message['request_id'];
        peer.send({ type: 'settlement', settlement: ofTokens(asked, 2) });
        // Its refusal comes once the one before was looked at.
        peer.send({ type: 'settlement', settlement: settlement({}) });
      }
      if (message['type'] !== 'settlement-refused' || message['request_id'] !== 'never-asked') return;
      peer.send({ type: 'request-started', request_id: asked, input_tokens: 5 });
      peer.send({ type: 'request-token', request_id: asked, index: 0, token_id: 65, text: 'A' });
      const made = ofTokens(asked, settledTokens);
      peer.send({ type: 'request-ended', request_id: asked, finish_reason: 'stop', settlement: made, error: null });
    });
    const user = await WsNode.connect(target.url);
    nodes.push(user);
    await user.register();
    const ask = (): Promise<Json> =>
      user.call({
        type: 'generate',
        request_id: randomUUID(),
        model_id: 'org/model-of-a',
        prompt: 'hello',
        max_new_tokens: 2,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      });
    expect(await ask()).toMatchObject({ ok: true, value: { tokens: 1, federation: { amount: due(1) } } });
    settledTokens = 2;
    expect(await ask()).toMatchObject({ ok: false, error: { code: 'peer-failed' } });
    await expectReason('settlement-tokens');
    expect((await peerView('A'))['settled']).toMatchObject({ consumed: { requests: 1, amount: due(1) } });
  });

  it('that answers with more than was asked for is cut short, and the request ends', async () => {
    const { peer } = await link();
    peer.send({ type: 'summary', models: [modelOfA()], capacity: { requests: 9, running: 0 }, records: [] });
    await expect.poll(async () => (await peerView('A'))['models'], WITHIN).toHaveLength(1);
    peer.behave((message) => {
      if (message['type'] !== 'request') return;
      const { request_id: id } = message;
      peer.send({ type: 'request-started', request_id: id, input_tokens: 5 });
      for (let index = 0; index < 9; index += 1) {
        peer.send({ type: 'request-token', request_id: id, index, token_id: 65, text: 'A' });
      }
    });
    const user = await WsNode.connect(target.url);
    nodes.push(user);
    await user.register();
    const asked = await user.call({
      type: 'generate',
      request_id: randomUUID(),
      model_id: 'org/model-of-a',
      prompt: 'hello',
      max_new_tokens: 2,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    expect(asked).toMatchObject({ ok: false, error: { code: 'peer-failed' } });
    await peer.next('request-cancel');
    await expectReason('answer-too-long');
  });

  it('cannot keep an agreement from being ended by saying that it ends far away', async () => {
    const { peer } = await link();
    const far = terminationOf(files.agreement, '9999-12-31T23:59:59-23:59', PARTY_A);
    peer.send({ type: 'terminate', notice: { ...far } });
    await expect
      .poll(async () => ((await peerView('A'))['agreement'] as Json)['terminated_at'], WITHIN)
      .toBe(far.effective_at);
    expect(peer.closed).toBeNull();
    const own = terminationOf(files.agreement, '2026-02-01T00:00:00.000Z', PARTY_B, 'own-end-of-the-agreement');
    await fetch(`${target.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(own),
    });
    expect((await peer.untilClosed()).code).toBe(4_403);
    expect((await link()).stands).toBe(false);
  });

  it('that links again and does not say what it serves is waited for, and its models stay known', async () => {
    const { peer } = await link();
    const model = modelOfA();
    peer.send({ type: 'summary', models: [model], capacity: { requests: 1, running: 0 }, records: [] });
    await expect.poll(async () => (await peerView('A'))['models'], WITHIN).toHaveLength(1);
    peer.drop();
    await expect.poll(async () => (await peerView('A'))['models'], WITHIN).toHaveLength(0);
    await link();
    const user = await WsNode.connect(target.url);
    nodes.push(user);
    await user.register();
    const asked = await user.call({
      type: 'generate',
      request_id: randomUUID(),
      model_id: 'org/model-of-a',
      prompt: 'hello',
      max_new_tokens: 2,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    });
    expect(asked).toMatchObject({ ok: false, error: { code: 'peer-unavailable', retryable: true } });
  });

  it('is out at once when the agreement is terminated, and stays out', async () => {
    nodes.push(...(await serveModel(target.url)));
    const { peer } = await link();
    const notice = terminationOf(files.agreement, '2026-02-01T00:00:00.000Z', PARTY_B);
    await fetch(`${target.url}/federation/terminations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(notice),
    });
    peer.send(request());
    expect((await peer.untilClosed()).code).toBe(4_403);
    expect(peer.messages.filter(({ type }) => type === 'request-started')).toEqual([]);
    const again = await link();
    expect(again.stands).toBe(false);
    await expectReason('peer-barred');
    // Another agreement is not touched by it.
    expect((await link(filesOfC)).stands).toBe(true);
  });
});
