import { createHash } from 'node:crypto';
import { arch, platform } from 'node:os';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';

/** The part of `systeminformation` this room needs; its module is one of these. */
export interface HardwareReader {
  cpu(): Promise<{ manufacturer: string; brand: string; cores: number; physicalCores: number }>;
  /** Bytes. */
  mem(): Promise<{ total: number; available: number }>;
  /** `vram` in MiB. */
  graphics(): Promise<{ controllers: readonly { vendor: string; model: string; vram: number | null }[] }>;
}

/** What the machine is. Free memory apart, these facts change only with the hardware. */
export interface HardwareFacts {
  readonly cpuModel: string;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly gpus: readonly { readonly model: string; readonly memoryBytes: number | null }[];
}

const BYTES_PER_MIB = 1_048_576;
/** Some graphics drivers hang when asked; the node then goes on without naming a GPU. */
const GRAPHICS_TIMEOUT_MS = 20_000;
/** Length the wire's hardware profile allows for a model name. */
const MAX_MODEL_LENGTH = 200;

function withTimeout<Value>(work: Promise<Value>, timeoutMs: number, what: string): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs / 1_000} s`)), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Bytes that programs could take now without swapping. */
export async function readFreeMemoryBytes(reader: HardwareReader): Promise<Result<number, NodeErrorCode>> {
  try {
    return success((await reader.mem()).available);
  } catch (thrown) {
    return nodeFailure('hardware-unreadable', `The free memory could not be read: ${reasonOf(thrown)}.`, {
      retryable: true,
    });
  }
}

/** Reads the machine. A GPU that cannot be read is left out with a log line; processor and memory must be readable. */
export async function readHardwareFacts(
  reader: HardwareReader,
  logger: NodeLogger,
): Promise<Result<HardwareFacts, NodeErrorCode>> {
  try {
    const [cpu, memory] = await Promise.all([reader.cpu(), reader.mem()]);
    const controllers = await withTimeout(reader.graphics(), GRAPHICS_TIMEOUT_MS, 'reading the graphics cards')
      .then((graphics) => graphics.controllers)
      .catch((thrown: unknown) => {
        logger.warn('The graphics cards could not be read; none is reported', { reason: reasonOf(thrown) });
        return [];
      });
    return success({
      cpuModel: `${cpu.manufacturer} ${cpu.brand}`.trim().slice(0, MAX_MODEL_LENGTH) || 'unknown processor',
      cpuCores: Math.max(1, Math.trunc(cpu.cores)),
      memoryBytes: memory.total,
      freeMemoryBytes: memory.available,
      gpus: controllers
        .filter((controller) => controller.model.trim() !== '')
        .map((controller) => ({
          model: controller.model.trim().slice(0, MAX_MODEL_LENGTH),
          memoryBytes: controller.vram === null || controller.vram <= 0 ? null : controller.vram * BYTES_PER_MIB,
        })),
    });
  } catch (thrown) {
    return nodeFailure('hardware-unreadable', `The hardware could not be read: ${reasonOf(thrown)}.`, {
      retryable: true,
    });
  }
}

/**
 * Tells machines apart without naming one: SHA-256 over facts that change only with the hardware, salted with the node's
 * own public key, so that the same machine cannot be recognised under another key and no list of machines can be built.
 */
export function hardwareFingerprint(facts: HardwareFacts, publicKey: string): string {
  const stable = {
    salt: publicKey,
    cpu: facts.cpuModel,
    cores: facts.cpuCores,
    // Firmware and integrated graphics take varying shares; whole GiB are stable.
    memoryGib: Math.round(facts.memoryBytes / (1_024 * BYTES_PER_MIB)),
    gpus: facts.gpus.map((gpu) => gpu.model).sort(),
    platform: platform(),
    arch: arch(),
  };
  return createHash('sha256').update(JSON.stringify(stable)).digest('hex');
}
