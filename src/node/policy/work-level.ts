import { isProcessor } from '../../inference';
import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import type { NodePreferences } from '../contributor-options';
import { passShare } from '../jobs/pacer';
import { readHubName } from '../shard/hub-model';
import type { ShardWish } from '../shard/shard-planner';
import type { RunLevel } from './run-policy';
import { workDevices } from './work-devices';

/** Providers of the devices that may work, fastest first as they were measured here; the processor's is `cpu`. */
function allowedProviders(hardware: HardwareReport | null, level: RunLevel): readonly string[] {
  const mayUseGraphics = level.devices.some((device) => device.startsWith('gpu'));
  const mayUseCpu = level.devices.includes('cpu');
  const allowed = (hardware?.providers ?? [])
    .filter(({ name, available }) => available && (name === 'cpu' ? mayUseCpu : mayUseGraphics))
    .map(({ name }) => name);
  return [...new Set(allowed)];
}

/** What shall be in memory at a level of work. */
export function shardWish(preferences: NodePreferences, level: RunLevel, hardware: HardwareReport | null): ShardWish {
  const { coordinatorUrl, modelFolder, modelId, hub, layerChoice } = preferences;
  const { precision = null, provider = null, devices = null } = preferences;
  const allowed = allowedProviders(hardware, level);
  const providers = provider === null ? allowed : [provider];
  const [first = 'cpu'] = providers;
  const found = provider === null ? workDevices(hardware, level) : null;
  const together = devices === null ? found : { devices, reasons: [] };
  const mayUseNamedCpu = devices?.some(isProcessor) ?? provider === 'cpu';
  const limitBytes =
    first === 'cpu' || together !== null ? level.memoryBudgetBytes : (level.vramBudgetBytes ?? level.memoryBudgetBytes);
  const isNamedHere = modelFolder !== null || (modelId !== null && readHubName(modelId) !== null);
  const isDecidedHere = isNamedHere && layerChoice.kind === 'range' && precision !== null;
  return {
    coordinatorUrl: isDecidedHere ? null : coordinatorUrl,
    modelFolder,
    modelId,
    ...(hub === undefined ? {} : { hub }),
    layerChoice,
    precision,
    cpuThreads: level.cpuThreads,
    memoryBudgetBytes: limitBytes,
    ...(together === null ? {} : { devices: together.devices, deviceReasons: together.reasons }),
    providers: providers.length === 0 ? null : providers,
    mayUseCpu: provider === null && devices === null ? level.devices.includes('cpu') : mayUseNamedCpu,
  };
}

/**
 * Share of its time a pass may take on the device that runs the shard; of several devices that of the one that may work least.
 *
 * @param provider - as a shard names it: `cpu`, `cuda`, or of several `cuda+cpu`
 */
export function passShareOf(level: RunLevel, provider: string, cpuCores: number): number {
  const shares = provider
    .split('+')
    .map((name) => (name === 'cpu' ? passShare(level.cpuShare, level.cpuThreads, cpuCores) : level.gpuShare));
  return Math.min(...shares);
}
