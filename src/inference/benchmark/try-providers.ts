import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { success, type Result } from '../../protocol/result';
import { deviceName, isProcessor, takesDeviceId, type Device } from '../device';
import type { ProviderTrial } from '../engine/engine';
import { cancelledFailure, engineFailure, type EngineErrorCode } from '../errors';
import type { LongCallOptions } from '../long-call';
import type { OnnxRuntime } from '../runtime/onnx-runtime';
import { explainAbsence, KNOWN_PROVIDERS, tryProvider } from '../runtime/provider-selection';
import { ShardSegment } from '../runtime/shard-segment';
import { ShardSession } from '../runtime/shard-session';
import { measureSteadyRows } from '../runtime/steady-rows';
import { pickGreedy } from '../sampling/sampler';
import { cutShard, type CutShard } from '../shards/cut-shard';
import { graphFormFor, type GraphForm } from '../shards/graph-form';
import { diskFailure } from '../shards/shard-files';
import { explainWrongDevice } from './check-device';
import { REFERENCE_CONFIG, referenceWeights } from './reference-model';

const PROMPT_TOKENS = 16;
const DECODED_TOKENS = 48;
/** A device this slow is known well enough after one token, such as a graphics card made of software. */
const MAX_TOKEN_MS = 500;
const PRECISION = 'fp32';
const RANGE = { layer_start: 0, layer_end: REFERENCE_CONFIG.shape.layers - 1 };

type Measured<Value> = Promise<Result<Value, EngineErrorCode>>;

/** Cuts the reference transformer, or finds it cut. */
type Cut = (form: GraphForm) => Measured<CutShard>;

/** Cards of one provider that are tried; no computer at home has more. */
const MAX_CARDS = 16;

/** How fast a device decodes the reference transformer. */
export interface DecodeSpeed extends Device {
  readonly tokensPerSecond: number;
  readonly medianTokenLatencyMs: number;
}

/**
 * Decodes a small transformer on every execution provider of this onnxruntime, and on every further card of those that
 * drive several. Which is fastest depends on the machine and its drivers: an old graphics card may be slower than the
 * processor beside it. One that computes wrongly counts as one that does not run.
 *
 * @returns the fastest, and all of them: those that run, fastest first, then those that do not, each with why
 */
export async function tryProviders(
  runtime: OnnxRuntime,
  options: LongCallOptions,
): Measured<{ providers: ProviderTrial[]; fastest: DecodeSpeed }> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), 'tore-benchmark-'));
  } catch (thrown) {
    return diskFailure(thrown, tmpdir(), 0);
  }
  try {
    const source = { config: REFERENCE_CONFIG, manifestHash: 'reference', weights: referenceWeights() };
    const cut: Cut = (form) => cutShard(source, RANGE, folder, { precision: PRECISION, form, signal: options.signal });
    return await tryEach(runtime, cut, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tryEach(
  runtime: OnnxRuntime,
  cut: Cut,
  { signal, onProgress }: LongCallOptions,
): Measured<{ providers: ProviderTrial[]; fastest: DecodeSpeed }> {
  const speeds: DecodeSpeed[] = [];
  const absent: ProviderTrial[] = [];
  const supported = runtime.listSupportedBackends();
  for (const [index, name] of KNOWN_PROVIDERS.entries()) {
    onProgress?.(index / KNOWN_PROVIDERS.length, `Trying ${name}`);
    const reason = explainAbsence(name, supported);
    const tried =
      reason === undefined
        ? await tryOne(runtime, cut, { provider: name }, signal)
        : engineFailure('provider-failed', reason);
    if (tried.ok) {
      speeds.push(tried.value);
      const others = await tryOtherCards(runtime, cut, name, signal);
      if (!others.ok) return others;
      speeds.push(...others.value);
    } else if (tried.error.code !== 'provider-failed') return tried;
    else absent.push({ name, available: false, reason: tried.error.message });
  }
  speeds.sort((left, right) => right.tokensPerSecond - left.tokensPerSecond);
  const [fastest] = speeds;
  if (fastest === undefined) {
    const reasons = absent.map(({ reason }) => reason).join(' ');
    return engineFailure('provider-failed', `No execution provider could run the reference model. ${reasons}`);
  }
  const present = speeds.map(({ provider: name, deviceId, tokensPerSecond }): ProviderTrial => ({
    name,
    ...(deviceId === undefined ? {} : { deviceId }),
    available: true,
    tokensPerSecond,
  }));
  return success({ providers: [...present, ...absent], fastest });
}

/** Cards behind the first of a provider, up to the first that is not there. */
async function tryOtherCards(
  runtime: OnnxRuntime,
  cut: Cut,
  provider: string,
  signal: AbortSignal | undefined,
): Measured<DecodeSpeed[]> {
  const speeds: DecodeSpeed[] = [];
  for (let deviceId = 1; deviceId < MAX_CARDS && takesDeviceId(provider); deviceId++) {
    const tried = await tryOne(runtime, cut, { provider, deviceId }, signal);
    if (tried.ok) speeds.push(tried.value);
    else if (tried.error.code === 'cancelled') return tried;
    else break;
  }
  return success(speeds);
}

/** @returns the speed; or why the device does not run the transformer */
async function tryOne(
  runtime: OnnxRuntime,
  cut: Cut,
  device: Device,
  signal: AbortSignal | undefined,
): Measured<DecodeSpeed> {
  const form = graphFormFor(device, PRECISION);
  const shardFiles = await cut(form);
  if (!shardFiles.ok) return shardFiles;
  const { graphPath } = shardFiles.value;
  const options = { runtime, config: REFERENCE_CONFIG, range: RANGE, graphPath, form };
  const opened = await tryProvider(deviceName(device), {
    create: async () => {
      const steadyRows = await measureSteadyRows(runtime, PRECISION, device, undefined);
      return ShardSegment.open(options, device, steadyRows);
    },
    verify: (segment) => segment.verify(),
    release: (segment) => segment.release(),
  });
  if (!opened.ok) return opened;
  const shard = new ShardSession(runtime, REFERENCE_CONFIG, [opened.value]);
  try {
    const latencies = await decode(shard, signal);
    if (!latencies.ok) return latencies;
    // What is so slow will not be chosen.
    if (latencies.value.length > 1 && !isProcessor(device)) {
      const check = { precision: PRECISION, form, threads: undefined, signal } as const;
      const wrong = await explainWrongDevice(runtime, device, check);
      if (signal?.aborted === true) return cancelledFailure('The benchmark');
      if (wrong !== undefined) return engineFailure('provider-failed', wrong);
    }
    const seconds = latencies.value.reduce((sum, ms) => sum + ms, 0) / 1_000;
    return success({
      ...device,
      tokensPerSecond: latencies.value.length / seconds,
      medianTokenLatencyMs: median(latencies.value),
    });
  } finally {
    await shard.release();
  }
}

/** Latencies of single tokens in milliseconds; a single one of a device that takes too long for more. */
async function decode(shard: ShardSession, signal: AbortSignal | undefined): Measured<number[]> {
  const cache = shard.createCache();
  const latencies: number[] = [];
  const begin = performance.now();
  const single = await shard.run(cache, { kind: 'tokens', ids: [0] });
  if (!single.ok) return single;
  const singleMs = performance.now() - begin;
  if (singleMs > MAX_TOKEN_MS) return success([singleMs]);
  cache.rewind(0);
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

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
