import { open, readFile, type FileHandle } from 'node:fs/promises';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { fileExists, readFully } from './file-reading';

/** A stretch of a file that a partial copy holds. */
const Extent = Type.Object({
  /** In the whole file. */
  offset: Type.Integer({ minimum: 0 }),
  length: Type.Integer({ minimum: 0 }),
  /** In the copy. */
  at: Type.Integer({ minimum: 0 }),
});
export type Extent = Static<typeof Extent>;

/** What a partial copy of a file holds: stretches of it, one after the other, in `<name>.part`. */
export const ExtentList = Type.Object({
  /** Of the whole file. */
  size_bytes: Type.Integer({ minimum: 0 }),
  extents: Type.Array(Extent, { maxItems: 100_000 }),
});
export type ExtentList = Static<typeof ExtentList>;

/** Name of the bytes of a partial copy. */
export const partPath = (path: string): string => `${path}.part`;
/** Name of the list of what they are. */
export const extentsPath = (path: string): string => `${path}.extents.json`;

/** A file that is read at places: all of it, or the part that was fetched. */
export interface ByteFile {
  /** Of the whole file, whatever part of it is here. */
  readonly sizeBytes: number;
  /** How many bytes from the start on are here. */
  readonly availableFromStart: number;
  /** Fills `target` from a place of the file. @throws where the file ends before, or the bytes were not fetched. */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a file or, where there is none, the partial copy of it.
 * @throws what node:fs throws
 */
export async function openByteFile(path: string): Promise<ByteFile> {
  if (!(await fileExists(extentsPath(path)))) return openWhole(path);
  const list: unknown = JSON.parse(await readFile(extentsPath(path), 'utf8'));
  if (!Value.Check(ExtentList, list)) throw new Error('the list of what was fetched is damaged');
  return new PartialFile(await open(partPath(path), 'r'), list);
}

async function openWhole(path: string): Promise<ByteFile> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    return {
      sizeBytes: size,
      availableFromStart: size,
      read: (target, position) => readFully(handle, target, position),
      close: () => handle.close(),
    };
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

class PartialFile implements ByteFile {
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  readonly #extents: readonly Extent[];

  constructor(handle: FileHandle, list: ExtentList) {
    this.sizeBytes = list.size_bytes;
    this.#handle = handle;
    this.#extents = list.extents.toSorted((a, b) => a.offset - b.offset);
  }

  get availableFromStart(): number {
    const [first] = this.#extents;
    return first?.offset === 0 ? first.length : 0;
  }

  async read(target: Uint8Array, position: number): Promise<void> {
    const extent = this.#extents.find(
      ({ offset, length }) => offset <= position && position + target.length <= offset + length,
    );
    if (extent === undefined) throw new Error(`bytes ${position} to ${position + target.length} were not fetched`);
    await readFully(this.#handle, target, extent.at + position - extent.offset);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
