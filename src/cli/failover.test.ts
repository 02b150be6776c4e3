import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Value } from 'typebox/value';
import { afterEach, describe, expect, it } from 'vitest';
import { createCoordinator, type Coordinator } from '../coordinator';
import { LocalEngine } from '../inference/engine/local-engine';
import { golden } from '../inference/testdata/tore-tiny';
import { referenceLogProbabilities } from '../inference/testdata/reference-log-probabilities';
import { TokenLogProbabilities } from '../protocol/compute/log-probabilities';
import { BareNode } from '../node/test-doubles/bare-node';
import { readServerSentEvents } from '../node/coordinator-client/server-sent-events';

/* Real engines, connections and coordinator; nodes are cut off while they answer. */

type Json = Record<string, unknown>;

const MODEL_FOLDER = resolve(import.meta.dirname, '../../resources/models/tore-tiny');
const SPANS = [
  { layer_start: 0, layer_end: 2 },
  { layer_start: 3, layer_end: 5 },
  { layer_start: 6, layer_end: 7 },
] as const;
/** Two nodes hold each span. */
const HOLDERS = 2;
const KILLS = 50;
const MAX_NEW_TOKENS = 48;
const PROMPTS = ['tell me a story about Ada', 'what is a hop?', 'how do I earn GFT?'] as const;

let folder = '';
let url = '';
let askerId = '';
let coordinator: Coordinator;
const engines: LocalEngine[] = [];
const nodes: BareNode[] = [];
/** The node that took the last request, by span. */
const working = new Map<number, BareNode>();

/** Numbers that are the same in every run, so that a failure can be found again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function startNode(span: number): Promise<void> {
  const range = SPANS[span];
  if (range === undefined) throw new Error('there is no such span');
  const engine = new LocalEngine();
  engines.push(engine);
  const node: BareNode = await BareNode.start({
    url,
    engine,
    modelFolder: MODEL_FOLDER,
    cacheFolder: join(folder, 'shards'),
    range,
    onEvent: (event) => {
      if (event.kind === 'pipeline' && event.message.type === 'pipeline-open') working.set(span, node);
    },
  });
  nodes.push(node);
}

interface Answer {
  readonly tokens: readonly number[];
  readonly text: string;
  /** Of each token. */
  readonly described: readonly unknown[];
  readonly end: Json;
}

/** Asks as a foreign client would, over server-sent events. */
async function ask(body: Json, onToken: (index: number) => void = () => undefined): Promise<Answer> {
  const response = await fetch(`${url}/inference/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({
      node_id: askerId,
      model_id: 'tore-tiny',
      max_new_tokens: MAX_NEW_TOKENS,
      request_id: randomUUID(),
      ...body,
    }),
  });
  if (response.body === null) throw new Error('there is no stream');
  const tokens: number[] = [];
  const described: unknown[] = [];
  let text = '';
  let end: Json = {};
  for await (const event of readServerSentEvents(response.body)) {
    const data = JSON.parse(event.data) as Json;
    if (event.name === 'token') {
      expect(data['index']).toBe(tokens.length);
      tokens.push(Number(data['token_id']));
      text += String(data['text']);
      described.push(data['logprobs']);
      onToken(tokens.length);
    } else if (event.name === 'finished' || event.name === 'error') end = data;
  }
  return { tokens, text, described, end };
}

async function startCooperative(options: { readonly replayBytesPerRequest?: number } = {}): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'tore-failover-'));
  coordinator = createCoordinator({
    databaseFile: ':memory:',
    openingGrantMicroGft: 1_000_000_000,
    firstChallengeAfterSeconds: 3_600,
    rateLimitPerMinute: 1_000_000,
    replacementWaitSeconds: 20,
    ...options,
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  ({ url } = started.value);
  for (let holder = 0; holder < HOLDERS; holder += 1) {
    for (const span of SPANS.keys()) await startNode(span);
  }
  const registered = await fetch(`${url}/nodes/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      public_key: 'a-foreign-client',
      hardware_profile: {
        cpu_model: 'x',
        cpu_cores: 1,
        ram_gb: 1,
        matmul_score: 0,
        memory_score: 0,
        latency_score: 0,
        fingerprint: 'foreign',
      },
    }),
  });
  askerId = String(((await registered.json()) as Json)['id']);
}

afterEach(async () => {
  for (const node of nodes.splice(0)) node.kill();
  await coordinator.stop();
  for (const engine of engines.splice(0)) await engine.close();
  working.clear();
  await rm(folder, { recursive: true, force: true });
});

/** Asks the same question undisturbed and with nodes cut off at random tokens, until enough were; both must be equal. */
async function killAtRandom(count: number, seed: number): Promise<void> {
  const random = dice(seed);
  let kills = 0;
  for (let round = 0; kills < count; round += 1) {
    const sampling =
      round % 2 === 0
        ? { temperature: 0, top_k: 0, top_p: 1 }
        : { temperature: 0.9, top_k: 40, top_p: 0.95, seed: round, repetition_penalty: 1.1 };
    const body = { messages: [{ role: 'user', content: PROMPTS[round % PROMPTS.length] }], sampling };
    const calm = await ask(body);
    expect(calm.end['finish_reason']).toMatch(/stop|length/);
    const killed: BareNode[] = [];
    const returning: Promise<void>[] = [];
    const killAt = new Map<number, number>();
    for (let kill = 0; kill <= round % 2; kill += 1) {
      killAt.set(1 + Math.floor(random() * (calm.tokens.length - 1)), Math.floor(random() * SPANS.length));
    }
    const disturbed = await ask(body, (length) => {
      const span = killAt.get(length);
      const victim = span === undefined ? undefined : working.get(span);
      if (victim === undefined || killed.includes(victim)) return;
      killed.push(victim);
      victim.kill();
      // With both holders gone the answer waits for one of them to return.
      const other = killed.find((node) => node !== victim && node.range === victim.range);
      if (other !== undefined) returning.push(other.connect());
    });
    kills += killed.length;
    expect(disturbed.end['detail']).toBeUndefined();
    expect(disturbed.tokens).toEqual(calm.tokens);
    expect(disturbed.text).toBe(calm.text);
    expect(disturbed.end['text']).toBe(calm.end['text']);
    await Promise.all(returning);
    for (const node of killed) if (node.connection === null) await node.connect();
  }
}

async function isChainValid(): Promise<unknown> {
  const verified = (await (await fetch(`${url}/tokens/ledger/verify`)).json()) as Json;
  return verified['chain_valid'];
}

describe('an answer whose nodes are lost', () => {
  it(`comes out token for token as undisturbed, over ${KILLS} losses at random tokens`, async () => {
    await startCooperative();
    await killAtRandom(KILLS, 7);
    expect(await isChainValid()).toBe(true);
  }, 180_000);

  it('comes out the same where nothing was kept and the caches are computed from the token ids', async () => {
    await startCooperative({ replayBytesPerRequest: 0 });
    await killAtRandom(6, 11);
    expect(await isChainValid()).toBe(true);
  }, 120_000);

  it('keeps the log-probabilities of every token, those of the reference, over losses', async () => {
    await startCooperative();
    const [example] = golden.cases;
    const sampling = { temperature: 0, top_k: 0, top_p: 1, top_logprobs: 3 };
    const body = { messages: example?.messages, sampling };
    const calm = await ask(body);
    const killed = new Set<BareNode | undefined>();
    const disturbed = await ask(body, (length) => {
      const victim = working.get(length === 7 ? 2 : 0);
      if (length !== 7 && length !== 15) return;
      killed.add(victim);
      victim?.kill();
    });
    expect(killed.size).toBe(2);
    expect(disturbed.tokens).toEqual(example?.greedy_ids);
    expect(disturbed.described).toEqual(calm.described);
    const reference = await referenceLogProbabilities(example?.input_ids ?? [], disturbed.tokens);
    for (const [index, described] of disturbed.described.entries()) {
      if (!Value.Check(TokenLogProbabilities, described)) throw new Error('a token without log-probabilities');
      expect(described.id).toBe(disturbed.tokens[index]);
      for (const { id, logprob } of [described, ...described.top]) {
        expect(Math.abs(logprob - (reference[index]?.[id] ?? Number.NaN))).toBeLessThan(1e-3);
      }
    }
  }, 120_000);

  it('leaves the other answers of the lost node whole as well', async () => {
    await startCooperative();
    const bodies = PROMPTS.map((content) => ({
      messages: [{ role: 'user', content }],
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    }));
    const calm: Answer[] = [];
    for (const body of bodies) calm.push(await ask(body));
    let hasKilled = false;
    const disturbed = await Promise.all(
      bodies.map((body) =>
        ask(body, (length) => {
          if (length !== 5 || hasKilled) return;
          hasKilled = true;
          working.get(1)?.kill();
        }),
      ),
    );
    expect(hasKilled).toBe(true);
    expect(disturbed.map(({ tokens }) => tokens)).toEqual(calm.map(({ tokens }) => tokens));
  }, 120_000);
});
