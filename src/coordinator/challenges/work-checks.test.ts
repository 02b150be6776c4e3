import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ShardHandle } from '../../inference';
import { LocalEngine } from '../../inference/engine/local-engine';
import { expectValue, layers, TORE_TINY } from '../../inference/testdata/tore-tiny';
import { loadManifestFromFolder } from '../models/load-manifest';
import { serveWithEngine, type EngineWork } from '../testing/engine-node';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { serveLast, WsNode } from '../testing/ws-node';

type Json = Record<string, unknown>;
type ShardName = readonly [first: number, last: number, precision?: 'fp32' | 'int8' | 'int4'];

const ADMINISTRATOR = 'administrator-of-the-test';
const PROMPT = 'Once upon a time there was a small boat that wanted to see the sea.';
const ROOM = { timeout: 20_000 };

let cacheFolder: string;
let manifestHash: string;
let modelId: string;
const engine = new LocalEngine();
/** Another number of threads: the same work with other sums. */
const twoThreads = new LocalEngine();
const shards = new Map<string, Promise<ShardHandle>>();

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-work-checks-'));
  const model = expectValue(await engine.readModel(TORE_TINY));
  ({ manifestHash } = model);
  modelId = model.manifest.model_id;
});
afterAll(async () => {
  await engine.close();
  await twoThreads.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

function shard([first, last, precision = 'fp32']: ShardName, by: Engine = engine): Promise<ShardHandle> {
  const threads = by === twoThreads ? 2 : 1;
  const key = `${first} ${last} ${precision} ${threads}`;
  const known = shards.get(key);
  if (known !== undefined) return known;
  const request = { folder: TORE_TINY, range: layers(first, last), cacheFolder, memoryBudgetBytes: 1e9, precision };
  const loaded = by.loadShard({ ...request, threads }).then((result) => expectValue(result));
  shards.set(key, loaded);
  return loaded;
}

/** A node that proves these layers when it is asked to, and runs others in requests. */
function work(proved: ShardName, served: ShardName = proved, more: Partial<EngineWork> = {}): EngineWork {
  const by = more.engine ?? engine;
  return {
    engine: by,
    proved: () => shard(proved, by),
    served: () => shard(served, by),
    precision: proved[2] ?? 'fp32',
    ...more,
  };
}

const MIDDLE: ShardName = [2, 5];
const HONEST: readonly (readonly [string, EngineWork])[] = [
  ['fp32', work(MIDDLE)],
  ['int8', work([2, 5, 'int8'])],
  ['int4', work([2, 5, 'int4'])],
  ['fp32 on two threads', work(MIDDLE, MIDDLE, { engine: twoThreads })],
];
/** The cheats of the profile: each proves honestly when it is asked to. */
const CHEATS: readonly (readonly [string, EngineWork])[] = [
  ['half of the layers', work(MIDDLE, [2, 3])],
  ['a constant answer', work(MIDDLE, MIDDLE, { handsOn: (given) => given.fill(0.5) })],
  ['its input as its answer', work(MIDDLE, MIDDLE, { handsOn: (given, input) => inputOf(input) ?? given })],
  ['int8 said to be fp32', work(MIDDLE, [2, 5, 'int8'])],
  ['int4 said to be int8', work([2, 5, 'int8'], [2, 5, 'int4'])],
];

function inputOf(input: Parameters<NonNullable<EngineWork['handsOn']>>[1]): Float32Array | null {
  return 'activation' in input ? input.activation : null;
}

describe('real work that is done again', () => {
  let target: TestCoordinator;
  const nodes: WsNode[] = [];
  afterEach(async () => {
    for (const node of nodes.splice(0)) node.drop();
    await target.coordinator.stop();
  });

  async function start(options: { ownChecks: boolean; workCheckRate?: number }): Promise<void> {
    target = await startTestCoordinator(
      { modelFolders: [TORE_TINY], administratorToken: ADMINISTRATOR, workCheckRate: 1, ...options },
      { loadManifest: loadManifestFromFolder },
    );
  }

  async function comeIn(range: ShardName): Promise<WsNode> {
    const node = await WsNode.connect(target.url);
    nodes.push(node);
    await node.register();
    const [first, last, precision = 'fp32'] = range;
    const shardOf = { node_id: node.nodeId, model_id: modelId, layer_start: first, layer_end: last, precision };
    const reply = await node.call({ type: 'register-shard', shard: shardOf, manifest_hash: manifestHash });
    expect(reply).toMatchObject({ ok: true });
    return node;
  }

  /** Pipelines are of one precision; the ends of this one have that of its middle. */
  async function ends(precision: 'fp32' | 'int8' | 'int4' = 'fp32'): Promise<WsNode> {
    const first = await comeIn([0, 1, precision]);
    serveWithEngine(first, work([0, 1, precision]));
    serveLast(await comeIn([6, 7, precision]), { stopAfter: 6 });
    return first;
  }

  async function middle(how: EngineWork): Promise<WsNode> {
    const node = await comeIn([2, 5, how.precision ?? 'fp32']);
    serveWithEngine(node, how);
    return node;
  }

  async function ask(by: WsNode, more: Json = {}): Promise<Json> {
    const reply = await by.call({
      type: 'generate',
      request_id: randomUUID(),
      model_id: modelId,
      prompt: PROMPT,
      max_new_tokens: 6,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
      precision: 'int4',
      ...more,
    });
    expect(reply).toMatchObject({ ok: true, value: { text: 'ABCDEF' } });
    return reply;
  }

  async function checks(): Promise<Json[]> {
    const response = await fetch(`${target.url}/admin/challenges?limit=100`, {
      headers: { authorization: `Bearer ${ADMINISTRATOR}` },
    });
    const { challenges } = (await response.json()) as { challenges: Json[] };
    return challenges.filter((challenge) => challenge['task_type'] === 'work_check');
  }

  /** Asks until this node was checked, and says what was found. */
  async function verdictOn(node: WsNode, asker: WsNode): Promise<Json> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const before = (await checks()).length;
      await ask(asker);
      await expect.poll(async () => (await checks()).length, ROOM).toBeGreaterThan(before);
      const found = (await checks()).find((check) => check['node_id'] === node.nodeId);
      if (found !== undefined) return found;
    }
    throw new Error('the node was never checked');
  }

  it.each([
    ...HONEST.map(([name, how]) => [`honest work in ${name}`, how, 'verified'] as const),
    ...CHEATS.map(([name, how]) => [name, how, 'failed'] as const),
  ])(
    'judges %s by the coordinator’s own run, though every proof that is asked for is right',
    async (_name, how, status) => {
      await start({ ownChecks: true });
      const first = await ends(how.precision);
      const node = await middle(how);
      const found = await verdictOn(node, first);
      expect(found).toMatchObject({ status, layer_start: 2, layer_end: 5 });
      expect(String(found['finding'])).toContain('own run');
      expect(JSON.stringify(await checks())).not.toContain('boat');
    },
    30_000,
  );

  it('checks the first layers as well', async () => {
    await start({ ownChecks: true });
    const first = await comeIn([0, 3]);
    serveWithEngine(first, work([0, 3], [0, 1]));
    serveLast(await comeIn([4, 7]), { stopAfter: 6 });
    expect(await verdictOn(first, first)).toMatchObject({ status: 'failed', layer_start: 0, layer_end: 3 });
  });

  it('has it done by independent nodes, of which a third decides, in the form of a request', async () => {
    await start({ ownChecks: false });
    const first = await ends();
    const cheat = await middle(work(MIDDLE, [2, 3]));
    const honest = [await middle(work(MIDDLE)), await middle(work(MIDDLE, MIDDLE, { engine: twoThreads }))];
    expect(await verdictOn(cheat, first)).toMatchObject({ status: 'failed' });
    const found = await checks();
    for (const node of honest) {
      const ofNode = found.filter((check) => check['node_id'] === node.nodeId);
      expect(ofNode.map((check) => check['status'])).toContain('verified');
      expect(ofNode.map((check) => check['status'])).not.toContain('failed');
    }
    // Nothing in its messages tells a node which of its requests was a check.
    const opened = honest.flatMap((node) => node.messages.filter(({ type }) => type === 'pipeline-open'));
    expect(opened.length).toBeGreaterThan(1);
    const forms = new Set(opened.map((message) => Object.keys(message).toSorted().join(' ')));
    expect([...forms]).toHaveLength(1);
  }, 30_000);

  it('judges nobody where two disagree and no third can decide', async () => {
    await start({ ownChecks: false });
    const first = await ends();
    const cheat = await middle(work(MIDDLE, [2, 3]));
    const honest = await middle(work(MIDDLE));
    const opened = (): number =>
      [cheat, honest].reduce(
        (sum, node) => sum + node.messages.filter(({ type }) => type === 'pipeline-close').length,
        0,
      );
    await ask(first);
    // The request, and the check of the middle, where there was one.
    await expect.poll(opened, ROOM).toBe(2);
    expect(await checks()).toEqual([]);
  });

  /** The first layers alone are worth checking here, at one node after the other. */
  async function firstOf(precision: 'fp32' = 'fp32'): Promise<WsNode> {
    const first = await comeIn([0, 3, precision]);
    serveWithEngine(first, work([0, 3, precision]));
    return first;
  }

  it('copies no work of a session that is held elsewhere', async () => {
    await start({ ownChecks: true });
    serveLast(await comeIn([4, 7]), { stopAfter: 6 });
    const before = await firstOf();
    await ask(before, { session_id: '019cb1a0-3c00-7000-8000-000000000001' });
    before.drop();
    const after = await firstOf();
    await ask(after);
    // One after another: what the first request led to would be there before what the second did.
    await expect.poll(async () => (await checks()).map((check) => check['node_id']), ROOM).toEqual([after.nodeId]);
  });

  it('copies no work at all at rate 0', async () => {
    await start({ ownChecks: true, workCheckRate: 0 });
    serveLast(await comeIn([4, 7]), { stopAfter: 6 });
    const first = await firstOf();
    await ask(first);
    await target.coordinator.stop();
    expect(first.messages.filter(({ type }) => type === 'node-status')).toEqual([]);
  });
});
