import { createHash, type Hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { WeightIndex } from '../../protocol/compute/weight-index';
import type { WeightStore } from './weight-store';

/** SHA-256 of the canonical JSON (RFC 8785) of a document, lower-case hexadecimal. */
export function hashCanonical(document: unknown): string {
  const canonical = canonicalize(document);
  if (canonical === undefined) throw new Error('only JSON documents are hashed');
  return createHash('sha256').update(canonical, 'utf8').digest('hex');
}

interface Stretch {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** A tensor in its file, with the hash of the bytes seen so far. */
interface HashedStretch extends Stretch {
  readonly hash: Hash;
}

/** Hashes stretches of a file that is read once from start to end. They must not overlap. */
class StretchHasher {
  readonly #stretches: readonly HashedStretch[];
  #position = 0;
  #next = 0;

  constructor(stretches: readonly HashedStretch[]) {
    this.#stretches = stretches.toSorted((a, b) => a.offsetBytes - b.offsetBytes);
  }

  update(block: Uint8Array): void {
    const blockEnd = this.#position + block.length;
    for (let index = this.#next; index < this.#stretches.length; index++) {
      const stretch = this.#stretches[index];
      if (stretch === undefined || stretch.offsetBytes >= blockEnd) break;
      const end = stretch.offsetBytes + stretch.sizeBytes;
      const from = Math.max(0, stretch.offsetBytes - this.#position);
      stretch.hash.update(block.subarray(from, Math.max(from, end - this.#position)));
      if (end <= blockEnd) this.#next = index + 1;
    }
    this.#position = blockEnd;
  }
}

interface TensorHash extends Stretch {
  readonly name: string;
  readonly file: string;
  readonly hash: Hash;
}

/** Builds the index of a model's weights while its files are read for their own hashes. */
export class WeightIndexBuilder {
  readonly #tensors: readonly TensorHash[];
  readonly #headers = new Map<string, { readonly sizeBytes: number; readonly hash: Hash }>();
  readonly #sizes = new Map<string, number>();

  constructor(tensors: WeightStore['tensors']) {
    this.#tensors = [...tensors].map(([name, tensor]) => ({
      name,
      file: tensor.file,
      offsetBytes: tensor.offsetBytes,
      sizeBytes: tensor.sizeBytes,
      hash: createHash('sha256'),
    }));
    for (const { file, offsetBytes } of this.#tensors) {
      const known = this.#headers.get(file)?.sizeBytes ?? Number.MAX_SAFE_INTEGER;
      if (offsetBytes < known) this.#headers.set(file, { sizeBytes: offsetBytes, hash: createHash('sha256') });
    }
  }

  /** Takes a file's bytes in order; null for a file that holds no weights. */
  read(file: string): ((block: Uint8Array) => void) | null {
    const header = this.#headers.get(file);
    if (header === undefined) return null;
    const start = { offsetBytes: 0, ...header };
    const hasher = new StretchHasher([start, ...this.#tensors.filter((tensor) => tensor.file === file)]);
    return (block) => {
      hasher.update(block);
      this.#sizes.set(file, (this.#sizes.get(file) ?? 0) + block.length);
    };
  }

  /** The index, once every file was read: files by name, tensors by name, so that equal weights give equal indexes. */
  finish(): WeightIndex {
    const names = [...this.#headers.keys()].sort();
    const files = names.map((path) => {
      const header = this.#headers.get(path);
      if (header === undefined) throw new Error('every listed file has a header');
      return {
        path,
        size_bytes: this.#sizes.get(path) ?? 0,
        header_bytes: header.sizeBytes,
        header_sha256: header.hash.digest('hex'),
      };
    });
    const tensors = this.#tensors
      .map(({ name, file, offsetBytes, sizeBytes, hash }) => ({
        name,
        file: names.indexOf(file),
        offset_bytes: offsetBytes,
        size_bytes: sizeBytes,
        sha256: hash.digest('hex'),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return { files, tensors };
  }
}
