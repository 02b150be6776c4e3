import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineErrorCode } from '../errors';
import { asFloats, ggufMetadata, ggufTensors } from '../testdata/gguf-models';
import { encodeGguf } from '../testdata/gguf-writer';
import { randomTensors, writeCheckpoint } from '../testdata/random-checkpoint';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { TextTokenizer } from '../tokenizer/text-tokenizer';
import { readTokenizerFiles } from '../tokenizer/tokenizer-files';
import { JSON_LIMITS, parseBoundedJson } from './bounded-json';
import { parseModelConfig } from './config';
import { expectedTensors } from './decoder-tensors';
import { GGUF_LIMITS, parseGgufHeader } from './gguf';
import { readModelFolder } from './model-folder';
import { parseSafetensorsHeader } from './safetensors';

/** Inputs of each property; a longer run sets it: `TORE_FUZZ_RUNS=100000 npx vitest run src/inference/models/hostile`. */
const RUNS = Number(process.env['TORE_FUZZ_RUNS'] ?? 400);
/** Properties that read whole folders take longer for each. */
const FOLDER_RUNS = Math.ceil(RUNS / 4);

/** What a damaged model may be refused with. */
const REFUSALS: readonly (EngineErrorCode | 'ok')[] = [
  'ok',
  'model-invalid',
  'model-unsupported',
  'model-not-found',
  'weights-invalid',
  'tokenizer-invalid',
  'template-invalid',
  'input-invalid',
];

const FIELDS = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 1_024,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 64,
};

let folder: string;
let files: Record<string, Buffer>;
let gguf: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-hostile-'));
  const whole = join(folder, 'whole');
  await writeCheckpoint(whole, FIELDS, { seed: 1, parts: 2 });
  const names = [
    'config.json',
    'tokenizer.json',
    'model.safetensors.index.json',
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
  ];
  files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(whole, name))])));
  const config = expectValue(parseModelConfig({ ...FIELDS, vocab_size: 96 }));
  const tokenizer = {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': ['<s>', 'a', 'b', 'ab', '▁'],
    'tokenizer.ggml.scores': [0, -1, -2, -3, -4],
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.chat_template': '{{ messages[0].content }}',
  };
  const tensors = ggufTensors(config, randomTensors(config, 3), expectedTensors(config), asFloats);
  gguf = encodeGguf({ ...ggufMetadata('llama', config), ...tokenizer }, tensors);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Numbers at which sizes and offsets go wrong. */
const oddNumber = fc.oneof(
  fc.constantFrom(0, 1, -1, 4, 8, 0.5, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1, 2 ** 53, 1e300, -0, Number.NaN),
  fc.nat(64),
);

/** Damage to bytes: some replaced, a piece cut out, put in twice, or the rest cut off. */
const damage = fc.array(
  fc.record({
    kind: fc.constantFrom('replace', 'replace', 'cut', 'double', 'end', 'ones'),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    length: fc.nat(12),
    byte: fc.nat(255),
  }),
  { minLength: 1, maxLength: 4 },
);
type Damage = typeof damage extends fc.Arbitrary<infer Value> ? Value : never;

/** @param within - damage hits the first so many bytes, where headers are */
function damageBytes(bytes: Buffer, changes: Damage, within = bytes.length): Buffer {
  let damaged = Buffer.from(bytes);
  for (const { kind, at, length, byte } of changes) {
    const place = Math.floor(at * Math.min(within, damaged.length));
    const piece = damaged.subarray(place, place + length);
    if (kind === 'replace') damaged[place] = byte;
    else if (kind === 'ones') damaged.fill(0xff, place, Math.min(damaged.length, place + 8));
    else if (kind === 'cut') damaged = Buffer.concat([damaged.subarray(0, place), damaged.subarray(place + length)]);
    else if (kind === 'double') damaged = Buffer.concat([damaged.subarray(0, place), piece, damaged.subarray(place)]);
    else damaged = damaged.subarray(0, place);
  }
  return damaged;
}

/** Fails where tensors share bytes or leave the file. */
function expectApart(tensors: Iterable<{ offsetBytes: number; sizeBytes: number }>, sizeBytes: number): void {
  let end = 0;
  for (const tensor of [...tensors].sort((a, b) => a.offsetBytes - b.offsetBytes || a.sizeBytes - b.sizeBytes)) {
    expect(tensor.offsetBytes).toBeGreaterThanOrEqual(end);
    end = tensor.offsetBytes + tensor.sizeBytes;
  }
  expect(end).toBeLessThanOrEqual(sizeBytes);
}

describe('JSON of model files', () => {
  it.each<[string, Buffer, RegExp]>([
    ['deep nesting', Buffer.from('['.repeat(5_000_000)), /levels/],
    ['deep nesting that ends', Buffer.from('{"a":'.repeat(100) + '1' + '}'.repeat(100)), /levels/],
    [
      'too many values',
      Buffer.concat([Buffer.from('['), Buffer.alloc(2 * JSON_LIMITS.maxValues, '1,'), Buffer.from('1]')]),
      /values/,
    ],
    [
      'too many empty lists',
      Buffer.concat([Buffer.from('['), Buffer.alloc(2 * JSON_LIMITS.maxValues, '[]')]),
      /values/,
    ],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22]), /utf-8/],
  ])('is refused for %s', (_, bytes, reason) => {
    expect(() => parseBoundedJson(bytes)).toThrow(reason);
  });

  it('is read as JSON.parse reads it, brackets in texts and all', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5, stringUnit: 'grapheme' }), (text) => {
        expect(parseBoundedJson(Buffer.from(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: RUNS, seed: 4 },
    );
    const brackets = JSON.stringify({ ['[{'.repeat(200)]: `${'['.repeat(200)}\\"` });
    expect(parseBoundedJson(Buffer.from(brackets))).toEqual(JSON.parse(brackets));
  });
});

describe('safetensors headers', () => {
  it('either describe tensors side by side within the file, or are refused', () => {
    const entry = fc.record(
      {
        dtype: fc.constantFrom<unknown>('F32', 'F16', 'BF16', 'F64', 'I8', '', 4, null),
        shape: fc.oneof(fc.array(oddNumber, { maxLength: 10 }), fc.constantFrom<unknown>('4', null, {}, [[1]])),
        data_offsets: fc.oneof(fc.array(oddNumber, { maxLength: 3 }), fc.constantFrom<unknown>('0', null, [0, '4'])),
      },
      { requiredKeys: [] },
    );
    const name = fc.constantFrom('a', 'b', '__proto__', '__metadata__', 'constructor', 'x'.repeat(300));
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(entry, fc.constant(null))), fc.nat(200), (header, dataBytes) => {
        const bytes = Buffer.from(JSON.stringify(header));
        const size = 8 + bytes.length + dataBytes;
        const parsed = parseSafetensorsHeader(bytes, size);
        if (parsed.ok) expectApart(parsed.value.values(), size);
        else expect(REFUSALS).toContain(parsed.error.code);
      }),
      { numRuns: RUNS * 5, seed: 5 },
    );
  });
});

describe('GGUF headers', () => {
  it('either describe tensors apart from each other within the file, or are refused', () => {
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = damageBytes(gguf, changes, gguf.length - 4 * 32 * 96);
        const parsed = parseGgufHeader(bytes, bytes.length);
        if (parsed.ok) expectApart(parsed.value?.tensors.values() ?? [], bytes.length);
        else expect(REFUSALS).toContain(parsed.error.code);
      }),
      { numRuns: RUNS, seed: 6 },
    );
  });

  it('are refused for lists that take too much memory together', () => {
    const entry = (index: number): Buffer[] => {
      const head = Buffer.alloc(8 + 3 + 4 + 4 + 8);
      head.writeBigUInt64LE(3n, 0);
      head.write(`k${String(index).padStart(2, '0')}`, 8);
      head.writeUInt32LE(9, 11);
      head.writeUInt32LE(7, 15);
      head.writeBigUInt64LE(BigInt(GGUF_LIMITS.maxListLength), 19);
      return [head, Buffer.alloc(GGUF_LIMITS.maxListLength)];
    };
    const head = Buffer.alloc(24);
    head.write('GGUF');
    head.writeUInt32LE(3, 4);
    head.writeBigUInt64LE(20n, 16);
    const bytes = Buffer.concat([head, ...Array.from({ length: 20 }, (_, index) => entry(index)).flat()]);
    expect(parseGgufHeader(bytes, bytes.length)).toMatchObject({ ok: false, error: { code: 'weights-invalid' } });
  });
});

/** Reads a folder, and what it holds as far as a node would before it serves. */
async function readAll(path: string): Promise<EngineErrorCode | 'ok'> {
  const model = await readModelFolder(path);
  if (!model.ok) return model.error.code;
  const { config, tokenizer, weights } = model.value;
  for (const name of weights.tensors.keys()) {
    // Hostile numbers are numbers; nothing may be read beyond the file.
    for await (const values of weights.stream(name)) expect(values.length).toBeGreaterThan(0);
  }
  const opened = TextTokenizer.create(tokenizer, config.shape.vocabulary_size);
  if (!opened.ok) return opened.error.code;
  const encoded = opened.value.encodeMessages([{ role: 'user', content: 'Hello there' }]);
  if (encoded.ok) expect(typeof opened.value.decode(encoded.value)).toBe('string');
  return codeOf(encoded);
}

describe('model folders', () => {
  it('answer damage of any file with a value', async () => {
    const path = join(folder, 'damaged');
    await mkdir(path);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(files)), damage, async (name, changes) => {
        for (const [other, bytes] of Object.entries(files)) {
          const isHit = other === name;
          const within = name.endsWith('.safetensors') ? 3_000 : bytes.length;
          await writeFile(join(path, other), isHit ? damageBytes(bytes, changes, within) : bytes);
        }
        expect(REFUSALS).toContain(await readAll(path));
      }),
      { numRuns: FOLDER_RUNS, seed: 7 },
    );
  });

  it('answer a damaged GGUF file with a value', async () => {
    const path = join(folder, 'damaged.gguf');
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        await writeFile(path, damageBytes(gguf, changes, 3_000));
        expect(REFUSALS).toContain(await readAll(path));
      }),
      { numRuns: FOLDER_RUNS, seed: 8 },
    );
  });

  it('answer any configuration with a value', () => {
    const value = fc.oneof(
      oddNumber,
      fc.constantFrom<unknown>(null, '', 'llama3', true, [], [null], {}, ['LlamaForCausalLM'], {
        rope_type: 'linear',
        factor: 0,
      }),
    );
    const keys = [
      ...Object.keys(FIELDS),
      'head_dim',
      'rope_scaling',
      'rope_parameters',
      'eos_token_id',
      'sliding_window',
    ];
    const changed = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 });
    fc.assert(
      fc.property(changed, value, (change, generation) => {
        expect(REFUSALS).toContain(codeOf(parseModelConfig({ ...FIELDS, ...change }, generation)));
      }),
      { numRuns: RUNS * 5, seed: 9 },
    );
  });
});

describe('hostile tokenizers', () => {
  const base = { version: '1.0', added_tokens: [], model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } };

  async function encode(change: object, text: string): Promise<EngineErrorCode | 'ok'> {
    const path = await mkdtemp(join(folder, 'tokenizer-'));
    await writeFile(join(path, 'tokenizer.json'), JSON.stringify({ ...base, ...change }));
    const read = await readTokenizerFiles(path);
    if (!read.ok) return read.error.code;
    const opened = TextTokenizer.create(read.value, 2);
    return opened.ok ? codeOf(opened.value.encodePrompt(text)) : opened.error.code;
  }

  it('cannot hold up the engine with a pattern', async () => {
    const normalizer = { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: 'b' };
    expect(await encode({ normalizer }, `${'a'.repeat(60)}b`)).toBe('tokenizer-invalid');
  });

  it('cannot make texts grow without measure', async () => {
    const grow = { type: 'Replace', pattern: { String: 'a' }, content: 'aaaa' };
    const normalizer = { type: 'Sequence', normalizers: Array.from({ length: 20 }, () => grow) };
    expect(await encode({ normalizer }, 'a')).toBe('tokenizer-invalid');
  });

  it('answer anything with a value', async () => {
    const rule = fc.constantFrom<unknown>(
      null,
      {},
      { type: 'Nothing' },
      { type: 'Sequence' },
      {
        type: 'Sequence',
        normalizers: [{ type: 'NFC' }],
        pretokenizers: [{}],
        decoders: [{ type: 'Fuse' }],
        processors: [],
      },
      { type: 'Replace', pattern: { Regex: '(' }, content: '' },
      { type: 'Split', pattern: { Regex: '' }, behavior: 'Isolated' },
      { type: 'Split', pattern: { String: 'a' }, behavior: 'Other' },
      { type: 'ByteLevel' },
      { type: 'TemplateProcessing', single: [{ SpecialToken: { id: 'none' } }], special_tokens: {} },
    );
    const model = fc.constantFrom<object>(
      base.model,
      { type: 'BPE' },
      { type: 'BPE', vocab: { a: 99 }, merges: [] },
      { type: 'BPE', vocab: { a: -1, b: 0.5 }, merges: ['a', 'a b c', [1]] },
      { type: 'Unigram', vocab: [['a', 0]], unk_id: 7 },
      { type: 'WordPiece', vocab: {}, unk_token: 'x' },
    );
    const shape = fc.record({ normalizer: rule, pre_tokenizer: rule, post_processor: rule, decoder: rule, model });
    await fc.assert(
      fc.asyncProperty(shape, async (change) => {
        expect(REFUSALS).toContain(await encode(change, 'ab ba'));
      }),
      { numRuns: FOLDER_RUNS, seed: 10 },
    );
  });
});
