import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCoordinator, type Coordinator } from '../coordinator';
import { LocalEngine } from '../inference/engine/local-engine';
import { BareNode } from '../node/test-doubles/bare-node';
import type { GenerateOutcome } from '../protocol/wire/messages';

/* Real nodes that hand activations on over links of their own. */

const MODEL_FOLDER = resolve(import.meta.dirname, '../../resources/models/tore-tiny');
const SPANS = [
  { layer_start: 0, layer_end: 2 },
  { layer_start: 3, layer_end: 5 },
  { layer_start: 6, layer_end: 7 },
] as const;

let folder = '';
let url = '';
let coordinator: Coordinator;
const engines: LocalEngine[] = [];
const nodes: BareNode[] = [];

async function startNode(range: (typeof SPANS)[number]): Promise<BareNode> {
  const engine = new LocalEngine();
  engines.push(engine);
  const node = await BareNode.start({
    url,
    engine,
    modelFolder: MODEL_FOLDER,
    cacheFolder: join(folder, 'shards'),
    range,
    isDirect: true,
  });
  nodes.push(node);
  return node;
}

interface Answer {
  readonly outcome: GenerateOutcome;
  readonly tokens: readonly number[];
  readonly transports: readonly string[];
}

async function ask(content: string, onToken: (count: number) => void = () => undefined): Promise<Answer> {
  const tokens: number[] = [];
  let transports: string[] = [];
  const answer = await nodes[0]?.connection?.generate(
    {
      requestId: randomUUID(),
      modelId: 'tore-tiny',
      messages: [{ role: 'user', content }],
      maxNewTokens: 40,
      sampling: { temperature: 0, top_k: 0, top_p: 1 },
    },
    {
      onStarted: ({ pipeline }) => (transports = pipeline.map(({ transport }) => transport)),
      onToken: ({ tokenId }) => {
        tokens.push(tokenId);
        onToken(tokens.length);
      },
    },
  );
  if (answer?.ok !== true) throw new Error(answer?.error.message ?? 'there is no connection');
  return { outcome: answer.value, tokens, transports };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-direct-'));
  coordinator = createCoordinator({
    databaseFile: ':memory:',
    openingGrantMicroGft: 1_000_000_000,
    firstChallengeAfterSeconds: 3_600,
    stepTimeoutSeconds: 20,
  });
  const started = await coordinator.start();
  if (!started.ok) throw new Error(started.error.message);
  ({ url } = started.value);
  for (const span of SPANS) await startNode(span);
});
afterAll(async () => {
  for (const node of nodes) node.kill();
  await coordinator.stop();
  for (const engine of engines) await engine.close();
  await rm(folder, { recursive: true, force: true });
});

describe('links of the nodes’ own', () => {
  it('carry activations past the coordinator, several requests at once, and say so in the pipeline', async () => {
    const questions = ['what is a hop?', 'how do I earn GFT?', 'tell me a story about Ada'];
    const apart: Answer[] = [];
    for (const question of questions) apart.push(await ask(question));
    expect(apart[0]?.transports).toEqual(['ws-relay', 'ws-direct', 'ws-direct']);
    const before = nodes.map((node) => node.directFrames);
    expect(before[0]).toBe(0);
    expect(before[1]).toBeGreaterThan(10);
    expect(before[2]).toBe(before[1]);
    const together = await Promise.all(questions.map((question) => ask(question)));
    expect(together.map(({ tokens }) => tokens)).toEqual(apart.map(({ tokens }) => tokens));
  });

  it('give way to the coordinator in mid-answer without losing the request', async () => {
    const calm = await ask('tell me a story about Ada');
    let hasClosed = false;
    const disturbed = await ask('tell me a story about Ada', (count) => {
      if (count !== 7) return;
      hasClosed = true;
      void nodes[1]?.closeDoor();
      void nodes[2]?.closeDoor();
    });
    expect(hasClosed).toBe(true);
    expect(disturbed.tokens).toEqual(calm.tokens);
    // The doors are shut, and the coordinator still believes in them: links fail from the start, and answers come.
    const frames = nodes.map((node) => node.directFrames);
    const shut = await ask('tell me a story about Ada');
    expect(shut.tokens).toEqual(calm.tokens);
    expect(nodes.map((node) => node.directFrames)).toEqual(frames);
  });
});
