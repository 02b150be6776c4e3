import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openGguf } from '../src/inference/models/gguf-store';
import { loadOnnxRuntime } from '../src/inference/runtime/onnx-runtime';
import { ShardSession } from '../src/inference/runtime/shard-session';
import { cutShard } from '../src/inference/shards/cut-shard';
import { writeMeasuredGguf, type MeasuredFormat } from './support/measured-gguf';
import { idsOf, MEASURED_CONFIG, MEASURED_RANGE, median } from './support/measured-model';
import { writeReport, type ReportRow } from './support/report';

/**
 * The engine against llama.cpp on the same GGUF file: prefill, and steps behind short and long contexts. Both answer in
 * turn within a round, in the same process and with the same number of threads; ratios are of the same round.
 *
 * node-llama-cpp is no dependency of the project. Install it in a folder of its own and name that:
 * `TORE_LLAMA=/some/folder node scripts/bench.mjs llama [rounds] [threads]`
 */
const [roundsText = '7', threadsText = '2'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const THREADS = Number.parseInt(threadsText, 10);
const STEPS = 24;
const CONTEXTS = [128, 960] as const;
const FORMATS: readonly { readonly format: MeasuredFormat; readonly precision: 'int4' | 'int8' }[] = [
  { format: 'Q4_0', precision: 'int4' },
  { format: 'Q8_0', precision: 'int8' },
];

/** Milliseconds of a prompt and of the middle one of the steps after it. */
interface Timing {
  readonly prompt: number;
  readonly step: number;
}
type Answer = (positions: number) => Promise<Timing>;

/** The part of node-llama-cpp that is used here. */
interface LlamaSequence {
  clearHistory(): Promise<void>;
  evaluate(tokens: number[], options: object): AsyncGenerator<number>;
}
interface LlamaModule {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
      dispose(): Promise<void>;
    }>;
  }>;
  readonly LlamaLogLevel: { readonly error: string };
}

const llamaFolder = process.env['TORE_LLAMA'];
if (llamaFolder === undefined) throw new Error('TORE_LLAMA names no folder with node-llama-cpp');
const folder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
const rows: ReportRow[] = [];
try {
  for (const { format, precision } of FORMATS) {
    const path = join(folder, `${format}.gguf`);
    await writeMeasuredGguf(path, format);
    const ours = await startOurs(path, precision);
    const theirs = await startLlama(path);
    for (const positions of CONTEXTS) {
      const timings: { ours: Timing; theirs: Timing }[] = [];
      // The first round only warms up.
      for (let round = -1; round < ROUNDS; round++) {
        const timing = { ours: await ours.answer(positions), theirs: await theirs.answer(positions) };
        if (round >= 0) timings.push(timing);
      }
      for (const kind of ['prompt', 'step'] as const) {
        const tokens = kind === 'prompt' ? positions : 1;
        rows.push({
          name: kind === 'prompt' ? `${precision}, prompt of ${positions}` : `${precision}, step behind ${positions}`,
          ours: (1_000 * tokens) / median(timings.map((timing) => timing.ours[kind])),
          baseline: (1_000 * tokens) / median(timings.map((timing) => timing.theirs[kind])),
          ratio: median(timings.map((timing) => timing.theirs[kind] / timing.ours[kind])),
        });
      }
    }
    await ours.close();
    await theirs.close();
  }
  await writeReport({
    name: 'llama',
    title: 'Same file, same threads: the engine and llama.cpp',
    unit: 'tokens/s',
    baselineName: 'llama.cpp',
    note: `${THREADS} thread(s), 246 M weights, medians of ${ROUNDS} paired rounds.`,
    rows,
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);

async function startOurs(
  path: string,
  precision: 'int4' | 'int8',
): Promise<{ answer: Answer; close(): Promise<void> }> {
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
  const { shard } = opened.value;
  const cache = shard.createCache();
  const run = async (ids: readonly number[]): Promise<number> => {
    const start = performance.now();
    // llama.cpp does not promise the same bits alone and together either.
    const result = await shard.run(cache, { kind: 'tokens', ids }, { isRepeatable: false });
    if (!result.ok) throw new Error(result.error.message);
    return performance.now() - start;
  };
  return {
    async answer(positions) {
      cache.rewind(0);
      const prompt = await run(idsOf(positions));
      const steps: number[] = [];
      for (let step = 0; step < STEPS; step++) steps.push(await run(idsOf(1, step)));
      return { prompt, step: median(steps) };
    },
    close: () => shard.release(),
  };
}

async function startLlama(path: string): Promise<{ answer: Answer; close(): Promise<void> }> {
  const entry = createRequire(join(llamaFolder ?? '', 'package.json')).resolve('node-llama-cpp');
  const { getLlama, LlamaLogLevel } = (await import(/* @vite-ignore */ pathToFileURL(entry).href)) as LlamaModule;
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: THREADS });
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: MEASURED_CONFIG.shape.context_length,
    batchSize: 512,
    threads: THREADS,
  });
  const sequence = context.getSequence();
  return {
    async answer(positions) {
      await sequence.clearHistory();
      const steps: number[] = [];
      let prompt = 0;
      let start = performance.now();
      for await (const _ of sequence.evaluate(idsOf(positions), { temperature: 0, yieldEogToken: true })) {
        const ms = performance.now() - start;
        if (prompt === 0) prompt = ms;
        else steps.push(ms);
        if (steps.length >= STEPS) break;
        start = performance.now();
      }
      return { prompt, step: median(steps) };
    },
    close: () => model.dispose(),
  };
}
