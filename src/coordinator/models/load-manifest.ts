import { readModelFolder } from '../../inference/models/model-folder';
import { success } from '../../protocol/result';
import { refuse } from '../errors';
import { ModelFiles } from './model-files';
import type { ManifestLoader } from './model-catalogue';

/** Reads a folder as the inference room does, so that nodes which import the same files get the same hash. */
export const loadManifestFromFolder: ManifestLoader = async (folder) => {
  const model = await readModelFolder(folder);
  if (!model.ok) return refuse('model-invalid', model.error.message);
  const { manifest, manifestHash, config } = model.value;
  const { endTokenIds } = config;
  return success({ manifest, manifestHash, endTokenIds, files: new ModelFiles(model.value) });
};
