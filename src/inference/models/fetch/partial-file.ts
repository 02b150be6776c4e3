import { createHash } from 'node:crypto';
import { open, readFile, rename, writeFile, type FileHandle } from 'node:fs/promises';
import { Value } from 'typebox/value';
import { extentsPath, ExtentList, partPath, type Extent } from '../byte-file';
import { fileExists } from '../file-reading';

/** A stretch that is being fetched: where it belongs, and the hash it must have. */
export interface WantedStretch {
  readonly offset: number;
  readonly length: number;
  readonly sha256: string;
}

const SCAN_BLOCK_BYTES = 4 << 20;

/** Writes the stretches of one file that are fetched, and knows which it holds. The list names verified stretches only. */
export class PartialFileWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  #extents: readonly Extent[];

  private constructor(path: string, handle: FileHandle, sizeBytes: number, extents: readonly Extent[]) {
    this.#path = path;
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
    this.#extents = extents;
  }

  /** @throws what node:fs throws */
  static async open(path: string, sizeBytes: number): Promise<PartialFileWriter> {
    const extents = await readExtents(path, sizeBytes);
    const exists = await fileExists(partPath(path));
    const handle = await open(partPath(path), exists ? 'r+' : 'w+');
    return new PartialFileWriter(path, handle, sizeBytes, exists ? extents : []);
  }

  holds({ offset, length }: WantedStretch): boolean {
    return this.#extents.some((extent) => extent.offset === offset && extent.length === length);
  }

  /** Where the next stretch begins in the copy. */
  get #end(): number {
    return this.#extents.reduce((end, { at, length }) => Math.max(end, at + length), 0);
  }

  /**
   * Fetches one stretch behind what is there, continuing where an earlier try was cut off.
   *
   * @param fetch - writes the bytes from `done` on, in order, through `write`
   * @returns whether the bytes have the hash; those of a wrong one are forgotten
   */
  async add(
    wanted: WantedStretch,
    fetch: (done: number, write: (block: Uint8Array) => Promise<void>) => Promise<boolean>,
  ): Promise<'added' | 'wrong-hash' | 'incomplete'> {
    const at = this.#end;
    const { size } = await this.#handle.stat();
    let done = Math.min(wanted.length, Math.max(0, size - at));
    const hash = createHash('sha256');
    await this.#scan(at, done, (block) => hash.update(block));
    const complete = await fetch(done, async (block) => {
      await this.#handle.write(block, 0, block.length, at + done);
      hash.update(block);
      done += block.length;
    });
    if (!complete || done !== wanted.length) return 'incomplete';
    if (hash.digest('hex') !== wanted.sha256) {
      await this.#handle.truncate(at);
      return 'wrong-hash';
    }
    await this.#handle.sync();
    await this.#note([...this.#extents, { offset: wanted.offset, length: wanted.length, at }]);
    return 'added';
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #scan(at: number, length: number, take: (block: Uint8Array) => void): Promise<void> {
    for (let done = 0; done < length;) {
      const block = new Uint8Array(Math.min(SCAN_BLOCK_BYTES, length - done));
      const { bytesRead } = await this.#handle.read(block, 0, block.length, at + done);
      if (bytesRead === 0) throw new Error('the partial copy changed while it was read');
      take(block.subarray(0, bytesRead));
      done += bytesRead;
    }
  }

  /** The list is replaced whole: after a crash it is the old or the new one. */
  async #note(extents: readonly Extent[]): Promise<void> {
    const list: ExtentList = { size_bytes: this.#sizeBytes, extents: [...extents] };
    const temporary = `${extentsPath(this.#path)}.new`;
    await writeFile(temporary, JSON.stringify(list), { flush: true });
    await rename(temporary, extentsPath(this.#path));
    this.#extents = extents;
  }
}

/** What an earlier fetch brought; nothing where its list is damaged or of another file. */
async function readExtents(path: string, sizeBytes: number): Promise<readonly Extent[]> {
  if (!(await fileExists(extentsPath(path)))) return [];
  try {
    const list: unknown = JSON.parse(await readFile(extentsPath(path), 'utf8'));
    return Value.Check(ExtentList, list) && list.size_bytes === sizeBytes ? list.extents : [];
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return [];
    throw thrown;
  }
}
