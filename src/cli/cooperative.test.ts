import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCoordinator, type Coordinator } from '../coordinator';
import { LocalEngine } from '../inference/engine/local-engine';
import {
  type NodePreferences,
  ContributorNode,
  DEFAULT_ACTIVATION_SERVER,
  DEFAULT_RUN_PREFERENCES,
  fileSecretStore,
} from '../node';
import { testHardware } from '../node/test-doubles/test-hardware';
import { success } from '../protocol/result';

/* One real coordinator, two real nodes with real engines, and the model that ships with the app. */

/** Generous, for machines that are busy with other things. */
const WITHIN = { timeout: 20_000 };

const MODEL_FOLDER = resolve(import.meta.dirname, '../../resources/models/tore-tiny');

let folder = '';
let url = '';
let coordinator: Coordinator;
const nodes: ContributorNode[] = [];

/** The layers come from the coordinator. */
const FROM_COORDINATOR: Partial<NodePreferences> = { modelFolder: null, modelId: 'tore-tiny' };

function createNode(name: string, start: number, end: number, changes: Partial<NodePreferences> = {}): ContributorNode {
  const node = new ContributorNode({
    dataFolder: join(folder, name),
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, name, 'node.key')),
    startEngine: () => {
      const engine = new LocalEngine();
      return Promise.resolve(success({ engine, exited: new Promise<string>(() => undefined) }));
    },
    hardwareReader: testHardware,
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      coordinatorUrl: url,
      accessToken: 'a-secret-token',
      modelFolder: MODEL_FOLDER,
      modelId: null,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      layerChoice: { kind: 'range', start, end },
      ...changes,
    },
    readings: { consent: true },
  });
  nodes.push(node);
  return node;
}

const serving = async (node: ContributorNode): Promise<void> => {
  await expect.poll(() => node.snapshot().state.kind, { timeout: 50_000 }).toBe('serving');
};

async function getJson(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(url + path, { headers: { authorization: 'Bearer a-secret-token' } });
  return (await response.json()) as Record<string, unknown>;
}

interface GoldenCase {
  readonly messages: { role: 'user'; content: string }[];
  readonly greedy_ids: number[];
  readonly greedy_text: string;
}

async function goldenCase(): Promise<GoldenCase> {
  const file = resolve(import.meta.dirname, '../inference/testdata/golden.json');
  const { cases } = JSON.parse(await readFile(file, 'utf8')) as { cases: GoldenCase[] };
  const [first] = cases;
  if (first === undefined) throw new Error('the golden file has cases');
  return first;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-cooperative-'));
  coordinator = createCoordinator({
    databaseFile: join(folder, 'coordinator.db'),
    accessToken: 'a-secret-token',
    modelFolders: [MODEL_FOLDER],
    openingGrantMicroGft: 10_000_000,
    firstChallengeAfterSeconds: 0.1,
    maintenanceSeconds: 0.1,
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  ({ url } = started.value);
});
afterAll(async () => {
  for (const node of nodes) await node.stop();
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a cooperative of two nodes', () => {
  it('gives the golden answer, pays both, keeps the ledger right, and recovers from a lost node', async () => {
    const first = createNode('first', 0, 3);
    first.start();
    await serving(first);
    const second = createNode('second', 4, 7, FROM_COORDINATOR);
    second.start();
    await serving(second);
    const [fetched = ''] = await readdir(join(folder, 'second', 'models'));
    const { size } = await stat(join(folder, 'second', 'models', fetched, 'model.safetensors.part'));
    const whole = await stat(join(MODEL_FOLDER, 'model.safetensors'));
    // Half the layers, and the embedding the head is tied to.
    expect(size).toBeLessThan(whole.size * 0.65);

    const golden = await goldenCase();
    const ask = (): ReturnType<ContributorNode['generate']> =>
      first.generate({
        requestId: randomUUID(),
        modelId: 'tore-tiny',
        messages: golden.messages,
        maxNewTokens: 100,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      });
    const tokens: number[] = [];
    const answer = await first.generate(
      {
        requestId: randomUUID(),
        modelId: 'tore-tiny',
        messages: golden.messages,
        maxNewTokens: 100,
        sampling: { temperature: 0, top_k: 0, top_p: 1 },
      },
      { onToken: ({ tokenId }) => tokens.push(tokenId) },
    );
    expect(answer).toMatchObject({ ok: true, value: { text: golden.greedy_text, finish_reason: 'stop' } });
    expect(tokens).toEqual(golden.greedy_ids);
    await expect.poll(() => second.snapshot().balanceMicroGft, WITHIN).toBeGreaterThan(10_000_000);
    expect(await getJson('/tokens/ledger/verify')).toMatchObject({ chain_valid: true, total_entries: 5 });
    await expect.poll(() => second.snapshot().challenges.map((record) => record.verdict), WITHIN).toContain('passed');

    await second.stop();
    await expect
      .poll(async () => (await getJson('/inference/pipeline/tore-tiny'))['layers_missing'], WITHIN)
      .toEqual([4, 5, 6, 7]);
    expect(await ask()).toMatchObject({ ok: false, error: { message: expect.stringContaining('4-7') as string } });
    second.start();
    await serving(second);
    expect(await ask()).toMatchObject({ ok: true, value: { text: golden.greedy_text } });
  });
});

it('lets a node fetch its layers where every call has to prove a key', async () => {
  const keyed = createCoordinator({
    databaseFile: join(folder, 'keyed.db'),
    accessPolicy: 'keyed',
    accessToken: 'a-secret-token',
    modelFolders: [MODEL_FOLDER],
  });
  const started = await keyed.start();
  if (!started.ok) throw new Error(started.error.message);
  const node = createNode('keyed', 2, 3, { ...FROM_COORDINATOR, coordinatorUrl: started.value.url });
  node.start();
  await serving(node);
  expect(node.snapshot().shard?.range).toEqual({ layer_start: 2, layer_end: 3 });
  await node.stop();
  await keyed.stop();
});
