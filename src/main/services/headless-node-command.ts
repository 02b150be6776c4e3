import { join } from 'node:path';
import type { ContributionSettings } from '../../contract/settings';

export interface HeadlessNodePlaces {
  /** Folder of the built entries of main. */
  readonly entryFolder: string;
  readonly contribution: Pick<ContributionSettings, 'modelFolder' | 'modelId'>;
  readonly shippedModel: string;
}

/**
 * `tore-node` with the model this computer serves, for the Node.js of the computer, which cannot look into the archive of
 * a packed app: the program lies beside it. On another computer a model's folder is elsewhere.
 */
export function headlessNodeCommand({ entryFolder, contribution, shippedModel }: HeadlessNodePlaces): string {
  const quoted = (path: string): string => (/[^\w./\\:@-]/.test(path) ? `"${path}"` : path);
  const programs = entryFolder.replace(/\bapp\.asar(?=[\\/])/, 'app.asar.unpacked');
  const program = `node ${quoted(join(programs, 'tore-node.js'))}`;
  const { modelFolder, modelId } = contribution;
  return modelId === null
    ? `${program} --model-folder ${quoted(modelFolder ?? shippedModel)}`
    : `${program} --model ${quoted(modelId)}`;
}
