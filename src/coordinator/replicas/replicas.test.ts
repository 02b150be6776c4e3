import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeCryptography } from '../../keys/ed25519';
import { B, Pair, T0 } from '../../keys/testing/handshake-pair';
import { signStatement } from '../../protocol/trust/statement';
import { createCoordinator } from '../coordinator';
import { hashManifest } from '../../inference/models/model-folder';
import {
  buildCoordinatorProgram,
  startCoordinatorProcess,
  type CoordinatorProcess,
} from '../testing/coordinator-process';
import { startProxy } from '../testing/cuttable-proxy';
import { callAt, post } from '../testing/foreign-client';
import { SessionClient } from '../testing/session-client';
import { KEY_OF_A, KEY_OF_B, signedAgreement } from '../testing/signed-agreement';
import { findNatsServer, startNats } from '../testing/nats-server';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { freshLocation, testEngine, type TestLocation } from '../testing/test-database';
import { testManifest } from '../testing/test-model';
import { serveFirst, serveLast, WsNode, type TestKey } from '../testing/ws-node';

type Json = Record<string, unknown>;

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 30_000 };

const canRun = testEngine() === 'postgres' && findNatsServer() !== null;
let nats: Awaited<ReturnType<typeof startNats>>;
let storage: TestLocation;
const nodes: WsNode[] = [];

beforeAll(async () => {
  if (canRun) nats = await startNats();
});
afterAll(async () => {
  if (canRun) await nats.stop();
});
beforeEach(async () => {
  if (canRun) storage = await freshLocation();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) node.drop();
  if (canRun) await storage.drop();
});

async function connect(url: string, key?: TestKey): Promise<WsNode> {
  const node = await WsNode.connect(url, key);
  nodes.push(node);
  return node;
}

async function getJson(url: string, path: string): Promise<Json> {
  return (await (await fetch(url + path)).json()) as Json;
}

async function serving(url: string, start: number, end: number, key?: TestKey): Promise<WsNode> {
  const node = await connect(url, key);
  await node.register();
  expect(await node.registerShard(start, end, introduction)).toMatchObject({ ok: true });
  return node;
}

/** The model the nodes bring along; a replica learns of it from the other one through the database. */
const manifest = testManifest();
const introduction = { manifest, manifest_hash: hashManifest(manifest) };

const available = (url: string): Promise<unknown> =>
  getJson(url, '/inference/pipeline/org/test-model').then((report) => report['available']);

function generate(more: Json = {}): Json {
  return {
    type: 'generate',
    request_id: randomUUID(),
    model_id: 'org/test-model',
    prompt: 'hello',
    max_new_tokens: 5,
    sampling: { temperature: 0, top_k: 0, top_p: 1 },
    ...more,
  };
}

describe.runIf(canRun)('two replicas over one database', () => {
  let [left, right]: (TestCoordinator | null)[] = [null, null];

  beforeEach(async () => {
    const settings = { ...storage.options, natsUrl: nats.url };
    left = await startTestCoordinator(settings);
    right = await startTestCoordinator(settings);
  });
  afterEach(async () => {
    await left?.coordinator.stop();
    await right?.coordinator.stop();
  });

  const urls = (): [string, string] => [left?.url ?? '', right?.url ?? ''];

  it('drive one pipeline over nodes of both, whichever is asked, and news reach everybody', async () => {
    const [one, two] = urls();
    expect(left?.coordinatorId).toBe(right?.coordinatorId);
    const first = await serving(one, 0, 3);
    const last = await serving(two, 4, 7);
    serveFirst(first);
    serveLast(last);
    await expect.poll(() => available(one), WITHIN).toBe(true);
    await expect.poll(() => available(two), WITHIN).toBe(true);
    for (const asking of [first, last]) {
      expect(await asking.call(generate())).toMatchObject({ ok: true, value: { text: 'ABCDE', tokens: 5 } });
    }
    // Each node earned at the other replica too, and is told so over its own connection.
    for (const node of [first, last]) {
      for (let payment = 0; payment < 2; payment += 1) {
        await node.next('balance', (message) => message['event_type'] === 'issuance');
      }
    }
    expect(await getJson(two, '/tokens/ledger/verify')).toMatchObject({ chain_valid: true });
    expect(await getJson(one, `/tokens/${last.nodeId}/balance`)).toEqual(
      await getJson(two, `/tokens/${last.nodeId}/balance`),
    );
  });

  it('ask one node of a model at a time to hold other layers', async () => {
    await Promise.all([left?.coordinator.stop(), right?.coordinator.stop()]);
    const settings = { ...storage.options, natsUrl: nats.url, moveEverySeconds: 0.05 };
    left = await startTestCoordinator(settings);
    right = await startTestCoordinator(settings);
    const [one, two] = urls();
    const asked: WsNode[] = [];
    for (const node of [await serving(one, 0, 3), await serving(two, 0, 3)]) {
      node.behave((message) => void (message['type'] === 'move-proposed' && asked.push(node)));
    }
    await expect.poll(() => asked.length, WITHIN).toBe(1);
    // Many rounds of both replicas, in each of which the other one would have been asked as well.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(asked).toHaveLength(1);
    const [first] = asked;
    const proposal = await first?.next('move-proposed');
    await first?.call({ type: 'answer-move', proposal_id: proposal?.['proposal_id'], accepted: false });
    await expect.poll(() => asked.length, WITHIN).toBe(2);
    expect(asked[1]).not.toBe(first);
  });

  it('know at once when a node leaves the other, and when it moves over', async () => {
    const [one, two] = urls();
    const whole = await serving(one, 0, 7);
    await expect.poll(() => available(two), WITHIN).toBe(true);
    whole.drop();
    await expect.poll(() => available(two), WITHIN).toBe(false);
    const again = await serving(one, 0, 7, whole.key);
    await expect.poll(() => available(two), WITHIN).toBe(true);
    const moved = await serving(two, 0, 7, whole.key);
    await expect.poll(() => again.closed, WITHIN).toMatchObject({ code: 4409 });
    expect(moved.nodeId).toBe(whole.nodeId);
    await expect.poll(() => available(one), WITHIN).toBe(true);
  });

  it('let a requester take the rest of its answer at the other one, cancel it there, and pay once', async () => {
    const [one, two] = urls();
    const first = await serving(one, 0, 3);
    serveFirst(first);
    const last = await serving(two, 4, 7);
    let open: () => void = () => undefined;
    const gate = new Promise<boolean>((resolve) => {
      open = () => resolve(true);
    });
    serveLast(last, { beforeToken: (index) => (index < 2 ? true : gate) });
    const asker = await connect(one);
    await asker.register();
    await expect.poll(() => available(one), WITHIN).toBe(true);
    const call = generate();
    asker.begin(call);
    await asker.next('generate-token', (message) => message['index'] === 1);
    asker.drop();
    await asker.untilClosed();

    const again = await connect(two, asker.key);
    const id = again.begin({ ...call, resume_from: 2 });
    expect(await again.next('generate-started')).toMatchObject({ resumed: true, input_tokens: 5 });
    open();
    const reply = await again.next('reply', (message) => message['call_id'] === id);
    expect(reply).toMatchObject({ ok: true, value: { text: 'ABCDE', tokens: 5 } });
    const tokens = again.messages.filter((message) => message['type'] === 'generate-token');
    expect(tokens.map((message) => message['text'])).toEqual(['C', 'D', 'E']);
    const history = await getJson(one, `/tokens/${again.nodeId}/history?limit=100`);
    const paid = (history['entries'] as Json[]).filter((entry) => entry['event_type'] === 'redemption');
    expect(paid).toHaveLength(1);

    // Another question under the same id is not that answer, and runs nowhere twice.
    const other = await again.call({ ...call, prompt: 'other', resume_from: 2 });
    expect(other).toMatchObject({ ok: false, error: { code: 'request-id-used' } });

    // One that is still being written there can be cancelled here.
    serveLast(last, { beforeToken: (index) => index < 2 });
    const long = generate();
    const back = await connect(one, asker.key);
    back.begin(long);
    await back.next('generate-token', (message) => message['index'] === 1);
    back.drop();
    await back.untilClosed();
    const there = await connect(two, asker.key);
    const longId = there.begin({ ...long, resume_from: 1 });
    expect(await there.next('generate-token')).toMatchObject({ index: 1, text: 'B' });
    expect(await there.call({ type: 'cancel-generate', request_id: long['request_id'] })).toMatchObject({ ok: true });
    const cancelled = await there.next('reply', (message) => message['call_id'] === longId);
    expect(cancelled).toMatchObject({ ok: true, value: { text: 'AB', finish_reason: 'cancelled' } });
  });

  it('host one group session together: turns, streams and presence reach whoever is connected to the other', async () => {
    const [one, two] = urls();
    const ada = await SessionClient.connect(one, 'Ada');
    const bob = await SessionClient.connect(two, 'Bob');
    const sessionId = await ada.create();
    const code = await ada.invite(sessionId);
    await bob.join(sessionId, code);
    const bothPresent = (message: Json): boolean => (message['present'] as Json[]).length === 2;
    await ada.socket.next('session-present', bothPresent);
    await bob.socket.next('session-present', bothPresent);

    // Each posts where it is; the database orders, and everybody sees every turn.
    const posted: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      posted.push(await ada.post(sessionId, ada.turn(sessionId, `a${round}`)));
      posted.push(await bob.post(sessionId, bob.turn(sessionId, `b${round}`)));
    }
    expect(posted).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const client of [ada, bob]) {
      for (const seq of posted) {
        await client.socket.next('session-turns', ({ turns }) => (turns as Json[]).some((turn) => turn['seq'] === seq));
      }
    }
    // At the same time as well, without a gap or a number given twice.
    const many = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const client = index % 2 === 0 ? ada : bob;
        return client.post(sessionId, client.turn(sessionId, `c${index}`));
      }),
    );
    expect(many.sort((left, right) => left - right)).toEqual(Array.from({ length: 20 }, (_, index) => index + 11));

    const piece = { turn_id: randomUUID(), in_reply_to: null, offset: 0, text: 'think', state: 'writing' };
    bob.socket.send({ type: 'session-stream', session_id: sessionId, piece });
    const streamed = await ada.socket.next('session-streamed');
    expect(streamed).toMatchObject({ participant_id: bob.participantId, piece: { text: 'think' } });

    // Bob's connection moves to the other replica and goes on from the last turn he has.
    const last = (await bob.read(sessionId)).length;
    bob.drop();
    await ada.socket.next('session-present', ({ present }) => (present as Json[]).length === 1);
    await ada.socket.next('session-streamed', (message) => (message['piece'] as Json)['state'] === 'failed');
    await ada.post(sessionId, ada.turn(sessionId, 'meanwhile'));
    const moved = await SessionClient.connect(one, 'Bob', bob.key);
    const entered = await moved.ask({ type: 'session-enter', session_id: sessionId, after_seq: last });
    expect((entered['turns'] as Json[]).map((turn) => turn['seq'])).toEqual([last + 1]);
    for (const client of [ada, moved]) client.drop();
  });

  it('offer a session under an agreement to the party connected to the other, and let it in', async () => {
    const [one, two] = urls();
    const ada = await SessionClient.connect(one, 'Ada', KEY_OF_A);
    const ben = await SessionClient.connect(two, 'Ben', KEY_OF_B);
    const sessionId = await ada.create({ agreement: signedAgreement() });
    const { offer } = (await ben.socket.next('session-offered')) as { offer: Json };
    expect(offer).toMatchObject({ session_id: sessionId, opened_by: 'Ada' });
    await ben.join(sessionId);
    expect(await ben.post(sessionId, ben.turn(sessionId, 'Here.'))).toBe(1);
    await ada.socket.next('session-turns', ({ turns }) => (turns as Json[]).some((turn) => turn['seq'] === 1));
    for (const client of [ada, ben]) client.drop();
  });

  it('tell a party at the other at once that a handshake message waits, and hand it over there', async () => {
    const clock = { nowMs: () => T0 + 60_000 };
    const settings = { ...storage.options, natsUrl: nats.url };
    const pair = [await startTestCoordinator(settings, { clock }), await startTestCoordinator(settings, { clock })];
    const [here, there] = pair as [TestCoordinator, TestCoordinator];
    try {
      const waiting = await connect(there.url, KEY_OF_B);
      callAt(here.url);
      const [proposal] = new Pair().sent.proposer;
      expect((await post('/handshakes/messages', proposal)).status).toBeLessThan(300);
      await waiting.next('inbox-changed');
      callAt(there.url);
      const asked = {
        tore_spec: 'tore-0002',
        type: 'inbox-request',
        coordinator_id: there.coordinatorId,
        node_id: B.nodeId,
        public_key: B.signer.publicKey,
        after: 0,
        acknowledge: 0,
        limit: 100,
        issued_at: new Date(clock.nowMs()).toISOString(),
      };
      const box = await post('/handshakes/inbox', signStatement(asked, B.signer, nodeCryptography));
      expect(box.body).toMatchObject({ messages: [{ message: proposal }] });
    } finally {
      for (const { coordinator } of pair) await coordinator.stop();
    }
  });

  it('share what one learns of the grid', async () => {
    const [one, two] = urls();
    await fetch(`${one}/grid/states/update?region=XX-1&load_factor=0&carbon_intensity=0&renewable_fraction=1`, {
      method: 'POST',
    });
    await expect.poll(async () => (await getJson(two, '/grid/score/XX-1'))['grid_score'], WITHIN).toBe(1);
  });

  it('tell each other whose standing changed', async () => {
    const [one] = urls();
    // Without rounds of its own, so that only the news can bring it.
    const third = await startTestCoordinator({ ...storage.options, natsUrl: nats.url, maintenanceSeconds: 3_600 });
    try {
      const whole = await serving(one, 0, 7);
      await expect.poll(() => available(third.url), WITHIN).toBe(true);
      await fetch(`${one}/nodes/${whole.nodeId}`, { method: 'DELETE' });
      await expect.poll(() => available(third.url), WITHIN).toBe(false);
    } finally {
      await third.coordinator.stop();
    }
  });

  it('tell a replica that comes later what there is', async () => {
    const [one] = urls();
    await serving(one, 0, 7);
    const third = await startTestCoordinator({ ...storage.options, natsUrl: nats.url });
    try {
      await expect.poll(() => available(third.url), WITHIN).toBe(true);
    } finally {
      await third.coordinator.stop();
    }
  });
});

describe.runIf(canRun)('a replica that cannot start', () => {
  it.each([
    ['its port is taken', 'port-in-use', {}],
    ['a model cannot be read', 'model-invalid', { modelFolders: ['/nowhere'] }],
    ['its certificate cannot be read', 'tls-invalid', { tlsCertificateFile: '/nowhere', tlsKeyFile: '/nowhere' }],
  ])('leaves nothing open: %s', async (_why, code, more) => {
    const proxy = await startProxy(Number(new URL(nats.url).port));
    try {
      const { port } = new URL(proxy.url);
      const options = { ...storage.options, natsUrl: `nats://127.0.0.1:${port}`, port: Number(port), ...more };
      expect(await createCoordinator(options).start()).toMatchObject({ ok: false, error: { code } });
      await expect.poll(() => proxy.standing, WITHIN).toBe(0);
    } finally {
      await proxy.close();
    }
  });
});

describe.runIf(canRun)('a replica that dies', () => {
  let folder = '';
  let program = '';
  const processes: CoordinatorProcess[] = [];

  beforeAll(async () => {
    program = await buildCoordinatorProgram();
    folder = await mkdtemp(join(tmpdir(), 'tore-replicas-'));
  });
  afterAll(async () => {
    await rm(dirname(program), { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const process of processes.splice(0)) await process.kill();
  });

  async function start(): Promise<CoordinatorProcess> {
    const started = await startCoordinatorProcess(program, folder, {
      TORE_DATABASE_URL: storage.location,
      TORE_NATS_URL: nats.url,
      TORE_OPENING_GRANT_MICRO_GFT: '10000000',
      TORE_REPLACEMENT_WAIT_SECONDS: '0.2',
    });
    processes.push(started);
    return started;
  }

  it('takes no request with it beyond a retry, and pays nothing twice', async () => {
    const [survivor, victim] = [await start(), await start()];
    const asking = await serving(survivor.url, 0, 3);
    const lost = await serving(victim.url, 4, 7);
    serveFirst(asking);
    serveLast(lost);
    await expect.poll(() => available(survivor.url), WITHIN).toBe(true);
    expect(await asking.call(generate())).toMatchObject({ ok: true, value: { text: 'ABCDE' } });

    // One request is in the middle of its answer when the replica of its last node dies.
    serveLast(lost, { beforeToken: (index) => index < 2 });
    const interrupted = asking.call(generate());
    await asking.next('generate-token', (message) => message['index'] === 1);
    await victim.kill();
    expect(await interrupted).toMatchObject({ ok: false, error: { retryable: true } });
    await expect.poll(() => available(survivor.url), WITHIN).toBe(false);

    // Its node comes back to the other replica, and the retry is answered.
    const back = await serving(survivor.url, 4, 7, lost.key);
    serveLast(back);
    expect(await asking.call(generate())).toMatchObject({ ok: true, value: { text: 'ABCDE' } });
    expect(await getJson(survivor.url, '/tokens/ledger/verify')).toMatchObject({ chain_valid: true, total_entries: 8 });
    await survivor.stop();
    expect(survivor.log()).toContain('fell silent');
  });
});
