import { chatGptFileIds } from './converters/chatgpt-content';
import type { FileEntry } from './file-collection';
import type { ImportSink, StoredFile } from './import-sink';
import type { ReportCollector } from './import-report';
import { IMPORT_LIMITS } from './limits';

/** A file of the export that a conversation points to. */
export interface Asset {
  readonly fileName: string;
  /** Hands the bytes to the sink, once; `head` are the first of them. */
  store(sink: ImportSink): Promise<{ readonly stored: StoredFile; readonly head: Uint8Array }>;
}

const HEAD_BYTES = 16;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The ids inside an address or a name. */
function idsOf(text: string): readonly string[] {
  return [...chatGptFileIds(text), ...(text.match(UUID) ?? []).map((id) => id.toLowerCase())];
}

/** Finds the files of an export by what its conversations call them: ids inside the file's name, or the name. */
export class AssetIndex {
  readonly #byKey = new Map<string, FileEntry>();
  readonly #stored = new Map<FileEntry, { readonly stored: StoredFile; readonly head: Uint8Array }>();
  readonly #report: ReportCollector;
  readonly #onBytes: (bytes: number) => void;

  constructor(entries: readonly FileEntry[], report: ReportCollector, onBytes: (bytes: number) => void) {
    this.#report = report;
    this.#onBytes = onBytes;
    const ambiguous = new Set<string>();
    for (const entry of entries) {
      // Archives of Claude keep each file in a folder named by its id.
      for (const id of idsOf(entry.name)) if (!this.#byKey.has(id)) this.#byKey.set(id, entry);
      const name = baseName(entry.name);
      if (this.#byKey.has(name)) ambiguous.add(name);
      else this.#byKey.set(name, entry);
    }
    // `image.png` in three folders could be anybody's.
    for (const name of ambiguous) this.#byKey.delete(name);
  }

  /**
   * The file an address or a name means, or null when the export does not hold it. A name counts only where the address has
   * no id: `image.png` of another message may be there instead.
   */
  find(uri: string, name: string | null): Asset | null {
    if (/^https?:/.test(uri)) return null;
    const ids = idsOf(uri);
    const names = [baseName(uri), ...(name === null ? [] : [baseName(name)])];
    for (const key of ids.length > 0 ? ids : names) {
      const entry = this.#byKey.get(key);
      if (entry !== undefined && entry.sizeBytes <= IMPORT_LIMITS.maxAssetBytes) {
        return { fileName: baseName(entry.name), store: (sink) => this.#store(entry, sink) };
      }
    }
    return null;
  }

  async #store(
    entry: FileEntry,
    sink: ImportSink,
  ): Promise<{ readonly stored: StoredFile; readonly head: Uint8Array }> {
    const known = this.#stored.get(entry);
    if (known !== undefined) return known;
    const head = Buffer.alloc(HEAD_BYTES);
    let headBytes = 0;
    const onBytes = this.#onBytes;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of await entry.open()) {
        headBytes += chunk.copy(head, headBytes, 0, Math.max(0, HEAD_BYTES - headBytes));
        onBytes(chunk.length);
        yield chunk;
      }
    }
    const stored = await sink.addFile(counted());
    this.#report.fileStored();
    const kept = { stored, head: head.subarray(0, headBytes) };
    this.#stored.set(entry, kept);
    return kept;
  }
}
