import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LoadedModel } from '../../inference';
import { openByteFile, type ByteFile } from '../../inference/models/byte-file';
import { fingerprintFiles, hashCachePath, recallHashes } from '../../inference/models/hash-cache';
import { hashCanonical } from '../../inference/models/weight-index';
import { MANIFEST_FILE, WEIGHT_INDEX_FILE } from '../../protocol/compute/weight-index';

/** The files of the model a node serves, as far as it holds them, for other nodes to read. */
export class SharedModel {
  /**
   * @param model - read from a folder or fetched into one
   * @param cacheFolder - where the hashes of its files are kept
   */
  constructor(
    private readonly model: LoadedModel,
    private readonly cacheFolder: string,
  ) {}

  get manifestHash(): string {
    return this.model.manifestHash;
  }

  /**
   * Opens a file of the manifest, or one of its two descriptions; null for others and for what is not here. A partial copy
   * gives only the stretches it holds.
   */
  async open(path: string): Promise<ByteFile | null> {
    const { manifest } = this.model;
    if (path === MANIFEST_FILE) return textFile(JSON.stringify(manifest));
    if (path === WEIGHT_INDEX_FILE) {
      const index = await this.readIndex();
      return index === null ? null : textFile(index);
    }
    if (!manifest.files.some((file) => file.path === path)) return null;
    try {
      return await openByteFile(join(this.folder, path));
    } catch {
      // Gone since it was read, or never fetched.
      return null;
    }
  }

  private get folder(): string {
    const { folder } = this.model;
    return folder.endsWith('.gguf') ? dirname(folder) : folder;
  }

  /** The index a fetch brought, or the one that was found out when the folder was read. */
  private async readIndex(): Promise<string | null> {
    const { manifest, folder } = this.model;
    const fetched = await readFile(join(this.folder, WEIGHT_INDEX_FILE), 'utf8').catch(() => null);
    if (fetched !== null) return fetched;
    const names = manifest.files.map((file) => file.path);
    const files = await fingerprintFiles(this.folder, names).catch(() => null);
    const kept = files === null ? null : await recallHashes(hashCachePath(this.cacheFolder, folder), files);
    if (kept === null || hashCanonical(kept.weight_index) !== manifest.weights_sha256) return null;
    return JSON.stringify(kept.weight_index);
  }
}

function textFile(text: string): ByteFile {
  const bytes = Buffer.from(text);
  return {
    sizeBytes: bytes.length,
    availableFromStart: bytes.length,
    read: async (target, position) => {
      if (position + target.length > bytes.length) throw new Error('the text ends before');
      target.set(bytes.subarray(position, position + target.length));
    },
    close: async () => undefined,
  };
}
