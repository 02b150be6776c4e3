import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine, ForwardInput } from '../src/inference';
import { LocalEngine } from '../src/inference/engine/local-engine';
import { TORE_TINY } from '../src/inference/testdata/tore-tiny';
import { buildEngineProgram, startEngineProcess } from './support/engine-process';
import { LAYERS, writeLargeModel } from './support/folder-models';
import { median } from './support/measured-model';
import { writeReport } from './support/report';

/**
 * Tokens per second of a model whole and split, with all shards in this process and with one engine process per shard: of
 * the shipped model, or of a larger one of hidden size 1,024. All arrangements answer the same question in every round, in turn, so that what else the machine does
 * meets each of them; the ratios are of the same round. The wire between machines is not part of it.
 *
 * `node scripts/bench.mjs shards [rounds] [threads per session] [fp32|int8|int4] [tiny|large]`
 */
const [roundsText = '7', threadsText = '1', precisionText = 'fp32', modelText = 'tiny'] = process.argv.slice(2);
const ROUNDS = Number.parseInt(roundsText, 10);
const THREADS = Number.parseInt(threadsText, 10);
const PRECISION = (['int8', 'int4'] as const).find((known) => known === precisionText) ?? 'fp32';
const SHARD_COUNTS = [1, 2, 4] as const;
const PROMPT = 'tell me a story about Ada';
const MAX_NEW_TOKENS = 120;

interface Stage {
  readonly engine: Engine;
  readonly shardKey: string;
}

interface Arrangement {
  readonly place: string;
  readonly stages: readonly Stage[];
  readonly figures: { tokensPerSecond: number; firstTokenMs: number; ratio: number }[];
}

const cacheFolder = await mkdtemp(join(tmpdir(), 'tore-bench-'));
const program = await buildEngineProgram();
const modelFolder = modelText === 'large' ? await writeLargeModel(cacheFolder) : TORE_TINY;
const engines: Engine[] = [];
try {
  const arrangements: Arrangement[] = [];
  for (const count of SHARD_COUNTS) arrangements.push(await arrange('one process', count, startLocal));
  for (const count of SHARD_COUNTS)
    arrangements.push(await arrange('a process per shard', count, () => startEngineProcess(program.entryFile)));
  for (const arrangement of arrangements) await answer(arrangement.stages);
  for (let round = 0; round < ROUNDS; round++) await runRound(arrangements);
  await report(arrangements);
} finally {
  for (const engine of engines) await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
  await program.remove();
}

function startLocal(): Engine {
  return new LocalEngine();
}

async function arrange(place: string, count: number, start: () => Engine): Promise<Arrangement> {
  const stages: Stage[] = [];
  const shared = place === 'one process' ? start() : undefined;
  if (shared !== undefined) engines.push(shared);
  for (let index = 0; index < count; index++) {
    const engine = shared ?? start();
    if (shared === undefined) engines.push(engine);
    const loaded = await engine.loadShard({
      folder: modelFolder,
      range: { layer_start: (index * LAYERS) / count, layer_end: ((index + 1) * LAYERS) / count - 1 },
      cacheFolder,
      memoryBudgetBytes: 1 << 30,
      threads: THREADS,
      precision: PRECISION,
    });
    if (!loaded.ok) throw new Error(loaded.error.message);
    stages.push({ engine, shardKey: loaded.value.shardKey });
  }
  return { place, stages, figures: [] };
}

async function runRound(arrangements: readonly Arrangement[]): Promise<void> {
  let baseline: number | undefined;
  for (const { stages, figures } of arrangements) {
    const { tokens, firstTokenMs, decodeMs } = await answer(stages);
    const tokensPerSecond = (1_000 * (tokens - 1)) / decodeMs;
    baseline ??= tokensPerSecond;
    figures.push({ tokensPerSecond, firstTokenMs, ratio: tokensPerSecond / baseline });
  }
}

/** One greedy answer through a pipeline: prefill, then token by token. */
async function answer(stages: readonly Stage[]): Promise<{ tokens: number; firstTokenMs: number; decodeMs: number }> {
  const [first] = stages;
  if (first === undefined) throw new Error('a pipeline has at least one stage');
  const tokenized = await first.engine.tokenize(first.shardKey, { prompt: PROMPT });
  if (!tokenized.ok) throw new Error(tokenized.error.message);
  const sampling = { temperature: 0, top_k: 0, top_p: 1 };
  const options = { sequenceId: 'bench', maxPositions: 256, sampling, maxNewTokens: MAX_NEW_TOKENS };
  for (const { engine, shardKey } of stages) {
    const opened = await engine.openSequence({ shardKey, ...options });
    if (!opened.ok) throw new Error(opened.error.message);
  }
  const start = performance.now();
  let firstTokenMs = 0;
  let tokens = 0;
  let position = 0;
  let next: readonly number[] = tokenized.value.inputIds;
  for (;;) {
    const { tokenId, finished } = await pass(stages, position, next);
    tokens++;
    if (tokens === 1) firstTokenMs = performance.now() - start;
    position += next.length;
    next = [tokenId];
    if (finished) break;
  }
  const decodeMs = performance.now() - start - firstTokenMs;
  for (const { engine, shardKey } of stages) await engine.closeSequence(shardKey, 'bench');
  return { tokens, firstTokenMs, decodeMs };
}

async function pass(
  stages: readonly Stage[],
  position: number,
  inputIds: readonly number[],
): Promise<{ tokenId: number; finished: boolean }> {
  let input: ForwardInput = { inputIds };
  for (const { engine, shardKey } of stages) {
    const output = await engine.forward({ shardKey, sequenceId: 'bench', position, input });
    if (!output.ok) throw new Error(output.error.message);
    if (output.value.kind === 'token') {
      return { tokenId: output.value.tokens[0]?.tokenId ?? 0, finished: output.value.finishReason !== undefined };
    }
    if (output.value.kind === 'filled') break;
    input = { activation: output.value.activation, positions: output.value.positions };
  }
  throw new Error('the last stage gave no token');
}

async function report(arrangements: readonly Arrangement[]): Promise<void> {
  const whole = median((arrangements[0]?.figures ?? []).map((figure) => figure.tokensPerSecond));
  const firstToken = arrangements.map(({ place, stages, figures }) => {
    const ms = median(figures.map(({ firstTokenMs }) => firstTokenMs));
    return `${stages.length} in ${place} ${ms.toFixed(1)} ms`;
  });
  await writeReport({
    name: `shards-${modelText}-${PRECISION}`,
    title: `Decoding whole and in shards: ${modelText === 'large' ? 'hidden size 1,024' : 'the shipped model'}, ${PRECISION}`,
    unit: 'tokens/s',
    baselineName: 'whole in this process',
    note: `${THREADS} thread(s) per session, medians of ${ROUNDS} paired rounds. First token: ${firstToken.join('; ')}.`,
    rows: arrangements.map(({ place, stages, figures }) => ({
      name: `${stages.length} shards, ${place}`,
      ours: median(figures.map((figure) => figure.tokensPerSecond)),
      baseline: whole,
      ratio: median(figures.map((figure) => figure.ratio)),
    })),
  });
}
