import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import systeminformation from 'systeminformation';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LocalEngine } from '../inference/engine/local-engine';
import { referenceLogProbabilities } from '../inference/testdata/reference-log-probabilities';
import { TokenLogProbabilities } from '../protocol/compute/log-probabilities';
import { success } from '../protocol/result';
import { ContributorNode } from './contributor';
import { DEFAULT_ACTIVATION_SERVER } from './contributor-options';
import type { StartEngine } from './engine-process-spawner';
import { fileSecretStore } from './identity/secret-store';
import { DEFAULT_RUN_PREFERENCES, type LayerChoice } from './policy/policy-inputs';
import { until } from './test-doubles/manual-clock';
import { SocketCoordinator } from './test-doubles/socket-coordinator';

/** The real engine, in this process: a test needs no second one. */
const startEngine: StartEngine = async () => {
  const engine = new LocalEngine();
  return success({ engine, exited: new Promise<string>(() => undefined) });
};

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
let folder: string;
let coordinator: SocketCoordinator;
const nodes: ContributorNode[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-golden-'));
  coordinator = await SocketCoordinator.start();
  const choices: LayerChoice[] = [
    { kind: 'range', start: 0, end: 3 },
    { kind: 'range', start: 4, end: 7 },
  ];
  for (const [index, layerChoice] of choices.entries()) {
    const dataFolder = join(folder, String(index));
    const node = new ContributorNode({
      dataFolder,
      appVersion: '0.0.0',
      secretStore: fileSecretStore(join(dataFolder, 'node.key')),
      startEngine,
      hardwareReader: systeminformation,
      preferences: {
        ...DEFAULT_RUN_PREFERENCES,
        pauseOnBattery: false,
        cpuThreads: 1,
        coordinatorUrl: coordinator.url,
        accessToken: null,
        modelFolder: pathOf('../../resources/models/tore-tiny'),
        modelId: null,
        layerChoice,
        activationServer: DEFAULT_ACTIVATION_SERVER,
      },
      readings: { consent: true },
    });
    nodes.push(node);
    node.start();
    await until(() => ['serving', 'failed'].includes(node.snapshot().state.kind));
    const { state } = node.snapshot();
    if (state.kind === 'failed') throw new Error(state.error.message);
  }
}, 180_000);

afterAll(async () => {
  for (const node of nodes) await node.stop();
  await coordinator.stop();
  await rm(folder, { recursive: true, force: true });
});

it('two nodes with four layers each give the recorded answer of the reference', async () => {
  const golden = JSON.parse(await readFile(pathOf('../inference/testdata/golden.json'), 'utf8')) as {
    cases: { messages: unknown; input_ids: number[]; greedy_ids: number[]; greedy_text: string }[];
  };
  const [expected] = golden.cases;
  const answer = await coordinator.drive(coordinator.nodes, {
    messages: expected?.messages,
    max_new_tokens: 128,
    sampling: { temperature: 0, top_k: 0, top_p: 1, top_logprobs: 3 },
  });
  expect(answer.inputIds).toEqual(expected?.input_ids);
  expect(answer.tokenIds).toEqual(expected?.greedy_ids);
  expect(answer.text).toBe(expected?.greedy_text);
  expect(answer.finishReason).toBe('stop');
  const reference = await referenceLogProbabilities(expected?.input_ids ?? [], expected?.greedy_ids ?? []);
  for (const [index, { id, logprobs }] of answer.tokens.entries()) {
    if (!Value.Check(TokenLogProbabilities, logprobs)) throw new Error('a token without log-probabilities');
    expect(logprobs.id).toBe(id);
    expect(logprobs.top).toHaveLength(3);
    for (const entry of [logprobs, ...logprobs.top]) {
      expect(Math.abs(entry.logprob - (reference[index]?.[entry.id] ?? Number.NaN))).toBeLessThan(1e-3);
    }
  }
  await until(() => nodes.every((node) => node.snapshot().requestsServed === 1));
  expect(nodes.map((node) => node.snapshot().tokensServed)).toEqual([41, 41]);
}, 120_000);
