import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckpoint } from '../../src/inference/testdata/random-checkpoint';
import { TORE_TINY } from '../../src/inference/testdata/tore-tiny';

export const LAYERS = 8;
export const LARGE_HIDDEN_SIZE = 1_024;

/** 8 layers of hidden size 1,024: 107 million random weights. */
const LARGE_FIELDS = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: LARGE_HIDDEN_SIZE,
  intermediate_size: 2_816,
  num_hidden_layers: LAYERS,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  head_dim: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  max_position_embeddings: 4_096,
  tie_word_embeddings: false,
  hidden_act: 'silu',
  torch_dtype: 'float32',
};

const SMALL_SHAPE = {
  hidden_size: 128,
  intermediate_size: 256,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
};

/** Writes a model whose weights take nearly all the time of a step. @returns its folder, of the same name as the model */
export function writeLargeModel(parent: string): Promise<string> {
  return writeModel(parent, 'bench-model', LARGE_FIELDS, 3);
}

/** Writes a model so small that the lines between processes take nearly all the time; greedy answers soon go in circles. */
export function writeSmallModel(parent: string): Promise<string> {
  return writeModel(parent, 'small-model', { ...LARGE_FIELDS, ...SMALL_SHAPE }, 6);
}

async function writeModel(parent: string, name: string, fields: object, seed: number): Promise<string> {
  const folder = join(parent, name);
  if (existsSync(folder)) return folder;
  const tiny = JSON.parse(await readFile(join(TORE_TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  const { vocab_size, bos_token_id } = tiny;
  await writeCheckpoint(folder, { ...fields, vocab_size, bos_token_id }, { seed });
  return folder;
}
