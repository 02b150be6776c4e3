import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { success, type Result } from '../../protocol/result';
import type { BenchmarkReport } from '../engine/engine';
import type { LongCallOptions } from '../long-call';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession } from '../runtime/onnx-runtime';
import { KNOWN_PROVIDERS, selectProvider } from '../runtime/provider-selection';
import { ShardSession } from '../runtime/shard-session';
import { pickGreedy } from '../sampling/sampler';
import { cutShard } from '../shards/cut-shard';
import { diskFailure } from '../shards/shard-files';
import { buildProductGraph, buildStreamGraph, GRAPH_INPUT, GRAPH_OUTPUT, type MeasuredGraph } from './measured-graphs';
import { REFERENCE_CONFIG, referenceWeights } from './reference-model';
import { logarithmicScore, SCORE_REFERENCES } from './scores';

/** Each graph runs for this long: enough to reach its full speed, short enough for a first start. */
const MEASURING_MS = 700;
const WARM_UP_RUNS = 2;
const MIN_RUNS = 3;
const PROMPT_TOKENS = 16;
const DECODED_TOKENS = 48;

type Measured<Value> = Promise<Result<Value, EngineErrorCode>>;

/**
 * Measures this machine with real graphs on the best execution provider: matrix products, a memory stream and the
 * decoding of a small transformer. Takes a few seconds.
 */
export async function runBenchmark(runtime: OnnxRuntime, options: LongCallOptions): Measured<BenchmarkReport> {
  const start = performance.now();
  const report = (fraction: number, label: string): void => options.onProgress?.(fraction, label);
  report(0, 'Multiplying matrices');
  const products = await measureGraph(runtime, buildProductGraph(), KNOWN_PROVIDERS, options.signal);
  if (!products.ok) return products;
  // What could not run the first graph need not be tried again.
  const providers = [products.value.provider];
  report(0.3, 'Moving memory');
  const stream = await measureGraph(runtime, buildStreamGraph(), providers, options.signal);
  if (!stream.ok) return stream;
  report(0.6, 'Running a small transformer');
  const latencies = await measureTokens(runtime, providers, options);
  if (!latencies.ok) return latencies;
  const matmulGflopsPerSecond = products.value.workPerSecond / 1e9;
  const memoryGigabytesPerSecond = stream.value.workPerSecond / 1e9;
  const medianTokenLatencyMs = median(latencies.value);
  report(1, 'Done');
  return success({
    matmul_score: logarithmicScore(matmulGflopsPerSecond, SCORE_REFERENCES.matmul),
    memory_score: logarithmicScore(memoryGigabytesPerSecond, SCORE_REFERENCES.memory),
    latency_score: logarithmicScore(medianTokenLatencyMs, SCORE_REFERENCES.latency),
    matmulGflopsPerSecond,
    memoryGigabytesPerSecond,
    tokensPerSecond: (1_000 * latencies.value.length) / latencies.value.reduce((sum, ms) => sum + ms, 0),
    medianTokenLatencyMs,
    provider: products.value.provider,
    durationMs: performance.now() - start,
  });
}

async function measureGraph(
  runtime: OnnxRuntime,
  graph: MeasuredGraph,
  preferences: readonly string[],
  signal: AbortSignal | undefined,
): Measured<{ provider: string; workPerSecond: number }> {
  const run = async (session: OnnxSession): Promise<void> => {
    const number = runtime.createTensor('float32', Float32Array.of(1), [1]);
    const result = floatsOf(await session.run({ [GRAPH_INPUT]: number }), GRAPH_OUTPUT);
    if (!Number.isFinite(result[0])) throw new Error('the result is not a number');
  };
  const selected = await selectProvider<OnnxSession>({
    preferences,
    listSupportedBackends: () => runtime.listSupportedBackends(),
    create: (provider) => runtime.createSession(graph.bytes, sessionOptions(provider, undefined)),
    verify: run,
    release: (session) => session.release(),
  });
  if (!selected.ok) return selected;
  const { provider, session } = selected.value;
  try {
    for (let count = 0; count < WARM_UP_RUNS; count++) await run(session);
    const durations: number[] = [];
    const begin = performance.now();
    while (durations.length < MIN_RUNS || performance.now() - begin < MEASURING_MS) {
      if (signal?.aborted === true) return cancelledFailure('The benchmark');
      const start = performance.now();
      await run(session);
      durations.push(performance.now() - start);
    }
    return success({ provider, workPerSecond: (1_000 * graph.workPerRun) / median(durations) });
  } catch (thrown) {
    return engineFailure('run-failed', `The benchmark failed: ${reasonOf(thrown)}`, { retryable: true });
  } finally {
    await session.release();
  }
}

/** Latencies of single tokens in milliseconds. */
async function measureTokens(
  runtime: OnnxRuntime,
  providers: readonly string[],
  { signal }: LongCallOptions,
): Measured<number[]> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), 'tore-benchmark-'));
  } catch (thrown) {
    return diskFailure(thrown, tmpdir(), 0);
  }
  try {
    const range = { layer_start: 0, layer_end: REFERENCE_CONFIG.shape.layers - 1 };
    const source = { config: REFERENCE_CONFIG, manifestHash: 'reference', weights: referenceWeights() };
    const cut = await cutShard(source, range, folder, { signal });
    if (!cut.ok) return cut;
    const opened = await ShardSession.open({
      runtime,
      config: REFERENCE_CONFIG,
      range,
      precision: 'fp32',
      graphPath: cut.value.graphPath,
      providers,
    });
    if (!opened.ok) return opened;
    try {
      return await decode(opened.value.shard, signal);
    } finally {
      await opened.value.shard.release();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function decode(shard: ShardSession, signal: AbortSignal | undefined): Measured<number[]> {
  const cache = shard.createCache();
  const latencies: number[] = [];
  let ids = Array.from({ length: PROMPT_TOKENS }, (_, index) => index);
  for (let step = 0; step <= DECODED_TOKENS; step++) {
    if (signal?.aborted === true) return cancelledFailure('The benchmark');
    const start = performance.now();
    const logits = await shard.run(cache, { kind: 'tokens', ids });
    if (!logits.ok) return logits;
    ids = [pickGreedy(logits.value)];
    // The first pass is the prompt.
    if (step > 0) latencies.push(performance.now() - start);
  }
  return success(latencies);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
