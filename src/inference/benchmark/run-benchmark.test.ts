import { beforeAll, describe, expect, it } from 'vitest';
import { loadOnnxRuntime, type OnnxRuntime } from '../runtime/onnx-runtime';
import { KNOWN_PROVIDERS } from '../runtime/provider-selection';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { buildProductGraph, buildStreamGraph } from './measured-graphs';
import { runBenchmark } from './run-benchmark';
import { logarithmicScore, SCORE_REFERENCES } from './scores';

let runtime: OnnxRuntime;
beforeAll(async () => {
  runtime = await loadOnnxRuntime();
});

describe('runBenchmark', () => {
  it('measures with real graphs and reports progress', async () => {
    const seen: number[] = [];
    const report = expectValue(await runBenchmark(runtime, { onProgress: (fraction) => seen.push(fraction) }));
    expect(report.matmulGflopsPerSecond).toBeGreaterThan(0.1);
    expect(report.memoryGigabytesPerSecond).toBeGreaterThan(0.1);
    expect(report.medianTokenLatencyMs).toBeGreaterThan(0);
    expect(report.tokensPerSecond).toBeGreaterThan(0);
    const [fastest] = report.providers;
    expect(fastest).toMatchObject({ name: report.provider, available: true, tokensPerSecond: report.tokensPerSecond });
    expect(report.providers.map(({ name }) => name).sort()).toEqual([...KNOWN_PROVIDERS].sort());
    for (const { available, reason, tokensPerSecond } of report.providers) {
      expect(available ? reason === undefined : (reason?.length ?? 0) > 0).toBe(true);
      expect(tokensPerSecond !== undefined).toBe(available);
    }
    expect(report.matmul_score).toBe(logarithmicScore(report.matmulGflopsPerSecond, SCORE_REFERENCES.matmul));
    expect(report.memory_score).toBe(logarithmicScore(report.memoryGigabytesPerSecond, SCORE_REFERENCES.memory));
    expect(report.latency_score).toBe(logarithmicScore(report.medianTokenLatencyMs, SCORE_REFERENCES.latency));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  }, 30_000);

  it.each([0, 0.3, 0.5, 0.75])(
    'stops when asked to at %d',
    async (when) => {
      const controller = new AbortController();
      const onProgress = (fraction: number): void => {
        if (fraction >= when) controller.abort();
      };
      expect(codeOf(await runBenchmark(runtime, { signal: controller.signal, onProgress }))).toBe('cancelled');
    },
    30_000,
  );
});

describe('measured graphs', () => {
  it('know their own work', () => {
    expect(buildProductGraph().workPerRun).toBe(4 * 2 * 512 * 1_024 * 1_024);
    expect(buildStreamGraph().workPerRun).toBe(2 * 8 * 1_024 * 1_024 * 4);
  });
});

describe('logarithmicScore', () => {
  it.each([
    [1, 0],
    [200, 0],
    [60_000, 1],
    [1e9, 1],
    [Math.sqrt(200 * 60_000), 0.5],
    [Number.NaN, 0],
    [0, 0],
  ])('rates %d GFLOP/s as %d', (figure, score) => {
    expect(logarithmicScore(figure, SCORE_REFERENCES.matmul)).toBeCloseTo(score, 12);
  });

  it('rates a short latency higher', () => {
    expect(logarithmicScore(0.25, SCORE_REFERENCES.latency)).toBe(1);
    expect(logarithmicScore(4, SCORE_REFERENCES.latency)).toBe(0);
    expect(logarithmicScore(1, SCORE_REFERENCES.latency)).toBeCloseTo(0.5, 12);
  });
});
