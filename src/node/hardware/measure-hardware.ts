import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { deviceName, MAX_DEVICE_ID, type Engine } from '../../inference';
import type { HardwareProfile } from '../../protocol/compute/http/nodes';
import type { HardwareReport, ProviderReport } from '../../protocol/compute/node-snapshot';
import { success, type Result } from '../../protocol/result';
import { readPrivateFile, writePrivateFile } from '../atomic-file';
import { timeText, type Clock } from '../clock';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import { hardwareFingerprint, machineFingerprint, type HardwareFacts } from './hardware-facts';

const Finite = Type.Number({ minimum: 0, maximum: 1e12 });
const Score = Type.Number({ minimum: 0, maximum: 1 });

/** What the engine measured, as kept on disk until the hardware or the program changes. */
const StoredMeasurement = Type.Object({
  fingerprint: Type.String(),
  appVersion: Type.String(),
  measuredAt: Type.String(),
  providers: Type.Array(
    Type.Object({
      name: Type.String(),
      deviceId: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_DEVICE_ID })),
      available: Type.Boolean(),
      reason: Type.Union([Type.String(), Type.Null()]),
      tokensPerSecond: Type.Union([Finite, Type.Null()]),
    }),
    { maxItems: 32 },
  ),
  matmulGflops: Finite,
  memoryGigabytesPerSecond: Finite,
  decodeTokensPerSecond: Finite,
  matmulScore: Score,
  memoryScore: Score,
  latencyScore: Score,
});
type StoredMeasurement = Static<typeof StoredMeasurement>;
const storedMeasurement = Compile(StoredMeasurement);

const CACHE_FILE = 'hardware.json';
const MAX_CACHE_BYTES = 65_536;
const BYTES_PER_GIB = 1_073_741_824;

export interface MeasureOptions {
  readonly facts: HardwareFacts;
  /** The system's id of this installation; null where there is none. */
  readonly machineId: string | null;
  readonly publicKey: string;
  readonly appVersion: string;
  readonly dataFolder: string;
  /** Measure even if the cache holds figures of this machine. */
  readonly again: boolean;
  /** Called only when something has to be measured. */
  readonly engine: () => Promise<Result<Engine>>;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  readonly onProgress?: ((fraction: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MeasuredHardware {
  readonly report: HardwareReport;
  /** What a coordinator at this host is told of the hardware. */
  profileFor(coordinatorHost: string): HardwareProfile;
}

async function readCache(options: MeasureOptions, fingerprint: string): Promise<StoredMeasurement | null> {
  const stored = await readPrivateFile(join(options.dataFolder, CACHE_FILE), MAX_CACHE_BYTES);
  if (!stored.ok) {
    options.logger.warn('Stored hardware figures are not used', { reason: stored.error.message });
    return null;
  }
  if (stored.value === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(stored.value).toString('utf8'));
  } catch {
    options.logger.warn('Stored hardware figures are damaged; the hardware is measured again');
    return null;
  }
  if (!storedMeasurement.Check(parsed)) return null;
  return parsed.fingerprint === fingerprint && parsed.appVersion === options.appVersion ? parsed : null;
}

async function measure(
  options: MeasureOptions,
  fingerprint: string,
): Promise<Result<StoredMeasurement, NodeErrorCode>> {
  const engine = await options.engine();
  if (!engine.ok) return nodeFailure('engine-start-failed', engine.error.message, { retryable: true });
  const benchmark = await engine.value.benchmark({
    onProgress: (fraction) => options.onProgress?.(fraction),
    signal: options.signal,
  });
  if (!benchmark.ok) {
    return nodeFailure('benchmark-failed', `The benchmark did not finish: ${benchmark.error.message}`, {
      retryable: benchmark.error.retryable,
    });
  }
  const figures = benchmark.value;
  return success({
    fingerprint,
    appVersion: options.appVersion,
    measuredAt: timeText(options.clock.now()),
    providers: figures.providers.map(({ name, deviceId, available, reason, tokensPerSecond }) => ({
      name,
      ...(deviceId === undefined ? {} : { deviceId }),
      available,
      reason: reason ?? null,
      tokensPerSecond: tokensPerSecond ?? null,
    })),
    matmulGflops: figures.matmulGflopsPerSecond,
    memoryGigabytesPerSecond: figures.memoryGigabytesPerSecond,
    decodeTokensPerSecond: figures.tokensPerSecond,
    matmulScore: figures.matmul_score,
    memoryScore: figures.memory_score,
    latencyScore: figures.latency_score,
  });
}

function profileOf(facts: HardwareFacts, measurement: StoredMeasurement, fingerprint: string): HardwareProfile {
  const [gpu] = [...facts.gpus].sort((left, right) => (right.memoryBytes ?? 0) - (left.memoryBytes ?? 0));
  return {
    gpu_model: gpu?.model ?? null,
    gpu_memory_gb: gpu?.memoryBytes === null || gpu === undefined ? null : gpu.memoryBytes / BYTES_PER_GIB,
    cpu_model: facts.cpuModel,
    cpu_cores: facts.cpuCores,
    ram_gb: Math.round((facts.memoryBytes / BYTES_PER_GIB) * 100) / 100,
    matmul_score: measurement.matmulScore,
    memory_score: measurement.memoryScore,
    latency_score: measurement.latencyScore,
    fingerprint,
  };
}

/**
 * The machine's figures, from disk when the same hardware and program version measured them before, else measured now
 * by running real graphs in the engine.
 */
export async function measureHardware(options: MeasureOptions): Promise<Result<MeasuredHardware, NodeErrorCode>> {
  const { facts, machineId, publicKey } = options;
  const fingerprint = hardwareFingerprint(facts, publicKey);
  let measurement = options.again ? null : await readCache(options, fingerprint);
  if (measurement === null) {
    const measured = await measure(options, fingerprint);
    if (!measured.ok) return measured;
    measurement = measured.value;
    const saved = await writePrivateFile(
      join(options.dataFolder, CACHE_FILE),
      Buffer.from(JSON.stringify(measurement, null, 2)),
    );
    if (!saved.ok) options.logger.warn('Hardware figures were not kept', { reason: saved.error.message });
  }
  const figures = measurement;
  const providers: readonly ProviderReport[] = figures.providers;
  const told = providers.map(
    ({ name, deviceId, tokensPerSecond, reason }) =>
      `${deviceName({ provider: name, deviceId })}: ${tokensPerSecond === null ? reason : `${tokensPerSecond.toFixed(1)} tokens/s`}`,
  );
  options.logger.info('Execution providers, fastest first', { providers: told.join('; ') });
  return success({
    profileFor: (coordinatorHost) =>
      profileOf(facts, figures, machineFingerprint(facts, { id: machineId, publicKey, coordinatorHost })),
    report: {
      ...facts,
      providers,
      matmulGflops: measurement.matmulGflops,
      memoryGigabytesPerSecond: measurement.memoryGigabytesPerSecond,
      decodeTokensPerSecond: measurement.decodeTokensPerSecond,
      matmulScore: measurement.matmulScore,
      memoryScore: measurement.memoryScore,
      latencyScore: measurement.latencyScore,
      measuredAt: measurement.measuredAt,
    },
  });
}
