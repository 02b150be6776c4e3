import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine, ForwardInput, ShardHandle, ShardPrecision } from '../src/inference';
import { LocalEngine } from '../src/inference/engine/local-engine';
import { proofInputs } from '../src/inference/proof/proof-input';
import { runProof } from '../src/inference/proof/run-proof';
import { writeCheckpoint } from '../src/inference/testdata/random-checkpoint';
import {
  compareFingerprints,
  fingerprintRow,
  isSameWork,
  type FingerprintDistance,
  type FingerprintRow,
} from '../src/protocol/compute/activation-fingerprint';
import { decodeHalf, encodeHalf } from '../src/protocol/wire/activation-coding';
import type { Result } from '../src/protocol/result';

/**
 * How far honest runs and cheats are from the coordinator's own run of the same proof, and how many of each the
 * thresholds accept: the table of docs/proof-of-work.md.
 *
 * `node scripts/bench.mjs proof-of-work [rounds]`
 */
const ROUNDS = Number.parseInt(process.argv[2] ?? '40', 10);
const TORE_TINY = join(process.cwd(), 'resources/models/tore-tiny');
const PRECISIONS = ['fp32', 'int8', 'int4'] as const;
const RANGES = [
  { name: 'first', layer_start: 0, layer_end: 3 },
  { name: 'middle', layer_start: 2, layer_end: 5 },
  { name: 'last', layer_start: 4, layer_end: 7 },
] as const;
type Range = (typeof RANGES)[number];

interface Stage {
  readonly engine: Engine;
  readonly shard: ShardHandle;
}
interface Shape {
  readonly vocab_size: number;
  readonly hidden_size: number;
}

const cacheFolder = await mkdtemp(join(tmpdir(), 'tore-proof-'));
const engines: Engine[] = [];

function need<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

/** A shard in an engine of its own, so that the same shard can be held with other threads. */
async function load(
  folder: string,
  range: { layer_start: number; layer_end: number },
  precision: ShardPrecision,
  threads: number,
): Promise<Stage> {
  const engine = new LocalEngine();
  engines.push(engine);
  const { layer_start, layer_end } = range;
  const shard = need(
    await engine.loadShard({
      folder,
      range: { layer_start, layer_end },
      cacheFolder,
      memoryBudgetBytes: 1e9,
      precision,
      threads,
    }),
  );
  return { engine, shard };
}

function halved(activation: Float32Array): Float32Array {
  return activation.map((value) => decodeHalf(encodeHalf(value)));
}

/** The proof over a chain of shards: layers left out, activations rounded, or one position at a time. */
async function runChain(
  stages: readonly Stage[],
  range: Range,
  shape: Shape,
  seed: string,
  options: { readonly half?: boolean; readonly single?: boolean } = {},
): Promise<FingerprintRow[]> {
  const sequenceId = `chain-${randomBytes(8).toString('hex')}`;
  for (const { engine, shard } of stages) {
    need(await engine.openSequence({ shardKey: shard.shardKey, sequenceId, maxPositions: 64 }));
  }
  const takesTokens = range.layer_start === 0;
  const inputs = proofInputs(seed, { takesTokens, vocabularySize: shape.vocab_size, hiddenSize: shape.hidden_size });
  const rows: FingerprintRow[] = [];
  let position = 0;
  for (const whole of inputs) {
    const parts = options.single === true ? singles(whole, shape.hidden_size) : [whole];
    let last = new Float32Array();
    for (const part of parts) {
      let input = part;
      for (const { engine, shard } of stages) {
        const output = need(await engine.forward({ shardKey: shard.shardKey, sequenceId, position, input }));
        if (output.kind !== 'activation') throw new Error('an activation was due');
        last = Float32Array.from(output.activation);
        const activation = options.half === true ? halved(last) : last;
        input = { activation, positions: output.positions };
      }
      position += 'inputIds' in part ? part.inputIds.length : part.positions;
    }
    const width = range.layer_end === 7 ? shape.vocab_size : shape.hidden_size;
    rows.push(fingerprintRow(last.subarray(last.length - width)));
  }
  for (const { engine, shard } of stages) await engine.closeSequence(shard.shardKey, sequenceId);
  return rows;
}

function singles(input: ForwardInput, hiddenSize: number): ForwardInput[] {
  if ('inputIds' in input) return input.inputIds.map((id) => ({ inputIds: [id] }));
  return Array.from({ length: input.positions }, (_, index) => ({
    activation: input.activation.slice(index * hiddenSize, (index + 1) * hiddenSize),
    positions: 1,
  }));
}

interface Tally {
  readonly model: string;
  readonly precision: string;
  readonly kind: 'honest' | 'cheat';
  readonly name: string;
  readonly distances: FingerprintDistance[];
  accepted: number;
}
const tallies = new Map<string, Tally>();

function note(
  model: string,
  precision: ShardPrecision,
  kind: Tally['kind'],
  name: string,
  rows: readonly FingerprintRow[],
  reference: readonly FingerprintRow[],
): void {
  const key = [model, precision, name].join('|');
  const tally = tallies.get(key) ?? { model, precision, kind, name, distances: [], accepted: 0 };
  const distance = compareFingerprints(rows, reference);
  tally.distances.push(distance);
  if (isSameWork(distance, precision)) tally.accepted += 1;
  tallies.set(key, tally);
}

async function measure(model: string, folder: string, otherFolder: string, shape: Shape): Promise<void> {
  for (const range of RANGES) {
    const layers = Array.from({ length: 4 }, (_, index) => range.layer_start + index);
    for (const precision of PRECISIONS) {
      const reference = await load(folder, range, precision, 1);
      const twoThreads = await load(folder, range, precision, 2);
      const single = await Promise.all(
        layers.map((layer) => load(folder, { layer_start: layer, layer_end: layer }, precision, 1)),
      );
      const coarser =
        precision === 'int4' ? null : await load(folder, range, precision === 'fp32' ? 'int8' : 'int4', 1);
      const coarsest = precision === 'fp32' ? await load(folder, range, 'int4', 1) : null;
      const otherModel = await load(otherFolder, range, precision, 1);
      let constant: FingerprintRow[] | null = null;
      let earlier: FingerprintRow[] | null = null;
      const prove = async ({ engine, shard }: Stage, seed: string): Promise<FingerprintRow[]> =>
        need(await runProof(engine, shard, shape, seed));
      const keepsEnds = single.filter((_, index) => index % 2 === 0 || (index === 3 && range.layer_end === 7));
      for (let round = 0; round < ROUNDS; round += 1) {
        const seed = randomBytes(32).toString('hex');
        const neighbourSeed = randomBytes(32).toString('hex');
        const truth = await prove(reference, seed);
        const add = (kind: Tally['kind'], name: string, rows: readonly FingerprintRow[]): void =>
          note(model, precision, kind, name, rows, truth);
        add('honest', 'two threads', await prove(twoThreads, seed));
        add('honest', 'one position at a time', await runChain([reference], range, shape, seed, { single: true }));
        add('honest', 'layer by layer', await runChain(single, range, shape, seed));
        add('honest', 'fp16 activations after every layer', await runChain(single, range, shape, seed, { half: true }));
        constant ??= truth;
        if (round > 0) add('cheat', 'constant answer', constant);
        if (earlier !== null) add('cheat', 'replay of the last answer', earlier);
        add('cheat', "a neighbour's answer", await prove(reference, neighbourSeed));
        add('cheat', 'every second layer', await runChain(keepsEnds, range, shape, seed));
        if (coarser !== null) {
          add(
            'cheat',
            precision === 'fp32' ? 'int8 said to be fp32' : 'int4 said to be int8',
            await prove(coarser, seed),
          );
        }
        if (coarsest !== null) add('cheat', 'int4 said to be fp32', await prove(coarsest, seed));
        add('cheat', 'another model of the same sizes', await prove(otherModel, seed));
        earlier = truth;
      }
      for (const engine of engines.splice(0)) await engine.close();
    }
  }
}

function printTable(): void {
  const rows = [...tallies.values()].map((tally) => {
    const overlap = Math.min(...tally.distances.map((distance) => distance.overlap));
    const exponents = Math.min(...tally.distances.map((distance) => distance.exponentMatch));
    const errors = tally.distances.map((distance) => distance.mantissaError).sort((left, right) => left - right);
    const [least, most] = [errors[0] ?? 0, errors.at(-1) ?? 0];
    const show = (error: number): string => (Number.isFinite(error) ? error.toPrecision(2) : '∞');
    const wrong = tally.kind === 'honest' ? tally.distances.length - tally.accepted : tally.accepted;
    const rate = `${wrong} / ${tally.distances.length}`;
    return [
      tally.model,
      tally.precision,
      tally.kind,
      tally.name,
      `${(100 * overlap).toFixed(0)} %`,
      `${(100 * exponents).toFixed(0)} %`,
      show(least),
      show(most),
      tally.kind === 'honest' ? rate : '',
      tally.kind === 'cheat' ? rate : '',
    ];
  });
  const header = [
    'model',
    'weights',
    'kind',
    'run',
    'least places',
    'least exponents',
    'least mantissa error',
    'largest',
    'false rejects',
    'false accepts',
  ];
  for (const row of [header, header.map(() => '---'), ...rows]) process.stdout.write(`| ${row.join(' | ')} |\n`);
}

try {
  const config = JSON.parse(await readFile(join(TORE_TINY, 'config.json'), 'utf8')) as Record<string, unknown>;
  const other = await mkdtemp(join(tmpdir(), 'tore-proof-other-'));
  const random = await mkdtemp(join(tmpdir(), 'tore-proof-random-'));
  const randomOther = await mkdtemp(join(tmpdir(), 'tore-proof-random-other-'));
  const tiny = { ...config, torch_dtype: 'float32' };
  const wide = { ...tiny, hidden_size: 256, intermediate_size: 768, num_attention_heads: 8, num_key_value_heads: 2 };
  await writeCheckpoint(other, tiny, { seed: 11 });
  await writeCheckpoint(random, wide, { seed: 12 });
  await writeCheckpoint(randomOther, wide, { seed: 13 });
  await measure('tore-tiny', TORE_TINY, other, { vocab_size: 1_024, hidden_size: 128 });
  await measure('random, hidden 256', random, randomOther, { vocab_size: 1_024, hidden_size: 256 });
  printTable();
  for (const folder of [other, random, randomOther]) await rm(folder, { recursive: true, force: true });
} finally {
  for (const engine of engines) await engine.close();
  await rm(cacheFolder, { recursive: true, force: true });
}
