import { join } from 'node:path';

export interface HeadlessNodePlaces {
  readonly packaged: boolean;
  /** Folder of the built entries of main. */
  readonly entryFolder: string;
  readonly modelFolder: string;
}

/** `tore-node` with the model this computer serves; on another computer its folder is elsewhere. */
export function headlessNodeCommand({ packaged, entryFolder, modelFolder }: HeadlessNodePlaces): string {
  const quoted = (path: string): string => (/[^\w./\\:@-]/.test(path) ? `"${path}"` : path);
  const program = packaged ? 'tore-node' : `node ${quoted(join(entryFolder, 'tore-node.js'))}`;
  return `${program} --model-folder ${quoted(modelFolder)}`;
}
