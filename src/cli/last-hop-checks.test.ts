import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadManifestFromFolder } from '../coordinator/models/load-manifest';
import { startTestCoordinator, type TestCoordinator } from '../coordinator/testing/start-coordinator';
import { serveLast, WsNode } from '../coordinator/testing/ws-node';
import { LocalEngine } from '../inference/engine/local-engine';
import { ContributorNode, DEFAULT_ACTIVATION_SERVER, DEFAULT_RUN_PREFERENCES, fileSecretStore } from '../node';
import { testHardware } from '../node/test-doubles/test-hardware';
import { success } from '../protocol/result';

/* Work that ends in tokens, done again by independent nodes: real nodes with real engines, and one that makes things up. */

type Json = Record<string, unknown>;

const MODEL_FOLDER = resolve(import.meta.dirname, '../../resources/models/tore-tiny');
const ADMINISTRATOR = 'administrator-of-the-test';
const WITHIN = { timeout: 40_000 };

let folder = '';
let target: TestCoordinator;
const nodes: ContributorNode[] = [];
const sockets: WsNode[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-last-hop-'));
  target = await startTestCoordinator(
    {
      modelFolders: [MODEL_FOLDER],
      administratorToken: ADMINISTRATOR,
      workCheckRate: 1,
      openingGrantMicroGft: 1_000_000_000,
    },
    { loadManifest: loadManifestFromFolder },
  );
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.drop();
  for (const node of nodes.splice(0)) await node.stop();
  await target.coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Every node is a machine of its own: those of one machine do not vouch for each other. */
async function serving(name: string, start: number, end: number): Promise<ContributorNode> {
  const node = new ContributorNode({
    dataFolder: join(folder, name),
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, name, 'node.key')),
    startEngine: () =>
      Promise.resolve(success({ engine: new LocalEngine(), exited: new Promise<string>(() => undefined) })),
    hardwareReader: {
      ...testHardware,
      cpu: async () => ({ manufacturer: 'Test', brand: `Processor of ${name}`, cores: 2, physicalCores: 2 }),
    },
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      coordinatorUrl: target.url,
      accessToken: null,
      modelFolder: MODEL_FOLDER,
      modelId: null,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      layerChoice: { kind: 'range', start, end },
    },
    readings: { consent: true },
  });
  nodes.push(node);
  node.start();
  await expect.poll(() => node.snapshot().state.kind, WITHIN).toBe('serving');
  return node;
}

/** Says it holds layers and makes its answers up. */
async function inventing(start: number, end: number): Promise<WsNode> {
  const node = await WsNode.connect(target.url);
  sockets.push(node);
  await node.register();
  const shard = { node_id: node.nodeId, model_id: 'tore-tiny', layer_start: start, layer_end: end, precision: 'fp32' };
  const { models } = (await (await fetch(`${target.url}/inference/models`)).json()) as { models: Json[] };
  const call = { type: 'register-shard', shard, manifest_hash: models[0]?.['manifest_hash'] };
  expect(await node.call(call)).toMatchObject({ ok: true });
  serveLast(node, { stopAfter: 24 });
  return node;
}

async function checks(): Promise<Json[]> {
  const response = await fetch(`${target.url}/admin/challenges?limit=500`, {
    headers: { authorization: `Bearer ${ADMINISTRATOR}` },
  });
  const { challenges } = (await response.json()) as { challenges: Json[] };
  return challenges.filter((challenge) => challenge['task_type'] === 'work_check');
}

/** Asks until a node was checked at these layers so many times. */
async function verdictsOn(nodeId: string, layerEnd: number, wanted: number): Promise<Json[]> {
  const asker = await WsNode.connect(target.url);
  sockets.push(asker);
  await asker.register();
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const found = (await checks()).filter((one) => one['node_id'] === nodeId && one['layer_end'] === layerEnd);
    if (found.length >= wanted) return found;
    const before = (await checks()).length;
    await asker.call({
      type: 'generate',
      request_id: randomUUID(),
      model_id: 'tore-tiny',
      messages: [{ role: 'user', content: `What is a shard? ${attempt}` }],
      max_new_tokens: 24,
      sampling: { temperature: 0.9, top_k: 0, top_p: 1, seed: attempt },
    });
    await expect
      .poll(async () => (await checks()).length, { timeout: 3_000 })
      .toBeGreaterThan(before)
      .catch(() => 0);
  }
  throw new Error('the node was never checked');
}

describe('work that ends in tokens', () => {
  it('is done again by independent nodes: honest ones agree, one that makes answers up does not', async () => {
    await serving('first', 0, 3);
    const honest = [await serving('one', 4, 7), await serving('two', 4, 7)];
    const cheat = await inventing(4, 7);
    const [found] = await verdictsOn(cheat.nodeId, 7, 1);
    expect(found).toMatchObject({ status: 'failed' });
    expect(String(found?.['finding'])).toContain('tokens are the same');
    const ids = honest.map((node) => node.snapshot().nodeId);
    const ofHonest = (await checks()).filter((one) => ids.includes(one['node_id'] as string));
    expect(ofHonest.map((one) => one['status'])).not.toContain('failed');
    expect(ofHonest.map((one) => one['status'])).toContain('verified');
  }, 120_000);

  it('includes that of nodes which hold the whole model', async () => {
    const [one] = [await serving('whole one', 0, 7), await serving('whole two', 0, 7)];
    const found = await verdictsOn(String(one.snapshot().nodeId), 7, 3);
    expect(found.map((each) => each['status'])).toEqual(found.map(() => 'verified'));
  }, 120_000);
});
