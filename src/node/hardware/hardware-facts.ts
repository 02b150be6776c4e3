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
  /** `os`: the system's own id of this installation, empty where it has none. */
  uuid(): Promise<{ os: string }>;
  /** `vram` in MiB. */
  graphics(): Promise<{ controllers: readonly { vendor: string; model: string; vram: number | null }[] }>;
}

/** What the machine is. Free memory apart, these facts change only with the hardware. */
export interface HardwareFacts {
  readonly cpuModel: string;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly gpus: readonly { readonly vendor: string; readonly model: string; readonly memoryBytes: number | null }[];
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
          vendor: controller.vendor.trim().slice(0, MAX_MODEL_LENGTH),
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

/** What changes only with the hardware, whole GiB because firmware and integrated graphics take varying shares. */
function stableFacts(facts: HardwareFacts) {
  return {
    cpu: facts.cpuModel,
    cores: facts.cpuCores,
    memoryGib: Math.round(facts.memoryBytes / (1_024 * BYTES_PER_MIB)),
    gpus: facts.gpus.map((gpu) => gpu.model).sort(),
    platform: platform(),
    arch: arch(),
  };
}

const sha256Hex = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** SHA-256 over facts that change only with the hardware, salted with the node's own public key. */
export function hardwareFingerprint(facts: HardwareFacts, publicKey: string): string {
  return sha256Hex({ salt: publicKey, ...stableFacts(facts) });
}

/** The system's id of this installation; null where there is none. It never leaves this computer as it is. */
export async function readMachineId(reader: HardwareReader, logger: NodeLogger): Promise<string | null> {
  try {
    const { os } = await reader.uuid();
    return os.trim() === '' ? null : os.trim();
  } catch (thrown) {
    logger.warn('The id of this installation could not be read', { reason: reasonOf(thrown) });
    return null;
  }
}

/**
 * Tells one coordinator which of its keys are on one machine, without naming the machine: salted with the coordinator's host,
 * so that two coordinators cannot tell that they know the same one. Without an id of the installation nothing tells two
 * computers of one model apart, and the key is the salt.
 */
export function machineFingerprint(
  facts: HardwareFacts,
  machine: { readonly id: string | null; readonly publicKey: string; readonly coordinatorHost: string },
): string {
  const { id, publicKey, coordinatorHost } = machine;
  if (id === null) return hardwareFingerprint(facts, publicKey);
  return sha256Hex({ coordinator: coordinatorHost, machine: id, ...stableFacts(facts) });
}
