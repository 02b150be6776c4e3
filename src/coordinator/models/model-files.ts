import { join } from 'node:path';
import type { ModelFolder } from '../../inference/models/model-folder';
import { MANIFEST_FILE, WEIGHT_INDEX_FILE } from '../../protocol/compute/weight-index';

/** A file nodes may read: a document of our own, or bytes on the disk. */
export type OfferedFile =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string; readonly sizeBytes: number };

/** The files of one model the operator named, offered to nodes that fetch their layers: those its manifest lists, no others. */
export class ModelFiles {
  readonly #files = new Map<string, OfferedFile>();

  constructor({ folder, manifest, weightIndex }: Pick<ModelFolder, 'folder' | 'manifest' | 'weightIndex'>) {
    for (const file of manifest.files) {
      this.#files.set(file.path, { kind: 'file', path: join(folder, file.path), sizeBytes: file.size_bytes });
    }
    this.#files.set(MANIFEST_FILE, { kind: 'text', text: JSON.stringify(manifest) });
    if (weightIndex !== null) {
      this.#files.set(WEIGHT_INDEX_FILE, { kind: 'text', text: JSON.stringify(weightIndex) });
    }
  }

  find(path: string): OfferedFile | undefined {
    return this.#files.get(path);
  }
}
