import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContributorNode } from './contributor';
import type { PolicyPreferences } from '../protocol/compute/run-preferences';
import { DEFAULT_ACTIVATION_SERVER, type NodePreferences } from './contributor-options';
import { fileSecretStore } from './identity/secret-store';
import { DEFAULT_RUN_PREFERENCES } from './policy/policy-inputs';
import { BaselineCoordinator } from './test-doubles/baseline-coordinator';
import { ManualClock, until } from './test-doubles/manual-clock';
import { tinyEngines } from './test-doubles/tiny-engine';

let folder: string;
let coordinator: BaselineCoordinator;
let clock: ManualClock;
let node: ContributorNode;
let engines: ReturnType<typeof tinyEngines>['engines'];

function createNode(dataFolder = folder, preferences: Partial<NodePreferences> = {}): ContributorNode {
  const started = tinyEngines();
  engines = started.engines;
  return new ContributorNode({
    dataFolder,
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, 'node.key')),
    startEngine: started.start,
    hardwareReader: {
      cpu: async () => ({ manufacturer: 'Test', brand: 'Processor', cores: 4, physicalCores: 2 }),
      mem: async () => ({ total: 8 * 2 ** 30, available: 4 * 2 ** 30 }),
      uuid: async () => ({ os: '' }),
      graphics: async () => ({ controllers: [{ vendor: 'Maker', model: 'Card', vram: 4_096 }] }),
    },
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      coordinatorUrl: coordinator.url,
      accessToken: null,
      modelFolder: '/models/tiny',
      modelId: null,
      region: 'US-NY',
      activationServer: DEFAULT_ACTIVATION_SERVER,
      ...preferences,
    },
    readings: { consent: true },
    clock,
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-baseline-'));
  coordinator = await BaselineCoordinator.start();
  clock = new ManualClock();
  node = createNode();
});
afterEach(async () => {
  await node.stop();
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

async function serve(): Promise<string> {
  node.start();
  await until(() => ['serving', 'failed'].includes(node.snapshot().state.kind));
  expect(node.snapshot().state.kind).toBe('serving');
  return node.snapshot().nodeId ?? '';
}

/** Lets time pass, ten seconds at a time, until something holds. */
const timePassesUntil = (condition: () => boolean): Promise<void> =>
  until(() => {
    clock.advance(10_000);
    return condition();
  });

const task = {
  task_id: 'b7d1c1d8-6f7b-4d4e-9a65-6d2f6c1b2a3f',
  task_type: 'inference_challenge',
  payload: { prompt: 'What is\n"2+2" — ü😀?', max_tokens: 32, temperature: 0.0 },
  model_id: 'test/tiny',
  layer_start: 0,
  layer_end: 3,
  flops_estimated: 1.5e9,
  is_challenge: true,
  expires_at: '2026-01-01T10:05:00.123456',
};

describe('a coordinator of the HTTP baseline', () => {
  it('gets a registration and a shard it can reach', async () => {
    const nodeId = await serve();
    const registration = coordinator.requests.find(({ path }) => path === '/nodes/register')?.body;
    expect(registration).toMatchObject({
      protocol_version: '0.1',
      max_gpu_utilization: 0.8,
      hardware_profile: { gpu_model: 'Card', gpu_memory_gb: 4, cpu_cores: 4, ram_gb: 8, matmul_score: 0.25 },
    });
    expect(node.snapshot()).toMatchObject({
      multiplier: 0.1,
      balanceMicroGft: 10_800_000,
      coordinator: { transport: 'http', name: 'imece-like' },
    });
    const shard = coordinator.shards.get(nodeId);
    expect(shard).toMatchObject({
      model_id: 'test/tiny',
      layer_start: 0,
      layer_end: 3,
      region: 'US-NY',
      host: '127.0.0.1',
    });
    const health = await fetch(`http://127.0.0.1:${String(shard?.['port'])}/health`);
    expect(await health.json()).toMatchObject({ status: 'healthy', node_id: nodeId, layer_start: 0, layer_end: 3 });
  });

  it('calls the shard: tokenize, then forward for the whole text', async () => {
    const nodeId = await serve();
    const base = `http://127.0.0.1:${String(coordinator.shards.get(nodeId)?.['port'])}`;
    const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
      const response = await fetch(base + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return (await response.json()) as Record<string, unknown>;
    };
    const tokens = await post('/shard/tokenize', { prompt: 'a', request_id: 'r', model_id: 'test/tiny' });
    expect(tokens).toEqual({ input_ids: [33], token_count: 1, node_id: nodeId });
    const answer = await post('/shard/forward', {
      input_ids: [33],
      activations: null,
      past_key_values: null,
      is_first_shard: true,
      is_last_shard: true,
      max_new_tokens: 3,
      temperature: 0.7,
      request_id: 'r',
      model_id: 'test/tiny',
    });
    expect(answer).toMatchObject({ output_ids: [38, 43, 48], text: '<38><43><48>', layer_start: 0, layer_end: 3 });
    expect(answer['flops_delivered']).toBeGreaterThan(0);
    expect(node.snapshot()).toMatchObject({ requestsServed: 1, tokensServed: 3 });
  });

  describe('while its person wants it quiet', () => {
    /** Keeps the layers in memory, and lets every pass of the engine wait until it is let go. */
    async function serveSlowly(changes: Partial<PolicyPreferences> = {}): Promise<{ base: string; letGo: () => void }> {
      const policy = { ...DEFAULT_RUN_PREFERENCES.policy, freeMemoryWhenPaused: false, ...changes };
      node = createNode(folder, { policy });
      const nodeId = await serve();
      let letGo = (): void => undefined;
      const [engine] = engines;
      if (engine === undefined) throw new Error('no engine was started');
      engine.gate = new Promise((resolve) => {
        letGo = resolve;
      });
      return { base: `http://127.0.0.1:${String(coordinator.shards.get(nodeId)?.['port'])}`, letGo };
    }

    async function forward(base: string): Promise<{ status: number; body: unknown }> {
      const call = { input_ids: [33], is_first_shard: true, is_last_shard: true, max_new_tokens: 3 };
      const response = await fetch(`${base}/shard/forward`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call),
      });
      return { status: response.status, body: await response.json() };
    }

    /** Pauses while a call is in the engine, which is to be finished first. */
    async function pauseToFinish(base: string): Promise<{ running: ReturnType<typeof forward> }> {
      const running = forward(base);
      await until(() => node.snapshot().requestsActive === 1);
      node.finishBeforeNextPause();
      node.pause();
      await until(() => node.snapshot().state.kind === 'paused');
      return { running };
    }

    const healthOf = async (base: string): Promise<unknown> => (await fetch(`${base}/health`)).json();

    it('hands over what runs, takes nothing new, and goes on afterwards', async () => {
      const { base, letGo } = await serveSlowly();
      const running = forward(base);
      await until(() => node.snapshot().requestsActive === 1);
      node.pause();
      await until(() => node.snapshot().state.kind === 'paused' && coordinator.shards.size === 0);
      letGo();
      const refused = { status: 503, body: { detail: 'This node is paused.' } };
      expect(await running).toEqual(refused);
      expect(await forward(base)).toEqual(refused);
      expect(await healthOf(base)).toMatchObject({ status: 'degraded', model_id: 'test/tiny' });
      expect(node.snapshot()).toMatchObject({ requestsActive: 0 });
      node.resume();
      await until(() => node.snapshot().state.kind === 'serving' && coordinator.shards.size === 1);
      expect(await forward(base)).toMatchObject({ status: 200, body: { output_ids: [38, 43, 48] } });
      expect(await healthOf(base)).toMatchObject({ status: 'healthy' });
    });

    it('finishes what runs before it pauses where the person wishes that', async () => {
      const { base, letGo } = await serveSlowly();
      const { running } = await pauseToFinish(base);
      expect(await forward(base)).toEqual({ status: 503, body: { detail: 'This node is paused.' } });
      expect(coordinator.shards.size).toBe(1);
      letGo();
      expect(await running).toMatchObject({ status: 200, body: { output_ids: [38, 43, 48] } });
      await until(() => coordinator.shards.size === 0);
    });

    it('hands over what does not end in time, and waits for nothing then', async () => {
      const { base, letGo } = await serveSlowly();
      const { running } = await pauseToFinish(base);
      clock.advance(600_000);
      await until(() => coordinator.shards.size === 0);
      // A loop that did not wait would keep this from ever ending.
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(node.snapshot().requestsActive).toBe(1);
      letGo();
      expect(await running).toEqual({ status: 503, body: { detail: 'This node is paused.' } });
    });

    it('takes nothing while it is paused and the coordinator is away', async () => {
      const { base, letGo } = await serveSlowly();
      letGo();
      await coordinator.stop();
      await timePassesUntil(() => node.snapshot().state.kind === 'waiting');
      node.pause();
      expect(await forward(base)).toEqual({ status: 503, body: { detail: 'This node is paused.' } });
    });

    it('rests between passes as the person allows it a share of the processor', async () => {
      const { idle, inUse } = DEFAULT_RUN_PREFERENCES.policy;
      const half = { cpuShare: 0.5, gpuShare: 0.5 };
      const { base, letGo } = await serveSlowly({ idle: { ...idle, ...half }, inUse: { ...inUse, ...half } });
      const running = forward(base);
      await until(() => node.snapshot().requestsActive === 1);
      clock.advance(400);
      letGo();
      // As long as the pass took.
      await until(() => clock.waiting.includes(400));
      expect(node.snapshot().tokensServed).toBe(1);
      clock.advance(400);
      expect(await running).toMatchObject({ status: 200, body: { output_ids: [38, 43, 48] } });
    });
  });

  it('hears heartbeats, and gets the shard again after it forgot it', async () => {
    const nodeId = await serve();
    await timePassesUntil(
      () =>
        coordinator.count('POST', /^\/nodes\/.*\/heartbeat$/) > 0 &&
        coordinator.count('POST', /^\/inference\/shards\/heartbeat\//) > 0 &&
        coordinator.count('GET', /\/balance$/) > 0,
    );
    expect(coordinator.count('POST', /^\/inference\/shards\/register$/)).toBe(1);
    coordinator.shards.clear();
    await timePassesUntil(() => coordinator.shards.has(nodeId));
    expect(coordinator.count('POST', /^\/inference\/shards\/register$/)).toBe(2);
    expect(node.snapshot().state.kind).toBe('serving');
  });

  it('gets the exact bytes of the challenge', async () => {
    await serve();
    coordinator.task = task;
    await timePassesUntil(() => node.snapshot().challenges[0]?.verdict === 'passed');
    const result = coordinator.requests.find(({ path }) => path === '/tasks/result')?.body;
    expect(result).toMatchObject({ task_id: task.task_id, node_id: node.snapshot().nodeId });
    expect(node.snapshot()).toMatchObject({ reliability: 1 });
  });

  it.each<[string, number, Record<string, unknown> | string, string]>([
    ['a fault although the answer was right', 500, 'Internal Server Error', 'error'],
    ['a passed challenge of a suspended node', 200, { status: 'suspended', passed: true }, 'passed'],
    ['an answered task', 409, { detail: 'Task already completed' }, 'error'],
    ['an expired task', 410, { detail: 'Task expired' }, 'error'],
    ['a failed challenge', 200, { status: 'active', passed: false, reliability: '0.75' }, 'failed'],
  ])('survives %s', async (_name, status, body, verdict) => {
    await serve();
    coordinator.task = task;
    coordinator.resultAnswer = { status, body };
    await timePassesUntil(() => node.snapshot().challenges[0]?.verdict === verdict);
    expect(node.snapshot().state.kind).toBe('serving');
    const [record] = node.snapshot().challenges;
    const said = typeof body === 'string' ? body : String(body['detail'] ?? (verdict === 'passed' ? 'suspended' : ''));
    expect(record?.message).toContain(said);
  });

  it('pauses when the coordinator suspends the node and goes on when it is active again', async () => {
    const nodeId = await serve();
    const known = coordinator.nodes.get(nodeId);
    if (known === undefined) throw new Error('the node is not registered');
    known.status = 'suspended';
    await timePassesUntil(() => node.snapshot().state.kind === 'paused');
    await until(() => coordinator.shards.size === 0);
    known.status = 'active';
    await timePassesUntil(() => node.snapshot().state.kind === 'serving');
    expect(coordinator.shards.size).toBe(1);
  });

  it('knows the node again by its stored id', async () => {
    const nodeId = await serve();
    await node.stop();
    node = createNode();
    expect(await serve()).toBe(nodeId);
    expect(coordinator.count('POST', /^\/nodes\/register$/)).toBe(1);
    const records = JSON.parse(await readFile(join(folder, 'coordinators.json'), 'utf8')) as unknown[];
    expect(records).toHaveLength(1);
  });

  it('says clearly when the key is known but its id is not', async () => {
    await serve();
    await node.stop();
    await writeFile(join(folder, 'coordinators.json'), '[]');
    node = createNode();
    node.start();
    await until(() => node.snapshot().state.kind === 'failed');
    expect(node.snapshot().state).toMatchObject({ error: { code: 'key-registered-without-id' } });
  });

  it('registers anew when the coordinator lost its data', async () => {
    const nodeId = await serve();
    coordinator.nodes.clear();
    coordinator.shards.clear();
    await timePassesUntil(() => node.snapshot().nodeId !== nodeId);
    await timePassesUntil(() => node.snapshot().state.kind === 'serving');
    expect(coordinator.nodes.size).toBe(1);
  });

  it('answers a request with one text, shown like a stream of one token', async () => {
    await serve();
    const texts: string[] = [];
    const outcome = await node.generate(
      {
        requestId: '0190f0f0-0000-7000-8000-000000000003',
        modelId: 'test/tiny',
        messages: [{ role: 'user', content: 'Hi' }],
        maxNewTokens: 8,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      },
      { onToken: ({ text }) => texts.push(text) },
    );
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        text: 'echo Hi',
        finish_reason: 'stop',
        gft_deducted: 0.30000000000000004,
        new_balance: null,
        pipeline: [{ node_id: 'node-a' }],
        confirmed_at: '2026-01-01T10:00:00.500Z',
      },
    });
    expect(texts).toEqual(['echo Hi']);
  });
});
