import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ShardPrecision } from '../src/inference';
import { PLAIN_TRAITS } from '../src/inference/models/architectures';
import type { DecoderConfig } from '../src/inference/models/config';
import { expectedTensors } from '../src/inference/models/decoder-tensors';
import type { TensorSource } from '../src/inference/models/weight-store';
import { loadOnnxRuntime } from '../src/inference/runtime/onnx-runtime';
import { ShardSession } from '../src/inference/runtime/shard-session';
import { cutShard } from '../src/inference/shards/cut-shard';

/**
 * Speed of a decoder of 107 million random weights in each precision: steps of one token behind short and long contexts,
 * and prefill. The precisions take turns within a round, so that what else the machine does meets each of them; ratios
 * are to fp32 in the same round.
 *
 * `node scripts/bench.mjs decoder [rounds] [threads]`
 */
const [roundsText = '9', threadsText = '2'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const THREADS = Number.parseInt(threadsText, 10);
const PRECISIONS: readonly ShardPrecision[] = ['fp32', 'int8', 'int4'];
const CASES = [
  { name: 'one token behind 16', past: 16, positions: 1 },
  { name: 'one token behind 1,000', past: 1_000, positions: 1 },
  { name: 'one token behind 2,000', past: 2_000, positions: 1 },
  { name: 'prefill of 128', past: 0, positions: 128 },
  { name: 'prefill of 128 behind 896', past: 896, positions: 128 },
] as const;

const CONFIG: DecoderConfig = {
  architecture: 'LlamaForCausalLM',
  ...PLAIN_TRAITS,
  shape: {
    layers: 8,
    hidden_size: 1_024,
    feed_forward_size: 2_816,
    attention_heads: 16,
    key_value_heads: 4,
    head_size: 64,
    vocabulary_size: 8_192,
    context_length: 4_096,
  },
  normEpsilon: 1e-5,
  rotaryBase: 10_000,
  rotaryScaling: { kind: 'none' },
  tiedEmbedding: false,
  endTokenIds: [],
};
const RANGE = { layer_start: 0, layer_end: CONFIG.shape.layers - 1 };

/** Small numbers of no meaning, the same in every run. */
function randomWeights(): TensorSource {
  const shapes = expectedTensors(CONFIG);
  return {
    async *stream(name) {
      const dimensions = shapes.get(name) ?? [];
      const values = new Float32Array(dimensions.reduce((product, size) => product * size, 1));
      let state = 1;
      for (let index = 0; index < values.length; index++) {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
        values[index] = dimensions.length === 1 ? 1 : (state / 2 ** 32 - 0.5) * 0.08;
      }
      yield values;
    },
  };
}

function idsOf(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 997 + 13) % CONFIG.shape.vocabulary_size);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const cacheFolder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
const runtime = await loadOnnxRuntime();
const opened: { precision: ShardPrecision; shard: ShardSession; weightBytes: number }[] = [];
try {
  const source = { config: CONFIG, manifestHash: 'bench', weights: randomWeights() };
  for (const precision of PRECISIONS) {
    const cut = await cutShard(source, RANGE, cacheFolder, { precision });
    if (!cut.ok) throw new Error(cut.error.message);
    const { graphPath, weightBytes } = cut.value;
    const session = await ShardSession.open({
      runtime,
      config: CONFIG,
      range: RANGE,
      precision,
      graphPath,
      providers: [],
      threads: THREADS,
    });
    if (!session.ok) throw new Error(session.error.message);
    opened.push({ precision, shard: session.value.shard, weightBytes });
  }
  const processor = cpus()[0]?.model.trim() ?? 'unknown processor';
  console.log(`${availableParallelism()} cores (${processor}), ${THREADS} thread(s), medians of ${ROUNDS} rounds\n`);
  console.log('| pass | precision | weights, MB | ms | tokens/s | to fp32 |');
  console.log('|---|---|---|---|---|---|');
  for (const measured of CASES) await measure(measured);
} finally {
  for (const { shard } of opened) await shard.release();
  await rm(cacheFolder, { recursive: true, force: true });
}

async function measure({ name, past, positions }: (typeof CASES)[number]): Promise<void> {
  const runs = [];
  for (const { shard, ...rest } of opened) {
    const cache = shard.createCache();
    if (past > 0) await shard.run(cache, { kind: 'tokens', ids: idsOf(past) });
    runs.push({ ...rest, shard, cache, durations: new Array<number>() });
  }
  for (let round = -1; round < ROUNDS; round++) {
    for (const { shard, cache, durations } of runs) {
      const start = performance.now();
      const result = await shard.run(cache, { kind: 'tokens', ids: idsOf(positions) });
      if (!result.ok) throw new Error(result.error.message);
      // The first round only warms up.
      if (round >= 0) durations.push(performance.now() - start);
      cache.rewind(past);
    }
  }
  const baseline = runs[0]?.durations ?? [];
  for (const { precision, weightBytes, durations } of runs) {
    const ms = median(durations);
    const ratio = median(durations.map((duration, round) => (baseline[round] ?? Number.NaN) / duration));
    const row = [name, precision, (weightBytes / 1e6).toFixed(0), ms.toFixed(1), ((1_000 * positions) / ms).toFixed(0)];
    console.log(`| ${row.join(' | ')} | ${ratio.toFixed(2)} |`);
  }
}
