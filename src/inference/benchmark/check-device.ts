import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deviceName, FALLBACK_DEVICE, type Device } from '../device';
import { reasonOf } from '../errors';
import type { DecoderConfig } from '../models/config';
import type { OnnxRuntime } from '../runtime/onnx-runtime';
import { ShardSegment } from '../runtime/shard-segment';
import { ShardSession } from '../runtime/shard-session';
import { cutShard } from '../shards/cut-shard';
import { plainGraphForm, type GraphForm } from '../shards/graph-form';
import { PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import type { ShardPrecision } from '../shards/weight-layout';
import { REFERENCE_CONFIG, referenceWeights } from './reference-model';

/** A decoder with every operator of a shard, run in milliseconds. */
const CONFIG: DecoderConfig = {
  ...REFERENCE_CONFIG,
  shape: {
    layers: 2,
    hidden_size: 128,
    feed_forward_size: 256,
    attention_heads: 4,
    key_value_heads: 2,
    head_size: 32,
    vocabulary_size: 256,
    context_length: 256,
  },
};
const RANGE = { layer_start: 0, layer_end: CONFIG.shape.layers - 1 };
/** So large that attention looks at few positions: what leaves out some of them is seen in the result. */
const WEIGHT_SPREAD = 0.3;
/** A whole chunk, through more than one page of the cache. */
const PROMPT_POSITIONS = PREFILL_CHUNK_POSITIONS;
const LOGIT_ROWS = 3;
/** Of the largest logit, where nothing is rounded but sums; a fused attention that was wrong gave more than 2 %. */
const MAX_DIFFERENCE = 0.01;
/** Where products are rounded to integers, which devices do at different places: 2 % was measured. */
const MAX_ROUNDED_DIFFERENCE = 0.1;

export interface DeviceCheck {
  readonly precision: ShardPrecision;
  readonly form: GraphForm;
  readonly threads: number | undefined;
  /** Ends the check between two runs, as a device that failed; whoever gave it knows better. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Runs a small decoder on a device and on the processor: with exact weights, which shows whether attention is right, and with
 * the weights of a precision. Drivers and kernels that compute wrongly are rare, and nothing else would show them before an
 * answer is checked by others.
 *
 * @returns a sentence that says by how much the device is wrong, or why it does not run the decoder; otherwise undefined
 */
export async function explainWrongDevice(
  runtime: OnnxRuntime,
  device: Device,
  check: DeviceCheck,
): Promise<string | undefined> {
  const name = deviceName(device);
  const exact: DeviceCheck = { ...check, precision: 'fp32', form: { ...check.form, cacheType: 'float32' } };
  try {
    const difference = await compare(runtime, device, exact);
    if (difference > MAX_DIFFERENCE) return describe(name, difference);
    if (check.precision === 'fp32') return undefined;
    const rounded = await compare(runtime, device, check);
    return rounded > MAX_ROUNDED_DIFFERENCE ? describe(name, rounded) : undefined;
  } catch (thrown) {
    return `${name} failed: ${reasonOf(thrown)}`;
  }
}

function describe(name: string, difference: number): string {
  const percent = Math.min(1_000, Math.ceil(100 * difference));
  return `${name} computes wrongly: its results differ from the processor's by ${percent} %. Another driver may help.`;
}

/** The largest difference of the results from the processor's, as a part of the largest of them. */
async function compare(runtime: OnnxRuntime, device: Device, check: DeviceCheck): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tore-check-'));
  try {
    const onProcessor = { ...check, form: plainGraphForm(check.precision) };
    const expected = await compute(runtime, FALLBACK_DEVICE, onProcessor, folder);
    const given = await compute(runtime, device, check, folder);
    let largest = 0;
    let difference = 0;
    for (const [index, value] of expected.entries()) {
      largest = Math.max(largest, Math.abs(value));
      difference = Math.max(difference, Math.abs(value - (given[index] ?? Number.POSITIVE_INFINITY)));
    }
    return difference / largest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Logits behind a prompt, behind a step, and of two sequences in one run. */
async function compute(runtime: OnnxRuntime, device: Device, check: DeviceCheck, folder: string): Promise<number[]> {
  const { precision, form, threads, signal } = check;
  const source = { config: CONFIG, manifestHash: 'check', weights: referenceWeights(CONFIG, WEIGHT_SPREAD) };
  const cut = await cutShard(source, RANGE, folder, { precision, form });
  if (!cut.ok) throw new Error(cut.error.message);
  const { graphPath } = cut.value;
  const options = { runtime, config: CONFIG, range: RANGE, graphPath, form, threads };
  const shard = new ShardSession(runtime, CONFIG, [await ShardSegment.open(options, device, 1)]);
  try {
    const logits: number[] = [];
    const [long, short] = [shard.createCache(), shard.createCache()];
    for (const [cache, count] of [
      [long, PROMPT_POSITIONS],
      [long, 1],
      [short, 1],
    ] as const) {
      signal?.throwIfAborted();
      const logitRows = Math.min(count, LOGIT_ROWS);
      const ids = idsOf(cache.length, count);
      const output = await shard.run(cache, { kind: 'tokens', ids }, { logitRows });
      if (!output.ok) throw new Error(output.error.message);
      logits.push(...output.value);
    }
    const passes = [long, short].map((cache) => shard.begin(cache, { kind: 'tokens', ids: idsOf(cache.length, 1) }));
    const together = await shard.advance(passes);
    if (!together.ok) throw new Error(together.error.message);
    for (const { output } of passes) logits.push(...output);
    return logits;
  } finally {
    await shard.release();
  }
}

function idsOf(start: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => ((start + index) * 37 + 11) % CONFIG.shape.vocabulary_size);
}
