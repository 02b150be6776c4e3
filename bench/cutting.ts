import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLAIN_TRAITS } from '../src/inference/models/architectures';
import type { DecoderConfig } from '../src/inference/models/config';
import { expectedTensors } from '../src/inference/models/decoder-tensors';
import { openWeightStore } from '../src/inference/models/weight-store';
import { cutShard } from '../src/inference/shards/cut-shard';
import { formatBytes } from '../src/inference/shards/shard-files';
import type { ShardPrecision } from '../src/inference/shards/weight-layout';

/**
 * Memory and time of cutting a whole checkpoint (Llama-shaped, BF16, made here and removed afterwards), each precision in a
 * process of its own. Peak memory is what the system counts as resident, libraries and all.
 *
 * `node scripts/bench.mjs cutting [gigabytes, by default 4] [folder with room for twice that, by default the system's]`
 */
const [first = '4', second = tmpdir(), third = ''] = process.argv.slice(2);
const PRECISIONS = ['int4', 'int8', 'fp32'] as const;
/** One layer of this shape has 109 MB in BF16. */
const LAYER_SHAPE = {
  hidden_size: 2_048,
  feed_forward_size: 6_144,
  attention_heads: 16,
  key_value_heads: 8,
  head_size: 128,
  vocabulary_size: 64_000,
  context_length: 4_096,
} as const;
const BLOCK_NUMBERS = 8 << 20;

function configOf(layers: number): DecoderConfig {
  return {
    architecture: 'LlamaForCausalLM',
    ...PLAIN_TRAITS,
    shape: { layers, ...LAYER_SHAPE },
    normEpsilon: 1e-5,
    rotaryBase: 10_000,
    rotaryScaling: { kind: 'none' },
    tiedEmbedding: false,
    endTokenIds: [],
  };
}

function sizeOf(dimensions: readonly number[]): number {
  return 2 * dimensions.reduce((product, size) => product * size, 1);
}

function bytesOf(config: DecoderConfig): number {
  return [...expectedTensors(config).values()].reduce((sum, dimensions) => sum + sizeOf(dimensions), 0);
}

/** Writes a checkpoint of small random numbers. */
async function writeCheckpoint(folder: string, config: DecoderConfig): Promise<void> {
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, dimensions] of expectedTensors(config)) {
    const end = offset + sizeOf(dimensions);
    header[name] = { dtype: 'BF16', shape: dimensions, data_offsets: [offset, end] };
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  const numbers = new Uint16Array(BLOCK_NUMBERS);
  let state = 1;
  for (let index = 0; index < numbers.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // Between 2^-7 and 2^-5, of either sign.
    numbers[index] = 0x3c00 | ((state >>> 16) & 0x80ff) | ((state >>> 8) & 0x7f);
  }
  const block = Buffer.from(numbers.buffer);
  const file = await open(join(folder, 'model.safetensors'), 'w');
  await file.write(Buffer.concat([prefix, text]));
  for (let left = offset; left > 0; left -= block.length)
    await file.write(block.subarray(0, Math.min(left, block.length)));
  await file.close();
  await writeFile(join(folder, 'config.json'), JSON.stringify({ layers: config.shape.layers }));
}

/** In a process of its own: cuts everything, and says what it took. */
async function cutHere(layers: number, folder: string, precision: ShardPrecision): Promise<void> {
  const weights = await openWeightStore(folder);
  if (!weights.ok) throw new Error(weights.error.message);
  const source = { config: configOf(layers), manifestHash: 'measured', weights: weights.value };
  const startMs = performance.now();
  const range = { layer_start: 0, layer_end: layers - 1 };
  const cut = await cutShard(source, range, join(folder, 'shards'), { precision });
  if (!cut.ok) throw new Error(cut.error.message);
  const seconds = (performance.now() - startMs) / 1_000;
  const peakBytes = process.resourceUsage().maxRSS * 1_024;
  console.log(
    `| ${precision} | ${formatBytes(cut.value.weightBytes)} | ${formatBytes(peakBytes)} | ${seconds.toFixed(1)} s |`,
  );
}

async function measure(gigabytes: number, parent: string): Promise<void> {
  const layers = Math.max(
    1,
    Math.round((gigabytes * 2 ** 30 - bytesOf(configOf(0))) / (bytesOf(configOf(1)) - bytesOf(configOf(0)))),
  );
  const config = configOf(layers);
  const folder = await mkdtemp(join(parent, 'tore-cutting-'));
  try {
    await writeCheckpoint(folder, config);
    const { size } = await stat(join(folder, 'model.safetensors'));
    const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
    console.log(
      `A checkpoint of ${formatBytes(size)} in ${layers} layers, ${availableParallelism()} cores (${processor}).\n`,
    );
    console.log('| held as | shard | peak memory | time |\n|---|---|---|---|');
    for (const precision of PRECISIONS) {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), `${layers}`, folder, precision], {
        stdio: 'inherit',
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`cutting to ${precision} failed`);
      await rm(join(folder, 'shards'), { recursive: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const precision = PRECISIONS.find((known) => known === third);
await (precision === undefined ? measure(Number(first), second) : cutHere(Number(first), second, precision));
