import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LayerRange, Sampling } from '../../protocol/compute/model';
import { largestIds, logSoftmax, referenceLogProbabilities } from '../testdata/reference-log-probabilities';
import {
  closeThrough,
  decodeFloats,
  expectValue,
  golden,
  GREEDY,
  layers,
  openThrough,
  TORE_TINY,
  type PipelineStage,
} from '../testdata/tore-tiny';
import type { ForwardInput, ForwardOutput, ForwardRequest, GeneratedToken } from './engine';
import { LocalEngine } from './local-engine';

const SEQUENCE = 'described';
const COUNT = 5;
/** What 32-bit arithmetic and the recorded precision may add. */
const MAX_ERROR = 1e-3;
const [example] = golden.cases;
const prompt = example?.input_ids ?? [];
const answer = example?.greedy_ids ?? [];

const engine = new LocalEngine();
let cacheFolder = '';
/** In the place of each token of the recorded answer, over the whole vocabulary. */
let reference: readonly Float64Array[] = [];

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-logprobs-'));
  reference = await referenceLogProbabilities(prompt, answer);
}, 120_000);
afterAll(async () => {
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

async function load(ranges: readonly LayerRange[]): Promise<PipelineStage[]> {
  const stages: PipelineStage[] = [];
  for (const range of ranges) {
    const request = { folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
    stages.push({ engine, shard: expectValue(await engine.loadShard(request)) });
  }
  return stages;
}

async function send(
  stages: readonly PipelineStage[],
  position: number,
  inputIds: readonly number[],
  draftIds: readonly number[],
): Promise<readonly GeneratedToken[]> {
  let input: ForwardInput = { inputIds };
  let output: ForwardOutput | undefined;
  for (const { shard } of stages) {
    const request: ForwardRequest = { shardKey: shard.shardKey, sequenceId: SEQUENCE, position, input };
    output = expectValue(await engine.forward(draftIds.length === 0 ? request : { ...request, draftIds }));
    if (output.kind === 'activation') input = { activation: output.activation, positions: output.positions };
  }
  if (output?.kind !== 'token') throw new Error('the last shard gave no token');
  return output.tokens;
}

/** An answer whose passes carry the given number of right guesses. */
async function answerOf(
  stages: readonly PipelineStage[],
  sampling: Sampling,
  guesses: number,
): Promise<GeneratedToken[]> {
  await openThrough(stages, SEQUENCE, { maxPositions: 256, sampling, maxNewTokens: answer.length });
  try {
    const tokens = [...(await send(stages, 0, prompt, []))];
    while (tokens.length < answer.length) {
      const ids = tokens.map(({ tokenId }) => tokenId);
      const draftIds = answer.slice(ids.length, ids.length + guesses);
      tokens.push(...(await send(stages, prompt.length + ids.length - 1, [...ids.slice(-1), ...draftIds], draftIds)));
    }
    return tokens;
  } finally {
    await closeThrough(stages, SEQUENCE);
  }
}

describe.each([
  ['whole', [layers(0, 7)]],
  ['over two shards', [layers(0, 3), layers(4, 7)]],
] as const)('%s', (_, ranges) => {
  it.each([0, 4])('gives the log-softmax of the reference, with %i guesses a pass', async (guesses) => {
    const stages = await load(ranges);
    const tokens = await answerOf(stages, { ...GREEDY, top_logprobs: COUNT }, guesses);
    expect(tokens.map(({ tokenId }) => tokenId)).toEqual(answer);
    for (const [index, { tokenId, logProbabilities }] of tokens.entries()) {
      const row = reference[index] ?? new Float64Array();
      expect(logProbabilities?.own.tokenId).toBe(tokenId);
      expect(Math.abs((logProbabilities?.own.logProbability ?? NaN) - (row[tokenId] ?? 0))).toBeLessThan(MAX_ERROR);
      expect(logProbabilities?.top.map((entry) => entry.tokenId)).toEqual(largestIds(row, COUNT));
      for (const entry of logProbabilities?.top ?? []) {
        expect(Math.abs(entry.logProbability - (row[entry.tokenId] ?? 0))).toBeLessThan(MAX_ERROR);
      }
    }
  });
});

describe('log-probabilities', () => {
  it('agree with the logits another program recorded', async () => {
    const recorded = logSoftmax(decodeFloats(example?.last_prompt_logits_f32_base64 ?? ''));
    const [first] = await answerOf(await load([layers(0, 7)]), { ...GREEDY, top_logprobs: 20 }, 0);
    expect(first?.logProbabilities?.top).toHaveLength(20);
    for (const { tokenId, logProbability } of first?.logProbabilities?.top ?? []) {
      expect(Math.abs(logProbability - (recorded[tokenId] ?? 0))).toBeLessThan(MAX_ERROR);
    }
  });

  it('are those of the model, whatever temperature, cuts and penalties pick', async () => {
    const sampling: Sampling = { temperature: 5, top_k: 400, top_p: 0.98, seed: 5, top_logprobs: 2 };
    const penalties = { repetition_penalty: 4, presence_penalty: 2, frequency_penalty: 1 };
    const stages = await load([layers(0, 7)]);
    await openThrough(stages, SEQUENCE, { maxPositions: 256, sampling: { ...sampling, ...penalties } });
    const tokens = [...(await send(stages, 0, prompt, []))];
    while (tokens.length < 6) {
      const last = tokens.at(-1)?.tokenId ?? 0;
      tokens.push(...(await send(stages, prompt.length + tokens.length - 1, [last], [])));
    }
    await closeThrough(stages, SEQUENCE);
    const ids = tokens.map(({ tokenId }) => tokenId);
    const rows = await referenceLogProbabilities(prompt, ids);
    expect(ids.some((id, index) => id !== largestIds(rows[index] ?? new Float64Array(), 1)[0])).toBe(true);
    for (const [index, { tokenId, logProbabilities }] of tokens.entries()) {
      const row = rows[index] ?? new Float64Array();
      expect(Math.abs((logProbabilities?.own.logProbability ?? NaN) - (row[tokenId] ?? 0))).toBeLessThan(MAX_ERROR);
      expect(logProbabilities?.top.map((entry) => entry.tokenId)).toEqual(largestIds(row, 2));
    }
  });

  it('come for the token alone with 0, and not at all when nobody asks', async () => {
    const stages = await load([layers(0, 7)]);
    const [alone] = await answerOf(stages, { ...GREEDY, top_logprobs: 0 }, 0);
    expect(alone?.logProbabilities?.top).toEqual([]);
    expect(alone?.logProbabilities?.own.logProbability).toBeCloseTo(reference[0]?.[answer[0] ?? 0] ?? NaN, 3);
    expect((await answerOf(stages, GREEDY, 0)).every((token) => token.logProbabilities === undefined)).toBe(true);
  });

  it('carry the pieces the text is made of', async () => {
    const tokens = await answerOf(await load([layers(0, 7)]), { ...GREEDY, top_logprobs: 0 }, 0);
    const pieces = tokens.map((token) => token.logProbabilities?.own);
    const bytes = pieces.flatMap((piece) => [...(piece?.bytes ?? Buffer.from(piece?.text ?? ''))]);
    expect(Buffer.from(bytes).toString('utf8')).toBe(example?.greedy_text);
    expect(pieces.at(-1)).toMatchObject({ text: '<|end|>', bytes: [] });
  });
});
