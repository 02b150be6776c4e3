import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCoordinator, type Coordinator } from '../coordinator';
import { LocalEngine } from '../inference/engine/local-engine';
import {
  ContributorNode,
  DEFAULT_ACTIVATION_SERVER,
  DEFAULT_RUN_PREFERENCES,
  fileSecretStore,
  type NodePreferences,
} from '../node';
import { testHardware } from '../node/test-doubles/test-hardware';
import { success } from '../protocol/result';

/* A real coordinator asks real nodes to hold other layers when somebody has gone. */

const WITHIN = { timeout: 50_000 };
const MODEL_FOLDER = resolve(import.meta.dirname, '../../resources/models/tore-tiny');

let folder = '';
let url = '';
let coordinator: Coordinator;
const nodes: ContributorNode[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-moving-'));
  coordinator = createCoordinator({
    databaseFile: ':memory:',
    modelFolders: [MODEL_FOLDER],
    moveEverySeconds: 0.1,
    maintenanceSeconds: 0.1,
    firstChallengeAfterSeconds: 3_600,
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  ({ url } = started.value);
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

async function serving(name: string, changes: Partial<NodePreferences>): Promise<ContributorNode> {
  const node = new ContributorNode({
    dataFolder: join(folder, name),
    appVersion: '0.0.0',
    secretStore: fileSecretStore(join(folder, name, 'node.key')),
    startEngine: () =>
      Promise.resolve(success({ engine: new LocalEngine(), exited: new Promise<string>(() => undefined) })),
    hardwareReader: testHardware,
    preferences: {
      ...DEFAULT_RUN_PREFERENCES,
      coordinatorUrl: url,
      accessToken: null,
      modelFolder: MODEL_FOLDER,
      modelId: null,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      ...changes,
    },
    readings: { consent: true },
  });
  nodes.push(node);
  node.start();
  await expect.poll(() => node.snapshot().state.kind, WITHIN).toBe('serving');
  return node;
}

const rangeOf = (node: ContributorNode): unknown => node.snapshot().shard?.range;
const available = async (): Promise<unknown> =>
  ((await (await fetch(`${url}/inference/pipeline/tore-tiny`)).json()) as Record<string, unknown>)['available'];

async function cooperative(consent: NodePreferences['moveConsent']) {
  const first = await serving('first', { layerChoice: { kind: 'range', start: 0, end: 3 } });
  const flexible = await serving('flexible', {
    layerChoice: { kind: 'automatic' },
    ...(consent === undefined ? {} : { moveConsent: consent }),
  });
  expect(rangeOf(flexible)).toEqual({ layer_start: 4, layer_end: 7 });
  // First gone, then joined: with three of them there a slow computer's measured speeds alone may be a reason to ask.
  await first.stop();
  const fixed = await serving('fixed', { layerChoice: { kind: 'range', start: 4, end: 7 }, moveConsent: 'always' });
  return { flexible, fixed };
}

it('moves a node whose person allows it to where somebody has left, and no layers a person fixed', async () => {
  const { flexible, fixed } = await cooperative('always');
  await expect.poll(() => rangeOf(flexible), WITHIN).toEqual({ layer_start: 0, layer_end: 3 });
  await expect.poll(available, WITHIN).toBe(true);
  expect(rangeOf(fixed)).toEqual({ layer_start: 4, layer_end: 7 });
});

it('asks the person where they wish that, and stays or moves as they answer', async () => {
  const { flexible } = await cooperative('ask');
  await expect
    .poll(() => flexible.snapshot().moveProposal, WITHIN)
    .toMatchObject({
      modelId: 'tore-tiny',
      range: { layer_start: 0, layer_end: 3 },
      gain: null,
    });
  expect(rangeOf(flexible)).toEqual({ layer_start: 4, layer_end: 7 });
  expect(await flexible.models.answerMove(true)).toEqual(success(undefined));
  expect(flexible.snapshot().moveProposal).toBeNull();
  await expect.poll(() => rangeOf(flexible), WITHIN).toEqual({ layer_start: 0, layer_end: 3 });
  expect(await flexible.models.answerMove(true)).toMatchObject({ ok: false, error: { code: 'move-unknown' } });
});
