import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { Value } from 'typebox/value';
import { ModelManifest } from '../../../protocol/compute/model';
import { MANIFEST_FILE } from '../../../protocol/compute/weight-index';
import { readJsonDocument } from '../../storage/json-document';

/** A manifest lists every file with its hash; the largest models have a few hundred. */
const MAX_MANIFEST_BYTES = 5_000_000;
/** Folders deeper than this are none of the engine's. */
const MAX_DEPTH = 6;
const HASH = /^[0-9a-f]{64}$/;

/** Where models of hubs lie in the node's folder, each in a folder of its own. */
export const HUB_MODELS_FOLDER = 'hub-models';

/** Bytes of every model of a hub, also of one whose fetching was cut off, by its path. */
export async function hubModelBytes(nodeFolder: string): Promise<ReadonlyMap<string, number>> {
  const folder = join(nodeFolder, HUB_MODELS_FOLDER);
  const names = await readdir(folder).catch(() => []);
  const sizes = names.map(async (name): Promise<[string, number]> => {
    const path = join(folder, name);
    return [path, await folderBytes(path)];
  });
  return new Map(await Promise.all(sizes));
}

/** Removes a model of a hub; a folder that lies elsewhere is somebody's own and stays. @returns whether it was one */
export async function removeHubModel(nodeFolder: string, path: string): Promise<boolean> {
  const way = relative(join(nodeFolder, HUB_MODELS_FOLDER), path);
  if (way === '' || way.startsWith('..') || isAbsolute(way)) return false;
  await rm(path, { recursive: true, force: true });
  return true;
}

/** Layers of a model that were fetched to this computer, whoever asked for them. */
export interface FetchedModel {
  readonly manifestHash: string;
  /** Null where fetching was cut off before the manifest was written. */
  readonly manifest: ModelManifest | null;
  readonly diskBytes: number;
}

/** Bytes of all files below a folder; 0 where there is none. What disappears meanwhile does not count. */
export async function folderBytes(folder: string, depth = 0): Promise<number> {
  if (depth > MAX_DEPTH) return 0;
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await folderBytes(path, depth + 1);
    else if (entry.isFile()) bytes += await sizeOf(path);
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    // Removed between listing and looking.
    return 0;
  }
}

/** Every model of which something was fetched. */
export async function listFetchedModels(folder: string): Promise<readonly FetchedModel[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => HASH.test(name));
  return Promise.all(
    names.map(async (manifestHash) => {
      const reading = await readJsonDocument(join(folder, manifestHash, MANIFEST_FILE), MAX_MANIFEST_BYTES);
      const manifest = reading.kind === 'read' && Value.Check(ModelManifest, reading.value) ? reading.value : null;
      return { manifestHash, manifest, diskBytes: await folderBytes(join(folder, manifestHash)) };
    }),
  );
}

/** Removes what was fetched of a model. */
export async function removeFetchedModel(folder: string, manifestHash: string): Promise<void> {
  if (!HASH.test(manifestHash)) throw new Error('not a hash of a manifest');
  await rm(join(folder, manifestHash), { recursive: true, force: true });
}

/** Bytes this user may still write on the disk of a folder, or null where the system does not say. */
export async function freeDiskBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    // Not made yet, or a file system that keeps no count.
    return null;
  }
}
