import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareTokens, SAME_TOKENS } from '../src/coordinator/challenges/token-judge';
import type { ForwardOutput, ForwardRequest } from '../src/inference/engine/engine';
import type { Engine, ForwardInput, ShardHandle, ShardPrecision } from '../src/inference';
import { LocalEngine } from '../src/inference/engine/local-engine';
import { pickToken } from '../src/inference/sampling/sampler';
import { drawUniform } from '../src/inference/sampling/split-mix';
import { writeCheckpoint } from '../src/inference/testdata/random-checkpoint';
import type { Result } from '../src/protocol/result';

/**
 * How many tokens of an answer are the same when the work of its last layers is done again, by honest nodes and by
 * cheats: the second table of docs/proof-of-work.md. The answer is drawn by a whole model in fp32; every other run is given
 * the same tokens and draws the next one with the same random number.
 *
 * `node scripts/bench.mjs answer-checks [answers]`
 */
const ANSWERS = Number.parseInt(process.argv[2] ?? '60', 10);
const TOKENS = 24;
const PROMPT_TOKENS = 12;
const VOCABULARY = 1_024;
const TORE_TINY = join(process.cwd(), 'resources/models/tore-tiny');

interface Run {
  readonly engine: Engine;
  readonly shards: readonly ShardHandle[];
}

const cacheFolder = await mkdtemp(join(tmpdir(), 'tore-answers-'));
const engines: Engine[] = [];

function need<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

async function load(
  folder: string,
  /** As `0-3 4-7`. */
  ranges: string,
  precision: ShardPrecision,
  threads: number,
): Promise<Run> {
  const engine = new LocalEngine();
  engines.push(engine);
  const shards: ShardHandle[] = [];
  for (const [layer_start = 0, layer_end = 0] of ranges.split(' ').map((range) => range.split('-').map(Number))) {
    const request = {
      folder,
      range: { layer_start, layer_end },
      cacheFolder,
      memoryBudgetBytes: 1e9,
      precision,
      threads,
    };
    shards.push(need(await engine.loadShard(request)));
  }
  return { engine, shards };
}

/** The next-token logits of a run that is given tokens one after another. */
class Sequence {
  private static count = 0;
  private readonly id = `answer-${(Sequence.count += 1)}`;
  private position = 0;

  constructor(private readonly run: Run) {}

  async open(): Promise<void> {
    for (const { shardKey } of this.run.shards) {
      need(
        await this.run.engine.openSequence({ shardKey, sequenceId: this.id, maxPositions: PROMPT_TOKENS + TOKENS + 1 }),
      );
    }
  }

  async next(inputIds: readonly number[]): Promise<Float32Array> {
    let values: Float32Array | null = null;
    for (const { shardKey } of this.run.shards) {
      const input: ForwardInput = values === null ? { inputIds } : { activation: values, positions: inputIds.length };
      const forward: ForwardRequest = { shardKey, sequenceId: this.id, position: this.position, input };
      const output: ForwardOutput = need(await this.run.engine.forward(forward));
      if (output.kind !== 'activation') throw new Error('without sampling the last shard gives logits');
      values = output.activation;
    }
    this.position += inputIds.length;
    return values ?? new Float32Array();
  }

  async close(): Promise<void> {
    for (const { shardKey } of this.run.shards) await this.run.engine.closeSequence(shardKey, this.id);
  }
}

function draw(logits: Float32Array, vocabulary: number, temperature: number, seed: number, index: number): number {
  const last = logits.subarray(logits.length - vocabulary);
  return pickToken(last, { temperature, top_k: 0, top_p: 1, min_p: 0 }, drawUniform(seed, index));
}

/** What a node says beside what it holds. */
type Invent = (index: number, seed: number, vocabulary: number) => number;

const whole = '0-7';

/** Draws an answer, or draws beside one that is given, whose tokens then go in. */
async function answerOf(
  run: Run,
  seed: number,
  temperature: number,
  prompt: readonly number[],
  given: readonly (readonly number[])[] | null,
): Promise<number[][]> {
  const sequence = new Sequence(run);
  await sequence.open();
  const drawn: number[][] = [];
  let input = prompt;
  for (let index = 0; index < TOKENS; index += 1) {
    const id = draw(await sequence.next(input), VOCABULARY, temperature, seed, index);
    drawn.push([id]);
    input = given?.[index] ?? [id];
  }
  await sequence.close();
  return drawn;
}

async function measure(temperature: number, other: string): Promise<void> {
  const folder = TORE_TINY;
  const vocabulary = VOCABULARY;
  const answering = await load(folder, whole, 'fp32', 1);
  const runs: (readonly [name: string, honest: boolean, run: Run | Invent])[] = [
    ['fp32, two threads', true, await load(folder, whole, 'fp32', 2)],
    ['fp32, cut in two', true, await load(folder, '0-3 4-7', 'fp32', 1)],
    ['int8', true, await load(folder, whole, 'int8', 1)],
    ['int4 (not compared with fp32)', true, await load(folder, whole, 'int4', 1)],
    ['every second layer', false, await load(folder, '0-0 2-2 4-4 6-7', 'fp32', 1)],
    ['half of the layers', false, await load(folder, '0-1 6-7', 'fp32', 1)],
    ['another model of the same shape', false, await load(other, whole, 'fp32', 1)],
    ['a constant token', false, (): number => 65],
    ['tokens by chance', false, (index, seed, size): number => Math.floor(drawUniform(seed + 7_777, index) * size)],
  ];
  const shares = runs.map((): number[] => []);
  for (let seed = 0; seed < ANSWERS; seed += 1) {
    const prompt = Array.from({ length: PROMPT_TOKENS }, (_, index) =>
      Math.floor(drawUniform(seed + 1_000, index) * Math.min(256, vocabulary)),
    );
    const given = await answerOf(answering, seed, temperature, prompt, null);
    for (const [at, [, , run]] of runs.entries()) {
      const steps =
        typeof run === 'function'
          ? given.map((_, index) => [run(index, seed, vocabulary)])
          : await answerOf(run, seed, temperature, prompt, given);
      const { compared, same } = compareTokens(given, steps);
      shares[at]?.push(same / compared);
    }
  }
  for (const [at, [name, honest]] of runs.entries()) {
    const sorted = (shares[at] ?? []).toSorted((one, other) => one - other);
    const mean = sorted.reduce((sum, share) => sum + share, 0) / sorted.length;
    const accepted = sorted.filter((share) => share >= SAME_TOKENS).length;
    const percent = (share: number | undefined): string => `${((share ?? Number.NaN) * 100).toFixed(0)} %`;
    console.log(
      `| ${temperature} | ${name} | ${honest ? 'honest' : 'cheat'} | ${percent(mean)} | ${percent(sorted[0])} to ${percent(sorted.at(-1))} | ${accepted} of ${sorted.length} |`,
    );
  }
}

try {
  const config = JSON.parse(await readFile(join(TORE_TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  const other = join(cacheFolder, 'other');
  await mkdir(other);
  await writeCheckpoint(other, { ...config, torch_dtype: 'float32' }, { seed: 11 });
  console.log('| temperature | done again by | | same tokens, mean | from and to | accepted |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const temperature of [0, 0.7, 1]) await measure(temperature, other);
} finally {
  for (const engine of engines) await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
}
