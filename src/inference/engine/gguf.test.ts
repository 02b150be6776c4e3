import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseModelConfig, type DecoderConfig } from '../models/config';
import { expectedTensors } from '../models/decoder-tensors';
import { readModelFolder } from '../models/model-folder';
import { cutShard } from '../shards/cut-shard';
import { dequantize } from '../shards/quantization';
import { layoutWeights } from '../shards/weight-layout';
import { asFloats, ggufMetadata, ggufTensors, type Encoder } from '../testdata/gguf-models';
import { encodeGguf, type WritableValue } from '../testdata/gguf-writer';
import { randomTensors } from '../testdata/random-checkpoint';
import { referenceLogits } from '../testdata/reference-decoder';
import {
  closeThrough,
  codeOf,
  expectValue,
  forwardThrough,
  generate,
  golden,
  layers,
  openThrough,
  TORE_TINY,
  type PipelineStage,
} from '../testdata/tore-tiny';
import type { ShardPrecision } from './engine';
import { LocalEngine } from './local-engine';

const base = {
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 128,
};
const TOKENIZER = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.tokens': ['a', 'b'],
  'tokenizer.ggml.eos_token_id': 1,
};
const IDS = Array.from({ length: 20 }, (_, index) => (index * 37) % 96);

const engine = new LocalEngine();
let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tore-gguf-'));
});
afterAll(async () => {
  await engine.close();
  await rm(directory, { recursive: true, force: true });
});

async function load(folder: string, last: number, precision: ShardPrecision = 'fp32'): Promise<PipelineStage[]> {
  const limits = { memoryBudgetBytes: 1 << 28, threads: 1 };
  const request = { folder, range: layers(0, last), cacheFolder: join(directory, 'cache'), precision, ...limits };
  return [{ engine, shard: expectValue(await engine.loadShard(request)) }];
}

async function lastLogits(stages: readonly PipelineStage[]): Promise<Float32Array> {
  await openThrough(stages, 'test', { maxPositions: 64 });
  const output = await forwardThrough(stages, 'test', 0, IDS);
  await closeThrough(stages, 'test');
  return output.kind === 'activation' ? output.activation : new Float32Array();
}

/** 4-bit blocks as llama.cpp would write them: plainly rounded, halves of a block in halves of the bytes. */
const asQ4: Encoder = (values) => {
  const bytes = new Uint8Array((values.length / 32) * 18);
  for (let block = 0; block < values.length / 32; block++) {
    // 2^-5 in half precision; the test's weights stay within its reach.
    bytes[block * 18 + 1] = 0x28;
    const number = (at: number): number =>
      Math.min(15, Math.max(0, Math.round((values[block * 32 + at] ?? 0) * 32) + 8));
    for (let at = 0; at < 16; at++) bytes[block * 18 + 2 + at] = number(at) | (number(at + 16) << 4);
  }
  return { format: 'Q4_0', bytes };
};

async function writeGguf(
  name: string,
  family: string,
  config: DecoderConfig,
  encode: Encoder,
  extra: Record<string, WritableValue> = {},
): Promise<{ path: string; tensors: Map<string, Float32Array> }> {
  const tensors = randomTensors(config, name.length);
  const written = ggufTensors(config, tensors, expectedTensors(config), encode);
  const path = join(directory, `${name}.gguf`);
  await writeFile(path, encodeGguf({ ...ggufMetadata(family, config), ...TOKENIZER, ...extra }, written));
  return { path, tensors };
}

describe.each([
  ['llama', { architectures: ['LlamaForCausalLM'] }],
  ['llama-tied', { architectures: ['LlamaForCausalLM'], tie_word_embeddings: true, head_dim: 32 }],
  ['qwen2', { architectures: ['Qwen2ForCausalLM'], tie_word_embeddings: true }],
  ['qwen3', { architectures: ['Qwen3ForCausalLM'], head_dim: 32 }],
])('a GGUF file of %s', (name, fields) => {
  const config = expectValue(parseModelConfig({ ...base, ...fields }));
  const family = name.replace('-tied', '');

  it('gives the logits of the float64 reference', async () => {
    const { path, tensors } = await writeGguf(name, family, config, asFloats);
    const model = expectValue(await engine.readModel(path));
    expect(model.folder).toBe(path);
    expect(model.manifest).toMatchObject({ model_id: name, architecture: config.architecture, formats: ['gguf'] });
    expect(model.manifest.files.map((file) => file.path)).toEqual([`${name}.gguf`]);
    const logits = await lastLogits(await load(path, 1));
    const expected = referenceLogits(config, tensors, IDS).at(-1) ?? [];
    expect(logits).toHaveLength(expected.length);
    expect(Math.max(...logits.map((value, index) => Math.abs(value - (expected[index] ?? 0))))).toBeLessThan(5e-5);
  });

  it('keeps its Q4_0 blocks exactly in int4 and int8 shards', async () => {
    const { path } = await writeGguf(`${name}-q4`, family, config, asQ4);
    const model = expectValue(await readModelFolder(path));
    const exact = layoutWeights(model.config, layers(0, 1));
    const exactData = await readFile(`${expectValue(await cutShard(model, layers(0, 1), directory)).graphPath}.data`);
    for (const [precision, bits] of [
      ['int4', 4],
      ['int8', 8],
    ] as const) {
      const cut = expectValue(await cutShard(model, layers(0, 1), directory, { precision }));
      const data = await readFile(`${cut.graphPath}.data`);
      let compared = 0;
      for (const weight of layoutWeights(model.config, layers(0, 1), precision).weights) {
        const [numbers, scales] = weight.parts;
        const floats = exact.weights.find((other) => other.name === weight.name);
        if (numbers === undefined || scales === undefined || floats === undefined) continue;
        const at = (offset: number, size: number, from = data) => new Uint8Array(from.subarray(offset, offset + size));
        const blocks = {
          numbers: at(numbers.offsetBytes, numbers.sizeBytes),
          scales: new Float32Array(at(scales.offsetBytes, scales.sizeBytes).buffer),
        };
        const expected = new Float32Array(at(floats.offsetBytes, floats.sizeBytes, exactData).buffer);
        expect(Buffer.from(dequantize(blocks, bits).buffer).equals(Buffer.from(expected.buffer))).toBe(true);
        compared++;
      }
      expect(compared).toBeGreaterThan(8);
    }
  });
});

describe('rotary factors', () => {
  it('slow the rotation as the file says', async () => {
    const config = expectValue(parseModelConfig({ ...base, architectures: ['LlamaForCausalLM'] }));
    const tensors = randomTensors(config, 9);
    const factors = Float32Array.from({ length: 8 }, (_, index) => 1 + index / 2);
    const written = ggufTensors(config, tensors, expectedTensors(config), asFloats);
    written.push({ name: 'rope_freqs.weight', dimensions: [8], ...asFloats(factors) });
    const path = join(directory, 'factors.gguf');
    await writeFile(path, encodeGguf({ ...ggufMetadata('llama', config), ...TOKENIZER }, written));
    const logits = await lastLogits(await load(path, 1));
    const slowed = { ...config, rotaryScaling: { kind: 'factors' as const, factors: [...factors] } };
    const expected = referenceLogits(slowed, tensors, IDS).at(-1) ?? [];
    expect(Math.max(...logits.map((value, index) => Math.abs(value - (expected[index] ?? 0))))).toBeLessThan(5e-5);
  });
});

describe('the shipped model as GGUF', () => {
  it('answers as recorded, with its tokenizer and template, found in a folder', async () => {
    const model = expectValue(await readModelFolder(TORE_TINY));
    const tensors = new Map<string, Float32Array>();
    for (const [name, { sizeBytes }] of model.weights.tensors) {
      const values = new Float32Array(sizeBytes / 2);
      let position = 0;
      for await (const block of model.weights.stream(name)) {
        values.set(block, position);
        position += block.length;
      }
      tensors.set(name, values);
    }
    const json = JSON.parse(await readFile(join(TORE_TINY, 'tokenizer.json'), 'utf8')) as {
      added_tokens: { id: number; content: string }[];
      model: { vocab: Record<string, number>; merges: string[] };
    };
    const tokens: string[] = [];
    for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
    for (const { id, content } of json.added_tokens) tokens[id] = content;
    const special = new Set(json.added_tokens.map(({ id }) => id));
    const metadata = {
      ...ggufMetadata('llama', model.config),
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'gpt-2',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': tokens.map((_, id) => (special.has(id) ? 3 : 1)),
      'tokenizer.ggml.merges': json.model.merges,
      'tokenizer.ggml.bos_token_id': 0,
      'tokenizer.ggml.eos_token_id': 1,
      'tokenizer.chat_template': model.tokenizer.chatTemplate ?? '',
    };
    const folder = join(directory, 'shipped');
    await mkdir(folder);
    const written = ggufTensors(model.config, tensors, expectedTensors(model.config), asFloats);
    await writeFile(join(folder, 'shipped.gguf'), encodeGguf(metadata, written));
    const stages = await load(folder, 7);
    for (const example of golden.cases) {
      const messages = example.messages.map(({ content }) => ({ role: 'user' as const, content }));
      const shardKey = stages[0]?.shard.shardKey ?? '';
      expect(expectValue(await engine.tokenize(shardKey, { messages })).inputIds).toEqual(example.input_ids);
      expect((await generate(stages, example.input_ids)).text).toBe(example.greedy_text);
    }
  });
});

describe('end tokens', () => {
  it('are those the file names, and its control tokens that end turns', async () => {
    const config = expectValue(parseModelConfig({ ...base, architectures: ['LlamaForCausalLM'] }));
    const { path } = await writeGguf('ends', 'llama', config, asFloats, {
      'tokenizer.ggml.tokens': ['a', 'b', '<|eot_id|>', '<|im_end|>', '<|start|>'],
      'tokenizer.ggml.token_type': [1, 1, 3, 1, 3],
    });
    expect(expectValue(await readModelFolder(path)).config.endTokenIds).toEqual([1, 2]);
  });
});

describe('refusals', () => {
  const config = expectValue(parseModelConfig({ ...base, architectures: ['LlamaForCausalLM'] }));
  it.each<[string, string, Record<string, WritableValue>, string, string]>([
    ['another architecture', 'mamba', {}, 'model-unsupported', 'mamba'],
    ['experts', 'llama', { 'llama.expert_count': 8 }, 'model-unsupported', 'experts'],
    ['another scaling', 'llama', { 'llama.rope.scaling.type': 'yarn' }, 'model-unsupported', 'yarn'],
    ['partly rotated heads', 'llama', { 'llama.rope.dimension_count': 8 }, 'model-unsupported', 'rotated'],
    ['another pre-tokenizer', 'llama', { 'tokenizer.ggml.pre': 'tekken' }, 'model-unsupported', 'tekken'],
    ['another tokenizer', 'llama', { 'tokenizer.ggml.model': 'bert' }, 'model-unsupported', 'bert'],
    ['scores for other tokens', 'llama', { 'tokenizer.ggml.scores': [1] }, 'tokenizer-invalid', 'length'],
    ['more layers than it holds', 'llama', { 'llama.block_count': 3 }, 'weights-invalid', 'layers.2'],
  ])('names %s', async (name, family, extra, code, word) => {
    const { path } = await writeGguf(`refused-${name.replaceAll(' ', '-')}`, family, config, asFloats, extra);
    const result = await readModelFolder(path);
    expect(codeOf(result)).toBe(code);
    expect(!result.ok && result.error.message).toContain(word);
  });

  it('names a file that is no GGUF or is missing', async () => {
    const path = join(directory, 'page.gguf');
    await writeFile(path, '<!doctype html>');
    expect(codeOf(await readModelFolder(path))).toBe('weights-invalid');
    expect(codeOf(await readModelFolder(join(directory, 'none.gguf')))).toBe('model-not-found');
  });
});
