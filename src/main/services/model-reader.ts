import type { StartEngine } from '../../node';
import { success, type Result } from '../../protocol/result';

/** Reads and checks a model folder in an engine of its own, which ends afterwards. */
export async function readModelFolder(
  startEngine: StartEngine,
  folder: string,
): Promise<Result<{ readonly friendlyName: string; readonly totalLayers: number }>> {
  const started = await startEngine();
  if (!started.ok) return started;
  const { engine } = started.value;
  try {
    const model = await engine.readModel(folder);
    if (!model.ok) return model;
    const { friendly_name: friendlyName, total_layers: totalLayers } = model.value.manifest;
    return success({ friendlyName, totalLayers });
  } finally {
    await engine.close();
  }
}
