import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, expectValue, TORE_TINY } from '../testdata/tore-tiny';
import { readModelFolder } from './model-folder';

const MODEL_FILES = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
];
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-model-'));
  for (const file of MODEL_FILES) await cp(join(TORE_TINY, file), join(folder, file));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function change(file: string, edit: (json: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  const json = JSON.parse(await readFile(join(folder, file), 'utf8')) as Record<string, unknown>;
  await writeFile(join(folder, file), JSON.stringify(edit(json)));
}

/** Splits the weights over two files with an index, as large models come. */
async function splitWeights(): Promise<void> {
  const whole = await readFile(join(folder, 'model.safetensors'));
  const headerLength = Number(whole.readBigUInt64LE(0));
  const header = JSON.parse(whole.subarray(8, 8 + headerLength).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const weightMap: Record<string, string> = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const entries: Record<string, unknown> = {};
    const data: Buffer[] = [];
    let offset = 0;
    for (const name of names.filter((_, index) => index % 2 === part)) {
      const entry = header[name];
      if (entry === undefined) continue;
      const [begin, end] = entry.data_offsets;
      data.push(whole.subarray(8 + headerLength + begin, 8 + headerLength + end));
      entries[name] = { ...entry, data_offsets: [offset, offset + end - begin] };
      offset += end - begin;
      weightMap[name] = file;
    }
    const text = Buffer.from(JSON.stringify(entries));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(text.length));
    await writeFile(join(folder, file), Buffer.concat([prefix, text, ...data]));
  }
  await writeFile(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: {}, weight_map: weightMap }),
  );
  await rm(join(folder, 'model.safetensors'));
}

describe('readModelFolder', () => {
  it('builds the manifest', async () => {
    const { manifest, manifestHash } = expectValue(await readModelFolder(TORE_TINY));
    const weights = await readFile(join(TORE_TINY, 'model.safetensors'));
    expect(manifest).toMatchObject({
      model_id: 'tore-tiny',
      architecture: 'LlamaForCausalLM',
      total_layers: 8,
      hidden_size: 128,
      vocab_size: 1_024,
      context_length: 512,
      embedding_bytes: 1_024 * 128 * 2,
      head_bytes: 1_024 * 128 * 2 + 128 * 2,
      formats: ['safetensors'],
      tokenizer: 'BPE',
      licence: null,
    });
    // Norms, fused attention input and output, feed-forward; 2 bytes each.
    const layerBytes = 2 * (2 * 128 + 128 * 256 + 128 * 128 + 3 * 128 * 384);
    expect(manifest.bytes_per_layer).toEqual(Array.from({ length: 8 }, () => layerBytes));
    expect(manifest.files.map(({ path }) => path)).toEqual(MODEL_FILES);
    expect(manifest.files[2]).toEqual({
      path: 'model.safetensors',
      size_bytes: weights.length,
      sha256: createHash('sha256').update(weights).digest('hex'),
    });
    expect(manifestHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('gives the same hash for the same model under the same name, and another for another', async () => {
    const shipped = expectValue(await readModelFolder(TORE_TINY));
    const copy = expectValue(await readModelFolder(folder, { modelId: 'tore-tiny' }));
    expect(copy.manifestHash).toBe(shipped.manifestHash);
    expect(expectValue(await readModelFolder(folder)).manifestHash).not.toBe(shipped.manifestHash);
  });

  it('reads weights in parts', async () => {
    const before = expectValue(await readModelFolder(folder));
    await splitWeights();
    const model = expectValue(await readModelFolder(folder));
    expect(model.weights.files).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
      'model.safetensors.index.json',
    ]);
    const read = async (source: typeof model): Promise<Float32Array[]> => {
      const blocks: Float32Array[] = [];
      for await (const block of source.weights.stream('model.layers.3.mlp.up_proj.weight')) blocks.push(block);
      return blocks;
    };
    const parts = await read(model);
    await cp(join(TORE_TINY, 'model.safetensors'), join(folder, 'model.safetensors'));
    expect(parts).toEqual(await read(before));
  });

  it.each(['../model.safetensors', '/etc/passwd', 'a/b.safetensors', 'model.bin', '.safetensors'])(
    'refuses an index that points to %s',
    async (target) => {
      await rm(join(folder, 'model.safetensors'));
      await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: { a: target } }));
      expect(codeOf(await readModelFolder(folder))).toBe('weights-invalid');
    },
  );

  it('reads a chat template of its own file before the one in the configuration', async () => {
    await writeFile(join(folder, 'chat_template.jinja'), '{{ messages[0].content }}');
    expect(expectValue(await readModelFolder(folder)).manifest.chat_template).toBe('{{ messages[0].content }}');
  });

  it.each<[string, () => Promise<void>, string]>([
    ['no config.json', () => rm(join(folder, 'config.json')), 'model-not-found'],
    ['no weights', () => rm(join(folder, 'model.safetensors')), 'model-not-found'],
    ['no tokenizer', () => rm(join(folder, 'tokenizer.json')), 'model-not-found'],
    ['a configuration that is no JSON', () => writeFile(join(folder, 'config.json'), '{'), 'model-invalid'],
    ['a configuration of 2 MB', () => writeFile(join(folder, 'config.json'), ' '.repeat(2e6)), 'model-invalid'],
    ['weights cut short', () => truncate(join(folder, 'model.safetensors'), 1_000_000), 'weights-invalid'],
    ['weights cut within the header', () => truncate(join(folder, 'model.safetensors'), 100), 'weights-invalid'],
    ['empty weights', () => truncate(join(folder, 'model.safetensors'), 0), 'weights-invalid'],
    [
      'a web page as weights',
      () => writeFile(join(folder, 'model.safetensors'), '<!doctype html><html>'),
      'weights-invalid',
    ],
    [
      'more layers than weights',
      () => change('config.json', (json) => ({ ...json, num_hidden_layers: 9 })),
      'weights-invalid',
    ],
    [
      'fewer layers than weights',
      () => change('config.json', (json) => ({ ...json, num_hidden_layers: 7 })),
      'model-unsupported',
    ],
    ['another vocabulary', () => change('config.json', (json) => ({ ...json, vocab_size: 2_048 })), 'weights-invalid'],
    [
      'an untied head without weights',
      () => change('config.json', (json) => ({ ...json, tie_word_embeddings: false })),
      'weights-invalid',
    ],
    [
      'a tokenizer of no known kind',
      () => change('tokenizer.json', (json) => ({ ...json, model: { type: 'x' } })),
      'tokenizer-invalid',
    ],
    [
      'a chat template that is a number',
      () => change('tokenizer_config.json', (json) => ({ ...json, chat_template: 5 })),
      'tokenizer-invalid',
    ],
    ['a folder that is not there', () => rm(folder, { recursive: true }), 'model-not-found'],
  ])('refuses %s', async (_, damage, code) => {
    await damage();
    expect(codeOf(await readModelFolder(folder))).toBe(code);
  });

  it('stops when asked to and reports progress', async () => {
    expect(codeOf(await readModelFolder(folder, { signal: AbortSignal.abort() }))).toBe('cancelled');
    const seen: number[] = [];
    expectValue(await readModelFolder(folder, { onProgress: (fraction) => seen.push(fraction) }));
    expect(seen.at(-1)).toBe(1);
  });
});
