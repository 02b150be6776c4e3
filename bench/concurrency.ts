import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGguf } from '../src/inference/models/gguf-store';
import { loadOnnxRuntime } from '../src/inference/runtime/onnx-runtime';
import { PassQueue } from '../src/inference/runtime/pass-queue';
import { ShardSession } from '../src/inference/runtime/shard-session';
import { cutShard } from '../src/inference/shards/cut-shard';
import { writeMeasuredGguf, type MeasuredFormat } from './support/measured-gguf';
import { idsOf, MEASURED_RANGE, median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * Several requests on one shard at the same time against one alone: tokens per second together, and how far the
 * slowest is behind the fastest. Rounds of both take turns.
 *
 * `node scripts/bench.mjs concurrency [rounds] [threads]`
 */
const [roundsText = '5', threadsText = '2'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const THREADS = Number.parseInt(threadsText, 10);
const STEPS = 32;
const PROMPT = 100;
const COUNTS = [2, 4, 8] as const;
const FORMATS: readonly { readonly format: MeasuredFormat; readonly precision: 'int4' | 'int8' }[] = [
  { format: 'Q4_0', precision: 'int4' },
  { format: 'Q8_0', precision: 'int8' },
];

const folder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
const rows: ReportRow[] = [];
try {
  for (const { format, precision } of FORMATS) {
    const path = join(folder, `${format}.gguf`);
    await writeMeasuredGguf(path, format);
    const shard = await start(path, precision);
    const rates = new Map<number, number[]>();
    const ratios = new Map<number, number[]>();
    const spreads: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const alone = await answerTogether(shard, 1);
      for (const count of COUNTS) {
        const together = await answerTogether(shard, count);
        if (round < 0) continue;
        rates.set(count, [...(rates.get(count) ?? []), together.tokensPerSecond]);
        ratios.set(count, [...(ratios.get(count) ?? []), together.tokensPerSecond / alone.tokensPerSecond]);
        spreads.push(together.slowestToFastest);
      }
      if (round >= 0) rates.set(1, [...(rates.get(1) ?? []), alone.tokensPerSecond]);
    }
    for (const count of COUNTS) {
      rows.push({
        name: `${precision}, ${count} requests`,
        ours: median(rates.get(count) ?? []),
        baseline: median(rates.get(1) ?? []),
        ratio: median(ratios.get(count) ?? []),
      });
    }
    console.log(
      `${precision}: the slowest request took ${Math.max(...spreads).toFixed(2)} times as long as the fastest at most`,
    );
    await shard.release();
  }
  await writeReport({
    name: 'concurrency',
    title: 'Requests at the same time on one shard, all tokens together',
    unit: 'tokens/s',
    baselineName: 'one request alone',
    note: `${THREADS} thread(s), 246 M weights, steps behind ${PROMPT} positions, medians of ${ROUNDS} paired rounds.`,
    rows,
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function start(path: string, precision: 'int4' | 'int8'): Promise<ShardSession> {
  const model = await openGguf(path);
  if (!model.ok) throw new Error(model.error.message);
  const source = { config: model.value.config, manifestHash: `bench-${precision}`, weights: model.value.weights };
  const cut = await cutShard(source, MEASURED_RANGE, folder, { precision });
  if (!cut.ok) throw new Error(cut.error.message);
  const opened = await ShardSession.open({
    runtime: await loadOnnxRuntime(),
    config: model.value.config,
    range: MEASURED_RANGE,
    precision,
    graphPath: cut.value.graphPath,
    providers: [],
    threads: THREADS,
  });
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value.shard;
}

async function answerTogether(
  shard: ShardSession,
  count: number,
): Promise<{ tokensPerSecond: number; slowestToFastest: number }> {
  const queue = new PassQueue(shard);
  const caches = Array.from({ length: count }, () => shard.createCache());
  for (const [index, cache] of caches.entries()) await shard.run(cache, { kind: 'tokens', ids: idsOf(PROMPT, index) });
  const begin = performance.now();
  const durations = await Promise.all(
    caches.map(async (cache, index) => {
      for (let step = 0; step < STEPS; step++) {
        const pass = shard.begin(
          cache,
          { kind: 'tokens', ids: idsOf(1, index * STEPS + step) },
          { isRepeatable: false },
        );
        const result = await queue.submit(pass, () => false);
        if (!result.ok) throw new Error(result.error.message);
      }
      return performance.now() - begin;
    }),
  );
  for (const cache of caches) cache.dispose();
  const longest = Math.max(...durations);
  return { tokensPerSecond: (1_000 * count * STEPS) / longest, slowestToFastest: longest / Math.min(...durations) };
}
