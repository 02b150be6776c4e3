import { appendFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeCheckpoint } from '../testdata/random-checkpoint';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { readModelFolder, type ModelFolder } from './model-folder';

const FIELDS = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 1_024,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 64,
};
let root: string;
let folder: string;
let cacheFolder: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tore-hashes-'));
  folder = join(root, 'model');
  cacheFolder = join(root, 'cache');
  await writeCheckpoint(folder, FIELDS, { seed: 1 });
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Reads the folder, and tells how many blocks of files were hashed for it. */
async function read(): Promise<{ model: ModelFolder; blocks: number }> {
  let blocks = 0;
  const model = expectValue(await readModelFolder(folder, { cacheFolder, onProgress: () => blocks++ }));
  return { model, blocks };
}

it('reads an unchanged model through once', async () => {
  const first = await read();
  const second = await read();
  expect(first.blocks).toBeGreaterThan(0);
  expect(second.blocks).toBe(0);
  expect(second.model.manifest).toEqual(first.model.manifest);
  expect(second.model.weightIndex).toEqual(first.model.weightIndex);
});

it('reads again what changed, even to the same size and time', async () => {
  const first = await read();
  const time = new Date(1_000_000);
  await utimes(join(folder, 'model.safetensors'), time, time);
  await read();
  await writeCheckpoint(folder, FIELDS, { seed: 2 });
  await utimes(join(folder, 'model.safetensors'), time, time);
  const changed = await read();
  expect(changed.blocks).toBeGreaterThan(0);
  expect(changed.model.manifestHash).not.toBe(first.model.manifestHash);
});

it('does not believe a damaged note', async () => {
  const first = await read();
  const [name = ''] = await readdir(join(cacheFolder, 'model-hashes'));
  await writeFile(join(cacheFolder, 'model-hashes', name), '{"files":[]');
  const again = await read();
  expect(again.blocks).toBeGreaterThan(0);
  expect(again.model.manifestHash).toBe(first.model.manifestHash);
});

it('refuses files that change while they are read', async () => {
  const result = await readModelFolder(folder, {
    cacheFolder,
    onProgress: (_fraction, label) => {
      if (label.includes('tokenizer')) appendFileSync(join(folder, 'config.json'), ' ');
    },
  });
  expect(codeOf(result)).toBe('model-invalid');
});
