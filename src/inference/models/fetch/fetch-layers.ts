import { createHash } from 'node:crypto';
import { mkdir, open, rename, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Value } from 'typebox/value';
import type { LayerRange, ModelManifest } from '../../../protocol/compute/model';
import { MANIFEST_FILE, WEIGHT_INDEX_FILE, WeightIndex } from '../../../protocol/compute/weight-index';
import { storedBytes } from '../../../protocol/compute/stored-bytes';
import { success, type Result } from '../../../protocol/result';
import type { LongCallOptions } from '../../long-call';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../../errors';
import { checkRange } from '../../shards/estimate-shard';
import { diskFailure, formatBytes } from '../../shards/shard-files';
import { layoutWeights } from '../../shards/weight-layout';
import { fileExists, hashFile } from '../file-reading';
import { ROTARY_FACTORS_TENSOR } from '../gguf-config';
import { readModelFolder, type ModelFolder } from '../model-folder';
import { hashCanonical } from '../weight-index';
import { isSafePath, readRange, type ModelSource } from './http-ranges';
import { PartialFileWriter, type WantedStretch } from './partial-file';

export interface FetchLayersRequest {
  readonly manifest: ModelManifest;
  /** Tried in order, each file anew; all of them are checked alike, so none has to be trusted. */
  readonly sources: readonly ModelSource[];
  readonly range: LayerRange;
  /** Filled with what is fetched; layers that are there already are not fetched again. */
  readonly folder: string;
}

/** Indexes list every tensor: about 200 bytes each. */
const MAX_INDEX_BYTES = 8 << 20;
/** Configuration, tokenizer and template; the largest tokenizers have 35 MB. */
const MAX_SMALL_FILE_BYTES = 200_000_000;
/** All of these and the headers of the weights together, which come before it is known what the layers need. */
const MAX_BEGINNING_BYTES = 1_000_000_000;
/** Tries of one stretch over all sources. */
const MAX_ATTEMPTS = 4;
/** Bytes kept free on the disk. */
const SPARE_BYTES = 64 << 20;

/**
 * Fetches the layers of a range, and what every shard needs (configuration, tokenizer, headers), from the first source
 * that has them. Each piece is verified against the manifest before it counts. After a cut or a crash the next call goes
 * on where this one stopped.
 *
 * @returns the folder as a model that can be cut for this range; `model-unsupported` for a manifest that offers
 *   no layers one by one, `source-failed`, `weights-invalid` for bytes that are not the manifest's, or failures of the disk
 */
export async function fetchLayers(
  request: FetchLayersRequest,
  options: LongCallOptions = {},
): Promise<Result<ModelFolder, EngineErrorCode>> {
  const { manifest, folder } = request;
  const unsafe = manifest.files.find((file) => !isSafePath(file.path));
  if (unsafe !== undefined) {
    return engineFailure('model-invalid', `The manifest names a file outside the model: ${unsafe.path.slice(0, 100)}.`);
  }
  if (manifest.weights_sha256 === undefined) {
    return engineFailure('model-unsupported', `The manifest of ${manifest.model_id} offers whole files only.`, {
      suggestion: 'Choose a folder with the model instead.',
    });
  }
  try {
    await mkdir(folder, { recursive: true });
    const index = await fetchIndex(request, manifest.weights_sha256, options);
    if (!index.ok) return index;
    const job = new LayerFetch(request, index.value, options);
    return await job.run();
  } catch (thrown) {
    return diskFailure(thrown, folder, SPARE_BYTES, 'What was fetched is kept.');
  }
}

/** The index from disk or from the first source that has the right one. */
async function fetchIndex(
  { sources, folder }: FetchLayersRequest,
  sha256: string,
  { signal }: LongCallOptions,
): Promise<Result<WeightIndex, EngineErrorCode>> {
  let problem = engineFailure('source-failed', 'No source of the model is known.');
  const kept = join(folder, WEIGHT_INDEX_FILE);
  const texts = [() => readKept(kept), ...sources.map((source) => () => readIndexText(source, signal))];
  for (const read of texts) {
    const text = await read();
    if (!text.ok) {
      if (text.error.code === 'cancelled') return text;
      problem = text;
      continue;
    }
    if (text.value === null) continue;
    const index = parseIndex(text.value, sha256);
    if (index === null) {
      problem = engineFailure('weights-invalid', 'A source offers an index that is not the manifest’s.');
      continue;
    }
    await writeWhole(kept, new TextEncoder().encode(text.value));
    return success(index);
  }
  return problem;
}

async function readKept(path: string): Promise<Result<string | null, EngineErrorCode>> {
  if (!(await fileExists(path))) return success(null);
  const file = await open(path, 'r');
  try {
    return success(await file.readFile('utf8'));
  } finally {
    await file.close();
  }
}

async function readIndexText(
  source: ModelSource,
  signal: AbortSignal | undefined,
): Promise<Result<string, EngineErrorCode>> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const read = await readRange(source, {
    path: WEIGHT_INDEX_FILE,
    offset: 0,
    length: undefined,
    signal,
    onBlock: async (block) => {
      sizeBytes += block.length;
      if (sizeBytes > MAX_INDEX_BYTES) throw new Error('the index is too large');
      parts.push(block);
    },
  }).catch((thrown: unknown) => engineFailure('source-failed', `${source.baseUrl}: ${reasonOf(thrown)}.`));
  return read.ok ? success(Buffer.concat(parts).toString('utf8')) : read;
}

function parseIndex(text: string, sha256: string): WeightIndex | null {
  try {
    const index: unknown = JSON.parse(text);
    if (!Value.Check(WeightIndex, index) || hashCanonical(index) !== sha256) return null;
    return index;
  } catch {
    return null;
  }
}

/** Writes a file so that a crash leaves the old one or the new one. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  await writeFile(temporary, bytes, { flush: true });
  await rename(temporary, path);
}

/** One fetch: what is wanted, what came, and the progress over both. */
class LayerFetch {
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(
    private readonly request: FetchLayersRequest,
    private readonly index: WeightIndex,
    private readonly options: LongCallOptions,
  ) {}

  async run(): Promise<Result<ModelFolder, EngineErrorCode>> {
    const { manifest, folder, range } = this.request;
    const problem = this.#indexProblem();
    if (problem !== null) return engineFailure('weights-invalid', `The index of the weights is wrong: ${problem}.`);
    const weightFiles = new Set(this.index.files.map((file) => file.path));
    const small = manifest.files.filter((file) => !weightFiles.has(file.path));
    const headers = this.index.files.map((file, place) => ({
      place,
      offset: 0,
      length: file.header_bytes,
      sha256: file.header_sha256,
    }));
    // The headers and the factors of the rotary embedding come first: they complete the configuration, which names the rest.
    const first = [...headers, ...this.#stretches(new Set([ROTARY_FACTORS_TENSOR]))];
    const beginningBytes = sum(small.map((file) => file.size_bytes)) + sum(first.map(({ length }) => length));
    if (beginningBytes > MAX_BEGINNING_BYTES) {
      const size = formatBytes(beginningBytes);
      return engineFailure(
        'model-invalid',
        `The files beside the weights have ${size}, far too much for what they are.`,
      );
    }
    this.#totalBytes = beginningBytes + storedBytes(manifest, range);
    for (const file of small) {
      const fetched = await this.#fetchSmallFile(file);
      if (!fetched.ok) return fetched;
    }
    const begun = await this.#fetchStretches(first);
    if (!begun.ok) return begun;
    await writeWhole(join(folder, MANIFEST_FILE), new TextEncoder().encode(JSON.stringify(manifest)));
    const model = await readModelFolder(folder);
    if (!model.ok) return model;
    const inside = checkRange(model.value.config, range);
    if (!inside.ok) return inside;
    const wanted = this.#stretches(tensorsOfRange(model.value, range));
    this.#totalBytes = beginningBytes + sum(wanted.map(({ length }) => length));
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < this.#totalBytes - this.#doneBytes + SPARE_BYTES) {
      return engineFailure(
        'disk-full',
        `These layers need ${formatBytes(this.#totalBytes)} in ${folder}, which has ${formatBytes(bavail * bsize)} free.`,
        { retryable: true, suggestion: 'Free some space, or serve fewer layers.' },
      );
    }
    const fetched = await this.#fetchStretches(wanted);
    return fetched.ok ? model : fetched;
  }

  /** Why the index does not describe the manifest's files, or null. */
  #indexProblem(): string | null {
    const sizes = new Map(this.request.manifest.files.map((file) => [file.path, file.size_bytes]));
    for (const file of this.index.files) {
      if (sizes.get(file.path) !== file.size_bytes) return `${file.path.slice(0, 100)} is not a file of the manifest`;
      if (file.header_bytes > file.size_bytes) return 'a header is longer than its file';
    }
    for (const tensor of this.index.tensors) {
      const file = this.index.files[tensor.file];
      if (file === undefined || tensor.offset_bytes + tensor.size_bytes > file.size_bytes) {
        return `${tensor.name.slice(0, 100)} lies outside its file`;
      }
    }
    return null;
  }

  #stretches(names: ReadonlySet<string>): (WantedStretch & { readonly place: number })[] {
    return this.index.tensors
      .filter((tensor) => names.has(tensor.name) && tensor.size_bytes > 0)
      .map((tensor) => ({
        place: tensor.file,
        offset: tensor.offset_bytes,
        length: tensor.size_bytes,
        sha256: tensor.sha256,
      }));
  }

  async #fetchSmallFile(file: ModelManifest['files'][number]): Promise<Result<void, EngineErrorCode>> {
    const path = join(this.request.folder, file.path);
    if (file.size_bytes > MAX_SMALL_FILE_BYTES) {
      return engineFailure('model-invalid', `${file.path} has ${formatBytes(file.size_bytes)}, too much for its kind.`);
    }
    if (await fileExists(path)) {
      const there = await hashFile(path, file.path);
      if (there.ok && there.value.sha256 === file.sha256) {
        this.#advance(file.size_bytes);
        return success(undefined);
      }
    }
    const before = this.#doneBytes;
    return this.#fromAnySource(async (source) => {
      this.#doneBytes = before;
      const parts: Uint8Array[] = [];
      const read = await readRange(source, {
        path: file.path,
        offset: 0,
        length: file.size_bytes,
        signal: this.options.signal,
        onBlock: async (block) => {
          parts.push(block);
          this.#advance(block.length);
        },
      });
      if (!read.ok) return read;
      const bytes = Buffer.concat(parts);
      if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) return wrongBytes(source, file.path);
      await writeWhole(path, bytes);
      return success(undefined);
    });
  }

  async #fetchStretches(
    wanted: readonly (WantedStretch & { readonly place: number })[],
  ): Promise<Result<void, EngineErrorCode>> {
    for (const [place, file] of this.index.files.entries()) {
      const own = wanted.filter((stretch) => stretch.place === place);
      if (own.length === 0) continue;
      const path = join(this.request.folder, file.path);
      await mkdir(dirname(path), { recursive: true });
      const writer = await PartialFileWriter.open(path, file.size_bytes);
      try {
        for (const stretch of own.toSorted((a, b) => a.offset - b.offset)) {
          const fetched = await this.#fetchStretch(writer, file.path, stretch);
          if (!fetched.ok) return fetched;
        }
      } finally {
        await writer.close();
      }
    }
    return success(undefined);
  }

  async #fetchStretch(
    writer: PartialFileWriter,
    path: string,
    stretch: WantedStretch,
  ): Promise<Result<void, EngineErrorCode>> {
    if (writer.holds(stretch)) {
      this.#advance(stretch.length);
      return success(undefined);
    }
    const before = this.#doneBytes;
    return this.#fromAnySource(async (source) => {
      this.#doneBytes = before;
      let failed: Result<number, EngineErrorCode> | null = null;
      const added = await writer.add(stretch, async (done, write) => {
        this.#advance(done);
        if (done === stretch.length) return true;
        const read = await readRange(source, {
          path,
          offset: stretch.offset + done,
          length: stretch.length - done,
          signal: this.options.signal,
          onBlock: async (block) => {
            await write(block);
            this.#advance(block.length);
          },
        });
        if (!read.ok) failed = read;
        return read.ok;
      });
      if (added === 'added') return success(undefined);
      return failed ?? wrongBytes(source, path);
    });
  }

  /** Asks the sources one after the other, more than once, until one gives what was asked for. */
  async #fromAnySource(
    ask: (source: ModelSource) => Promise<Result<unknown, EngineErrorCode>>,
  ): Promise<Result<void, EngineErrorCode>> {
    const { sources } = this.request;
    let problem = engineFailure('source-failed', 'No source of the model is known.');
    for (let attempt = 0; attempt < MAX_ATTEMPTS * sources.length; attempt++) {
      if (this.options.signal?.aborted === true) return cancelledFailure('Fetching the model');
      const source = sources[attempt % sources.length];
      if (source === undefined) break;
      const answer = await ask(source);
      if (answer.ok) return success(undefined);
      if (answer.error.code === 'cancelled') return { ok: false, error: answer.error };
      problem = { ok: false, error: answer.error };
    }
    return problem;
  }

  #advance(bytes: number): void {
    this.#doneBytes += bytes;
    const fraction = Math.min(1, this.#doneBytes / Math.max(1, this.#totalBytes));
    this.options.onProgress?.(fraction, `Fetching ${formatBytes(this.#totalBytes)}`);
  }
}

/** Names of the stored tensors a shard of these layers is cut from. */
function tensorsOfRange({ config }: ModelFolder, range: LayerRange): Set<string> {
  const origins = layoutWeights(config, range).weights.map((weight) => weight.origin);
  return new Set(origins.flatMap((origin) => (origin.kind === 'tensors' ? origin.names : [])));
}

function wrongBytes(source: ModelSource, path: string): ReturnType<typeof engineFailure> {
  return engineFailure('weights-invalid', `${source.baseUrl} holds other bytes of ${path} than the manifest names.`);
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
