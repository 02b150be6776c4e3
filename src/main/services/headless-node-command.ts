import { join } from 'node:path';
import type { ContributionSettings } from '../../contract/settings';

export interface HeadlessNodePlaces {
  readonly packaged: boolean;
  /** Folder of the built entries of main. */
  readonly entryFolder: string;
  readonly contribution: Pick<ContributionSettings, 'modelFolder' | 'modelId'>;
  readonly shippedModel: string;
}

/** `tore-node` with the model this computer serves; on another computer a model's folder is elsewhere. */
export function headlessNodeCommand({ packaged, entryFolder, contribution, shippedModel }: HeadlessNodePlaces): string {
  const quoted = (path: string): string => (/[^\w./\\:@-]/.test(path) ? `"${path}"` : path);
  const program = packaged ? 'tore-node' : `node ${quoted(join(entryFolder, 'tore-node.js'))}`;
  const { modelFolder, modelId } = contribution;
  return modelId === null
    ? `${program} --model-folder ${quoted(modelFolder ?? shippedModel)}`
    : `${program} --model ${quoted(modelId)}`;
}
