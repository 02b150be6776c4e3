import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REFERENCE_CONFIG, referenceWeights } from '../src/inference/benchmark/reference-model';
import { hasHalfFloats } from '../src/inference/runtime/half-floats';
import { loadOnnxRuntime } from '../src/inference/runtime/onnx-runtime';
import { ShardSegment } from '../src/inference/runtime/shard-segment';
import { ShardSession } from '../src/inference/runtime/shard-session';
import type { SegmentedCache } from '../src/inference/runtime/segmented-cache';
import { cutShard } from '../src/inference/shards/cut-shard';
import type { GraphForm } from '../src/inference/shards/graph-form';
import { MEASURED_CONFIG, median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * A shard under WebGPU whose keys and values stay on the card and whose graph runs there alone, against the graph other
 * devices take, which is given the cache in every run and leaves some operators to the processor. On a card made of software
 * this says nothing about real ones: products on the processor are faster there than those of the card.
 *
 * `node scripts/bench.mjs card [rounds] [layers] [hidden size]`
 */
const [roundsText = '5', layersText = '4', hiddenText = '1024'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const LAYERS = Number.parseInt(layersText, 10);
/** A multiple of 256. */
const HIDDEN = Number.parseInt(hiddenText, 10);
const PRECISION = 'int4';
const DEVICE = { provider: 'webgpu' };
const CONFIG = {
  ...REFERENCE_CONFIG,
  shape: {
    ...MEASURED_CONFIG.shape,
    layers: LAYERS,
    hidden_size: HIDDEN,
    feed_forward_size: 2.75 * HIDDEN,
    attention_heads: HIDDEN / MEASURED_CONFIG.shape.head_size,
    key_value_heads: HIDDEN / MEASURED_CONFIG.shape.head_size / 4,
    vocabulary_size: 1_024,
  },
};
const RANGE = { layer_start: 0, layer_end: LAYERS - 1 };
const CASES = [
  { name: 'a step behind 128', past: 128, positions: 1 },
  { name: 'a step behind 960', past: 960, positions: 1 },
  { name: 'a prompt of 128', past: 0, positions: 128 },
] as const;

function idsOf(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 97 + 13) % CONFIG.shape.vocabulary_size);
}

const folder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
const runtime = await loadOnnxRuntime();
const cacheType = (await hasHalfFloats(runtime, DEVICE)) ? 'float16' : 'float32';

async function open(form: GraphForm): Promise<ShardSession> {
  const source = { config: CONFIG, manifestHash: 'bench-card', weights: referenceWeights(CONFIG) };
  const cut = await cutShard(source, RANGE, folder, { precision: PRECISION, form });
  if (!cut.ok) throw new Error(cut.error.message);
  const options = { runtime, config: CONFIG, range: RANGE, graphPath: cut.value.graphPath, form };
  return new ShardSession(runtime, CONFIG, [await ShardSegment.open(options, DEVICE, 1)]);
}

async function time(shard: ShardSession, cache: SegmentedCache, positions: number): Promise<number> {
  const before = cache.length;
  const start = performance.now();
  const result = await shard.run(cache, { kind: 'tokens', ids: idsOf(positions) });
  if (!result.ok) throw new Error(result.error.message);
  const duration = performance.now() - start;
  cache.rewind(before);
  return duration;
}

try {
  const onCard = await open({ cacheType, isOnCard: true });
  const given = await open({ cacheType, isOnCard: false });
  const rows: ReportRow[] = [];
  for (const { name, past, positions } of CASES) {
    const caches = [onCard.createCache(), given.createCache()] as const;
    for (const [index, shard] of [onCard, given].entries()) {
      const cache = caches[index];
      if (past > 0 && cache !== undefined) await shard.run(cache, { kind: 'tokens', ids: idsOf(past) });
    }
    const ours: number[] = [];
    const baseline: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const durations = [await time(onCard, caches[0], positions), await time(given, caches[1], positions)] as const;
      // The first round only warms up.
      if (round < 0) continue;
      ours.push(durations[0]);
      baseline.push(durations[1]);
    }
    const ratio = median(baseline.map((duration, round) => duration / (ours[round] ?? Number.NaN)));
    rows.push({ name, ours: median(ours), baseline: median(baseline), ratio });
    for (const cache of caches) cache.dispose();
  }
  await onCard.release();
  await given.release();
  await writeReport({
    name: 'card',
    title: 'Keys and values that stay on a card',
    unit: 'ms',
    baselineName: 'given in every run',
    note: `WebGPU, ${LAYERS} layers of ${HIDDEN} in int4, keys and values in ${cacheType}, medians of ${ROUNDS} rounds.`,
    rows,
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
