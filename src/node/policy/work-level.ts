import type { HardwareReport } from '../../protocol/compute/node-snapshot';
import type { NodePreferences } from '../contributor-options';
import { passShare } from '../jobs/pacer';
import type { ShardWish } from '../shard/shard-service';
import type { RunLevel } from './run-policy';

/** Providers that run on a graphics processor and were seen working, best first as the engine reports them. */
function graphicsProviders(hardware: HardwareReport | null): readonly string[] {
  return (hardware?.providers ?? [])
    .filter(({ name, available }) => available && name !== 'cpu')
    .map(({ name }) => name);
}

/** What shall be in memory at a level of work. */
export function shardWish(preferences: NodePreferences, level: RunLevel, hardware: HardwareReport | null): ShardWish {
  const { modelFolder, modelId, hub, layerChoice } = preferences;
  const mayUseCpu = level.devices.includes('cpu');
  const providers = level.devices.some((device) => device.startsWith('gpu')) ? graphicsProviders(hardware) : [];
  const onGraphics = providers.length > 0;
  return {
    modelFolder,
    modelId,
    ...(hub === undefined ? {} : { hub }),
    layerChoice,
    cpuThreads: level.cpuThreads,
    memoryBudgetBytes: onGraphics ? (level.vramBudgetBytes ?? level.memoryBudgetBytes) : level.memoryBudgetBytes,
    providers: onGraphics ? providers : null,
    mayUseCpu,
  };
}

/** Share of its time a pass may take on the device that runs the shard. */
export function passShareOf(level: RunLevel, provider: string, cpuCores: number): number {
  return provider === 'cpu' ? passShare(level.cpuShare, level.cpuThreads, cpuCores) : level.gpuShare;
}
