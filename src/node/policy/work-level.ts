import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import type { NodePreferences } from '../contributor-options';
import { passShare } from '../jobs/pacer';
import type { ShardWish } from '../shard/shard-planner';
import type { RunLevel } from './run-policy';

/** Providers of the devices that may work, fastest first as they were measured here; the processor's is `cpu`. */
function allowedProviders(hardware: HardwareReport | null, level: RunLevel): readonly string[] {
  const mayUseGraphics = level.devices.some((device) => device.startsWith('gpu'));
  const mayUseCpu = level.devices.includes('cpu');
  return (hardware?.providers ?? [])
    .filter(({ name, available }) => available && (name === 'cpu' ? mayUseCpu : mayUseGraphics))
    .map(({ name }) => name);
}

/** What shall be in memory at a level of work. */
export function shardWish(preferences: NodePreferences, level: RunLevel, hardware: HardwareReport | null): ShardWish {
  const { modelFolder, modelId, hub, layerChoice, precision = null, provider = null } = preferences;
  const allowed = allowedProviders(hardware, level);
  const providers = provider === null ? allowed : [provider];
  const [first = 'cpu'] = providers;
  return {
    modelFolder,
    modelId,
    ...(hub === undefined ? {} : { hub }),
    layerChoice,
    precision,
    cpuThreads: level.cpuThreads,
    memoryBudgetBytes: first === 'cpu' ? level.memoryBudgetBytes : (level.vramBudgetBytes ?? level.memoryBudgetBytes),
    providers: providers.length === 0 ? null : providers,
    mayUseCpu: provider === null ? level.devices.includes('cpu') : provider === 'cpu',
  };
}

/** Share of its time a pass may take on the device that runs the shard. */
export function passShareOf(level: RunLevel, provider: string, cpuCores: number): number {
  return provider === 'cpu' ? passShare(level.cpuShare, level.cpuThreads, cpuCores) : level.gpuShare;
}
