import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sampling } from '../../protocol/compute/model';
import {
  closeThrough,
  codeOf,
  expectValue,
  generate,
  golden,
  GREEDY,
  layers,
  openThrough,
  TORE_TINY,
  type PipelineStage,
} from '../testdata/tore-tiny';
import type { ForwardInput, ForwardOutput, ForwardRequest, TokenOutput } from './engine';
import { LocalEngine } from './local-engine';

const SEQUENCE = 'drafted';
/** Of the shipped model. */
const HIDDEN = 128;
const SEEDED: Sampling = {
  temperature: 1.1,
  top_k: 0,
  top_p: 0.95,
  min_p: 0.02,
  seed: 11,
  repetition_penalty: 1.1,
  frequency_penalty: 0.3,
  presence_penalty: 0.2,
};
const story = golden.cases.find(({ messages }) => messages[0]?.content.startsWith('tell')) ?? golden.cases[0];
const prompt = story?.input_ids ?? [];

const engine = new LocalEngine();
let cacheFolder = '';
const stages: PipelineStage[] = [];

beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'tore-drafts-'));
  for (const range of [layers(0, 3), layers(4, 7)]) {
    const request = { folder: TORE_TINY, range, cacheFolder, memoryBudgetBytes: 1 << 28, threads: 1 };
    stages.push({ engine, shard: expectValue(await engine.loadShard(request)) });
  }
});
afterAll(async () => {
  await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

async function send(
  position: number,
  inputIds: readonly number[],
  options: Pick<ForwardRequest, 'sample' | 'draftIds'> = {},
): Promise<ForwardOutput> {
  let input: ForwardInput = { inputIds };
  let output: ForwardOutput | undefined;
  for (const { shard } of stages) {
    const request: ForwardRequest = { shardKey: shard.shardKey, sequenceId: SEQUENCE, position, input, ...options };
    output = expectValue(await engine.forward(request));
    if (output.kind === 'activation') input = { activation: output.activation, positions: output.positions };
  }
  if (output === undefined) throw new Error('there is a stage');
  return output;
}

function tokensOf(output: ForwardOutput): TokenOutput {
  if (output.kind !== 'token') throw new Error(`tokens were expected, ${output.kind} came`);
  return output;
}

/** An answer where every pass carries guesses of what comes next. */
async function answerWithDrafts(
  sampling: Sampling,
  guess: (answered: readonly number[]) => readonly number[],
  maxNewTokens = 60,
): Promise<{ ids: number[]; text: string; finishReason: string; passes: number }> {
  await openThrough(stages, SEQUENCE, { maxPositions: 256, sampling, maxNewTokens });
  try {
    const ids: number[] = [];
    let text = '';
    let passes = 0;
    let output = tokensOf(await send(0, prompt));
    for (;;) {
      passes++;
      ids.push(...output.tokens.map(({ tokenId }) => tokenId));
      text += output.tokens.map((token) => token.text).join('');
      if (output.finishReason !== undefined) return { ids, text, finishReason: output.finishReason, passes };
      const draftIds = guess(ids);
      output = tokensOf(await send(prompt.length + ids.length - 1, [...ids.slice(-1), ...draftIds], { draftIds }));
    }
  } finally {
    await closeThrough(stages, SEQUENCE);
  }
}

describe.each([
  ['greedy', GREEDY],
  ['seeded sampling with penalties', SEEDED],
] as const)('drafts with %s', (_, sampling) => {
  it('give the tokens, the text and the end of an answer without them', async () => {
    const plain = await generate(stages, prompt, { sampling, maxNewTokens: 60 });
    const right = await answerWithDrafts(sampling, (ids) => plain.ids.slice(ids.length, ids.length + 5));
    expect(right).toMatchObject(plain);
    expect(right.passes).toBeLessThan(plain.ids.length / 3);
    const wrong = await answerWithDrafts(sampling, () => [1, 2, 3]);
    expect(wrong).toMatchObject(plain);
    const mixed = await answerWithDrafts(sampling, (ids) => [...plain.ids.slice(ids.length, ids.length + 2), 5, 5]);
    expect(mixed).toMatchObject(plain);
  });

  it('stop at a stop string in the middle of right drafts', async () => {
    const plain = await generate(stages, prompt, { sampling, maxNewTokens: 60 });
    const stop = plain.text.slice(plain.text.length >> 1, (plain.text.length >> 1) + 6);
    const stopping = { ...sampling, stop: [stop] };
    const expected = await generate(stages, prompt, { sampling: stopping, maxNewTokens: 60 });
    expect(expected.finishReason).toBe('stop');
    const drafted = await answerWithDrafts(stopping, (ids) => plain.ids.slice(ids.length, ids.length + 7));
    expect(drafted).toMatchObject(expected);
  });

  it('do not go beyond the token limit', async () => {
    const plain = await generate(stages, prompt, { sampling, maxNewTokens: 10 });
    const longer = await generate(stages, prompt, { sampling, maxNewTokens: 20 });
    const drafted = await answerWithDrafts(sampling, (ids) => longer.ids.slice(ids.length, ids.length + 7), 10);
    expect(drafted).toMatchObject(plain);
    expect(drafted.ids).toHaveLength(10);
  });

  it('take over an answer that began elsewhere', async () => {
    const plain = await generate(stages, prompt, { sampling, maxNewTokens: 40 });
    const known = plain.ids.slice(0, 15);
    for (const { shard } of stages) {
      expectValue(
        await engine.openSequence({
          shardKey: shard.shardKey,
          sequenceId: SEQUENCE,
          maxPositions: 256,
          sampling,
          maxNewTokens: 40,
          answered: { promptPositions: prompt.length, tokenIds: known },
        }),
      );
    }
    const filled = await send(0, [...prompt, ...known.slice(0, -1)], { sample: false });
    expect(filled).toMatchObject({ kind: 'filled', positions: prompt.length + known.length - 1 });
    const ids = [...known];
    let text = '';
    for (;;) {
      const output = tokensOf(await send(prompt.length + ids.length - 1, ids.slice(-1)));
      for (const token of output.tokens) {
        ids.push(token.tokenId);
        text += token.text;
      }
      if (output.finishReason !== undefined) break;
    }
    await closeThrough(stages, SEQUENCE);
    expect(ids).toEqual(plain.ids);
    expect(plain.text.endsWith(text)).toBe(true);
  });
});

describe('a pass', () => {
  it('that does not sample fills the cache, so that a prompt may come in pieces', async () => {
    const whole = await generate(stages, prompt, { maxNewTokens: 5 });
    await openThrough(stages, SEQUENCE, { maxPositions: 256, sampling: GREEDY, maxNewTokens: 5 });
    const half = prompt.length >> 1;
    expect(await send(0, prompt.slice(0, half), { sample: false })).toMatchObject({ kind: 'filled', positions: half });
    const output = tokensOf(await send(half, prompt.slice(half)));
    await closeThrough(stages, SEQUENCE);
    expect(output.tokens[0]?.tokenId).toBe(whole.ids[0]);
  });

  it('is refused where drafts and inputs do not belong together', async () => {
    await openThrough(stages, SEQUENCE, { maxPositions: 256, sampling: GREEDY });
    const request = { shardKey: stages.at(-1)?.shard.shardKey ?? '', sequenceId: SEQUENCE, position: 0 };
    const three = { activation: new Float32Array(3 * HIDDEN).fill(0.1), positions: 3 };
    expect(codeOf(await engine.forward({ ...request, input: three, draftIds: [1] }))).toBe('input-invalid');
    expect(codeOf(await engine.forward({ ...request, input: three, draftIds: [1, 2], sample: false }))).toBe(
      'input-invalid',
    );
    expect(codeOf(await engine.forward({ ...request, input: three, draftIds: [1, 2] }))).toBe('ok');
    await closeThrough(stages, SEQUENCE);
  });
});
