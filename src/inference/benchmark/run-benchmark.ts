import { success, type Result } from '../../protocol/result';
import type { BenchmarkReport } from '../engine/engine';
import type { LongCallOptions } from '../long-call';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { floatsOf, sessionOptions, type OnnxRuntime, type OnnxSession } from '../runtime/onnx-runtime';
import { selectProvider } from '../runtime/provider-selection';
import { buildProductGraph, buildStreamGraph, GRAPH_INPUT, GRAPH_OUTPUT, type MeasuredGraph } from './measured-graphs';
import { logarithmicScore, SCORE_REFERENCES } from './scores';
import { median, tryProviders } from './try-providers';

/** Each graph runs for this long: enough to reach its full speed, short enough for a first start. */
const MEASURING_MS = 400;
const WARM_UP_RUNS = 2;
const MIN_RUNS = 3;

type Measured<Value> = Promise<Result<Value, EngineErrorCode>>;

/** Shares of the progress. */
const TRIED = 0.5;
const MULTIPLIED = 0.75;

/**
 * Measures this machine: every execution provider of its onnxruntime with the decoding of a small transformer, then matrix
 * products and a memory stream on the fastest of them. Takes a few seconds.
 */
export async function runBenchmark(runtime: OnnxRuntime, options: LongCallOptions): Measured<BenchmarkReport> {
  const start = performance.now();
  const report = (fraction: number, label: string): void => options.onProgress?.(fraction, label);
  report(0, 'Trying execution providers');
  const trials = await tryProviders(runtime, {
    signal: options.signal,
    onProgress: (fraction, label) => report(fraction * TRIED, label),
  });
  if (!trials.ok) return trials;
  const { providers, fastest } = trials.value;
  report(TRIED, 'Multiplying matrices');
  const products = await measureGraph(runtime, buildProductGraph(), [fastest.provider], options.signal);
  if (!products.ok) return products;
  report(MULTIPLIED, 'Moving memory');
  const stream = await measureGraph(runtime, buildStreamGraph(), [fastest.provider], options.signal);
  if (!stream.ok) return stream;
  const matmulGflopsPerSecond = products.value / 1e9;
  const memoryGigabytesPerSecond = stream.value / 1e9;
  report(1, 'Done');
  return success({
    matmul_score: logarithmicScore(matmulGflopsPerSecond, SCORE_REFERENCES.matmul),
    memory_score: logarithmicScore(memoryGigabytesPerSecond, SCORE_REFERENCES.memory),
    latency_score: logarithmicScore(fastest.medianTokenLatencyMs, SCORE_REFERENCES.latency),
    matmulGflopsPerSecond,
    memoryGigabytesPerSecond,
    tokensPerSecond: fastest.tokensPerSecond,
    medianTokenLatencyMs: fastest.medianTokenLatencyMs,
    provider: fastest.provider,
    providers,
    durationMs: performance.now() - start,
  });
}

/** Work per second of a graph, in its own unit. */
async function measureGraph(
  runtime: OnnxRuntime,
  graph: MeasuredGraph,
  preferences: readonly string[],
  signal: AbortSignal | undefined,
): Measured<number> {
  const run = async (session: OnnxSession): Promise<void> => {
    const number = runtime.createTensor('float32', Float32Array.of(1), [1]);
    const result = floatsOf(await session.run({ [GRAPH_INPUT]: number }), GRAPH_OUTPUT);
    if (!Number.isFinite(result[0])) throw new Error('the result is not a number');
  };
  const selected = await selectProvider<OnnxSession>({
    preferences,
    listSupportedBackends: () => runtime.listSupportedBackends(),
    create: (provider) => runtime.createSession(graph.bytes, sessionOptions({ provider }, undefined)),
    verify: run,
    release: (session) => session.release(),
  });
  if (!selected.ok) return selected;
  const { session } = selected.value;
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
    return success((1_000 * graph.workPerRun) / median(durations));
  } catch (thrown) {
    return engineFailure('run-failed', `The benchmark failed: ${reasonOf(thrown)}`, { retryable: true });
  } finally {
    await session.release();
  }
}
