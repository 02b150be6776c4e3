import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ShardHandle } from '../../inference';
import { LocalEngine } from '../../inference/engine/local-engine';
import { runProof } from '../../inference/proof/run-proof';
import { expectValue, layers, TORE_TINY } from '../../inference/testdata/tore-tiny';
import type { FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import { loadManifestFromFolder } from '../models/load-manifest';
import { callAt, challengeAnswer, get } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;
type Answer = (seed: string) => Promise<{ precision: string; rows: readonly FingerprintRow[] }>;

const SHAPE = { vocab_size: 1_024, hidden_size: 128 };
const RANGE = { layer_start: 2, layer_end: 5 };

let cacheFolder: string;
let manifestHash: string;
let modelId: string;
const engine = new LocalEngine();
const shards = new Map<string, ShardHandle>();

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-proof-test-'));
  const model = expectValue(await engine.readModel(TORE_TINY));
  ({ manifestHash } = model);
  modelId = model.manifest.model_id;
});
afterAll(async () => {
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

async function shard(first: number, last: number, precision: 'fp32' | 'int8' | 'int4' = 'fp32'): Promise<ShardHandle> {
  const key = `${first} ${last} ${precision}`;
  const known = shards.get(key);
  if (known !== undefined) return known;
  const loaded = expectValue(
    await engine.loadShard({
      folder: TORE_TINY,
      range: layers(first, last),
      cacheFolder,
      memoryBudgetBytes: 1e9,
      precision,
    }),
  );
  shards.set(key, loaded);
  return loaded;
}

async function prove(seed: string, precision: 'fp32' | 'int8' | 'int4' = 'fp32'): Promise<FingerprintRow[]> {
  return expectValue(await runProof(engine, await shard(2, 5, precision), SHAPE, seed));
}

const honest: Answer = async (seed) => ({ precision: 'fp32', rows: await prove(seed) });
const honestInt8: Answer = async (seed) => ({ precision: 'int8', rows: await prove(seed, 'int8') });
const OLD_SEED = 'ab'.repeat(32);

/** The cheats of the profile; half of the layers stands for leaving layers out, whichever they are. */
const CHEATS: readonly (readonly [string, Answer])[] = [
  ['a constant answer', async () => ({ precision: 'fp32', rows: await prove(OLD_SEED) })],
  ['a replay', async (seed) => ({ precision: 'fp32', rows: await prove(seed.replace(/^../, '00')) })],
  [
    'half of the layers',
    async (seed) => ({
      precision: 'fp32',
      rows: expectValue(await runProof(engine, await shard(2, 3), SHAPE, seed)),
    }),
  ],
  ['int8 said to be fp32', async (seed) => ({ precision: 'fp32', rows: await prove(seed, 'int8') })],
  ['int4 said to be int8', async (seed) => ({ precision: 'int8', rows: await prove(seed, 'int4') })],
];

function sendResult(node: WsNode, task: Json, more: Json): void {
  const result = { task_id: task['task_id'], node_id: node.nodeId, flops_delivered: 0, execution_time_ms: 1, ...more };
  node.begin({ type: 'task-result', result });
}

describe('proof of work done', () => {
  let target: TestCoordinator;
  const nodes: WsNode[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) node.drop();
    await target.coordinator.stop();
  });

  async function start(ownChecks: boolean): Promise<void> {
    target = await startTestCoordinator(
      { modelFolders: [TORE_TINY], ownChecks, firstChallengeAfterSeconds: 0.05, challengeEverySeconds: 0.2 },
      { loadManifest: loadManifestFromFolder },
    );
  }

  /** A node that answers proofs in some way; resolves with the verdict on its first one. */
  async function comeIn(answer: Answer): Promise<{ node: WsNode; verdict: Promise<Json> }> {
    const node = await WsNode.connect(target.url);
    nodes.push(node);
    await node.register();
    const proofs = new Set<unknown>();
    const verdict = node.next('node-status', (message) => proofs.has(message['task_id']));
    node.behave((message) => {
      if (message['type'] !== 'task') return;
      const task = message['task'] as Json;
      const proof = (task['payload'] as Json)['proof'] as Json | undefined;
      // Alone with its layers and without own checks a node gets the baseline's challenge.
      const isProof = proof !== undefined;
      if (isProof) proofs.add(task['task_id']);
      if (!isProof) return sendResult(node, task, { result_hash: challengeAnswer(task) });
      expect(proof['manifest_hash']).toBe(manifestHash);
      void answer(String(proof['seed'])).then(
        (given) => sendResult(node, task, { result_hash: 'proof', proof: given }),
        // A proof that came when the test was over.
        () => undefined,
      );
    });
    return { node, verdict };
  }

  async function serve(node: WsNode): Promise<void> {
    const reply = await node.call({
      type: 'register-shard',
      shard: { node_id: node.nodeId, model_id: modelId, ...RANGE },
      manifest_hash: manifestHash,
    });
    expect(reply).toMatchObject({ ok: true });
  }

  it.each<readonly [string, Answer, boolean]>([
    ['honest work', honest, true],
    ['honest work in int8', honestInt8, true],
    ...CHEATS.map(([name, answer]) => [name, answer, false] as const),
  ])('judges %s by the coordinator’s own run', async (_name, answer, passed) => {
    await start(true);
    const { node, verdict } = await comeIn(answer);
    await serve(node);
    const told = await verdict;
    expect(told).toMatchObject({ passed });
    callAt(target.url);
    expect((await get(`/tasks/${String(told['task_id'])}`)).body).toMatchObject({ is_challenge: true });
  });

  it('compares independent nodes, and lets a third decide', async () => {
    await start(false);
    const first = await comeIn(honest);
    const second = await comeIn(honest);
    const cheat = await comeIn(CHEATS[2]?.[1] ?? honest);
    for (const { node } of [first, second, cheat]) await serve(node);
    expect(await cheat.verdict).toMatchObject({ passed: false });
    expect(await first.verdict).toMatchObject({ passed: true });
    expect(await second.verdict).toMatchObject({ passed: true });
  });
});
