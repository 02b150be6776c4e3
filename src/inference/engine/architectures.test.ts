import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LayerRange } from '../../protocol/compute/model';
import { writeCheckpoint } from '../testdata/random-checkpoint';
import { referenceLogits } from '../testdata/reference-decoder';
import {
  closeThrough,
  expectValue,
  forwardThrough,
  layers,
  openThrough,
  type PipelineStage,
} from '../testdata/tore-tiny';
import { LocalEngine } from './local-engine';

/** What 32-bit arithmetic may add to logits of this size (about ±3). */
const MAX_ERROR = 5e-5;
const LAYERS = 3;
const SPLITS: readonly (readonly LayerRange[])[] = [
  [layers(0, 0), layers(1, 2)],
  [layers(0, 1), layers(2, 2)],
  [layers(0, 0), layers(1, 1), layers(2, 2)],
];
/** Longer than one prefill chunk and one KV step, so that all ways a pass can go are taken; then decode. */
const PROMPT_LENGTH = 270;
const DECODED = 5;

const base = {
  vocab_size: 160,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: LAYERS,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 320,
  rope_theta: 10_000,
};
const llama3 = {
  rope_type: 'llama3',
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 64,
};

const MODELS: readonly (readonly [string, object])[] = [
  ['Llama 2: no grouping, untied', { architectures: ['LlamaForCausalLM'], num_key_value_heads: 4 }],
  [
    'Llama 3: llama3 scaling',
    { architectures: ['LlamaForCausalLM'], rope_scaling: llama3, rope_theta: 500_000, tie_word_embeddings: true },
  ],
  ['Llama with linear scaling', { architectures: ['LlamaForCausalLM'], rope_scaling: { type: 'linear', factor: 4 } }],
  ['Llama with all biases', { architectures: ['LlamaForCausalLM'], attention_bias: true, mlp_bias: true }],
  [
    'SmolLM: three heads, tied',
    {
      architectures: ['LlamaForCausalLM'],
      num_attention_heads: 3,
      num_key_value_heads: 1,
      head_dim: 32,
      tie_word_embeddings: true,
    },
  ],
  ['Mistral: a window of 40 positions', { architectures: ['MistralForCausalLM'], sliding_window: 40 }],
  ['Mistral without a window', { architectures: ['MistralForCausalLM'], sliding_window: null, head_dim: 32 }],
  ['Qwen2: biases', { architectures: ['Qwen2ForCausalLM'], tie_word_embeddings: true, sliding_window: 40 }],
  [
    'Qwen2 with a window from layer 1 on',
    { architectures: ['Qwen2ForCausalLM'], use_sliding_window: true, sliding_window: 33, max_window_layers: 1 },
  ],
  [
    'Qwen3: norms of heads, wide heads',
    { architectures: ['Qwen3ForCausalLM'], head_dim: 48, tie_word_embeddings: true },
  ],
  ['Qwen3 untied, with attention biases', { architectures: ['Qwen3ForCausalLM'], head_dim: 32, attention_bias: true }],
];

const engine = new LocalEngine();
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-architectures-'));
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function load(model: string, ranges: readonly LayerRange[]): Promise<PipelineStage[]> {
  const stages: PipelineStage[] = [];
  for (const range of ranges) {
    const request = {
      folder: model,
      range,
      cacheFolder: join(folder, 'cache'),
      memoryBudgetBytes: 1 << 28,
      threads: 1,
    };
    stages.push({ engine, shard: expectValue(await engine.loadShard(request)) });
  }
  return stages;
}

/** Logits of the prompt's last position and of each decoded one. */
async function collect(stages: readonly PipelineStage[], ids: readonly number[]): Promise<Float32Array[]> {
  await openThrough(stages, 'test', { maxPositions: ids.length });
  const rows: Float32Array[] = [];
  let position = 0;
  for (const pass of [ids.slice(0, PROMPT_LENGTH), ...ids.slice(PROMPT_LENGTH).map((id) => [id])]) {
    const output = await forwardThrough(stages, 'test', position, pass);
    if (output.kind !== 'activation') throw new Error('without sampling the last shard gives logits');
    rows.push(output.activation);
    position += pass.length;
  }
  await closeThrough(stages, 'test');
  return rows;
}

describe.each(MODELS)('%s', (name, fields) => {
  it('gives the logits of the float64 reference, and every split the same bits', async () => {
    const seed = MODELS.findIndex(([other]) => other === name) + 1;
    const path = join(folder, `model-${seed}`);
    const { config, tensors } = await writeCheckpoint(path, { ...base, ...fields }, { seed, parts: (seed % 3) + 1 });
    const ids = Array.from({ length: PROMPT_LENGTH + DECODED }, (_, index) => (index * index * 31 + 7 * seed) % 160);
    const whole = await collect(await load(path, [layers(0, LAYERS - 1)]), ids);
    const reference = referenceLogits(config, tensors, ids).slice(PROMPT_LENGTH - 1);
    expect(whole).toHaveLength(reference.length);
    for (const [row, logits] of whole.entries()) {
      const expected = reference[row] ?? new Float64Array();
      expect(logits).toHaveLength(expected.length);
      const errors = logits.map((value, index) => Math.abs(value - (expected[index] ?? Number.NaN)));
      expect(Math.max(...errors)).toBeLessThanOrEqual(MAX_ERROR);
    }
    for (const split of SPLITS) expect(await collect(await load(path, split), ids)).toEqual(whole);
  });
});
