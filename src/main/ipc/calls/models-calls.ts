import { success, type Result } from '../../../protocol/result';
import type { CallRegistry } from '../call-registry';

export interface ModelsCallDependencies {
  /** Opens the system's dialog; null when it was closed without a choice. */
  readonly pickFolder: () => Promise<string | null>;
  /** Reads and checks a model folder. */
  readonly readModel: (
    folder: string,
  ) => Promise<Result<{ readonly friendlyName: string; readonly totalLayers: number }>>;
}

export function registerModelsCalls(calls: CallRegistry, { pickFolder, readModel }: ModelsCallDependencies): void {
  calls.registerCall('models:choose-folder', async () => {
    const folder = await pickFolder();
    if (folder === null) return success(null);
    const model = await readModel(folder);
    return model.ok ? success({ folder, ...model.value }) : model;
  });
}
