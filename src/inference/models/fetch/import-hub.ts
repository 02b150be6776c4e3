import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, statfs, writeFile, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { success, type Result } from '../../../protocol/result';
import type { LongCallOptions } from '../../long-call';
import { cancelledFailure, engineFailure, type EngineErrorCode } from '../../errors';
import { diskFailure, formatBytes } from '../../shards/shard-files';
import { fileExists } from '../file-reading';
import { readModelFolder, type ModelFolder } from '../model-folder';
import { ORIGIN_FILE, type ModelOrigin } from '../model-origin';
import { describeHubModel, hubSource, type HubFile, type HubModel, type HubRequest } from './hub-listing';
import { readRange, type ModelSource } from './http-ranges';

export interface ImportHubRequest extends HubRequest {
  /** Filled with the model's files. What an earlier import brought is kept and verified, not fetched again. */
  readonly folder: string;
}

/** Tries of one file; each goes on where the one before was cut off. */
const MAX_ATTEMPTS = 5;
const PAUSE_MS = 500;
/** Bytes kept free on the disk. */
const SPARE_BYTES = 64 << 20;
/** Reading what came takes this share of the progress. */
const READ_SHARE = 0.1;

/**
 * Fetches a model of a hub whole and reads it: every file is verified against what the hub's listing says of the exact
 * version, and where it came from is noted beside it and kept in the manifest. After a cut, a crash or a cancel the next
 * import goes on in the middle of the file.
 *
 * @returns the model; `input-invalid` where one of several GGUF files has to be named, failures of `describeHubModel`,
 *   `source-failed`, `weights-invalid` for other bytes than the listing's, of the disk, or of reading the model
 */
export async function importHubModel(
  request: ImportHubRequest,
  options: LongCallOptions = {},
): Promise<Result<ModelFolder, EngineErrorCode>> {
  options.onProgress?.(0, 'Asking the hub');
  const described = await describeHubModel(request, options.signal);
  if (!described.ok) return described;
  const model = described.value;
  if (model.files.length === 0) return mustChoose(model);
  try {
    await mkdir(request.folder, { recursive: true });
    const fetched = await fetchFiles(request, model, options);
    if (!fetched.ok) return fetched;
    const origin: ModelOrigin = {
      model_id: model.repository,
      source: hubSource(request, model.commit).baseUrl,
      licence: model.licence,
    };
    await writeFile(join(request.folder, ORIGIN_FILE), JSON.stringify(origin), { flush: true });
  } catch (thrown) {
    return diskFailure(thrown, request.folder, model.totalBytes, 'What was fetched is kept.');
  }
  const gguf = model.files.find(({ path }) => path.endsWith('.gguf'));
  return readModelFolder(gguf === undefined ? request.folder : join(request.folder, basename(gguf.path)), {
    signal: options.signal,
    onProgress: (fraction, label) => options.onProgress?.(1 - READ_SHARE + fraction * READ_SHARE, label),
  });
}

function mustChoose({ repository, choices }: HubModel) {
  const shown = choices.slice(0, 20).map(({ file, sizeBytes }) => `${file} (${formatBytes(sizeBytes)})`);
  return engineFailure('input-invalid', `${repository} holds several models: ${shown.join(', ')}.`, {
    suggestion: 'Name the file.',
  });
}

async function fetchFiles(
  request: ImportHubRequest,
  model: HubModel,
  options: LongCallOptions,
): Promise<Result<void, EngineErrorCode>> {
  const { folder } = request;
  let doneBytes = 0;
  const report = (): void =>
    options.onProgress?.(
      (Math.min(1, doneBytes / Math.max(1, model.totalBytes)) || 0) * (1 - READ_SHARE),
      `Fetching ${formatBytes(model.totalBytes)}`,
    );
  const missing: HubFile[] = [];
  let missingBytes = 0;
  for (const file of model.files) {
    if (options.signal?.aborted === true) return cancelledFailure('Importing the model');
    if (await isHere(folder, file, options.signal)) {
      doneBytes += file.sizeBytes;
      report();
      continue;
    }
    missing.push(file);
    missingBytes += file.sizeBytes - (await sizeOf(partOf(folder, file)));
  }
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < missingBytes + SPARE_BYTES) {
    return engineFailure(
      'disk-full',
      `The model needs ${formatBytes(missingBytes)} more in ${folder}, which has ${formatBytes(bavail * bsize)} free.`,
      { retryable: true, suggestion: 'Free some space, or choose another folder.' },
    );
  }
  const source = hubSource(request, model.commit);
  for (const file of missing) {
    const before = doneBytes;
    const fetched = await fetchFile(source, folder, file, options.signal, (fileBytes) => {
      doneBytes = before + fileBytes;
      report();
    });
    if (!fetched.ok) return fetched;
  }
  return success(undefined);
}

/** Names below the repository's root are kept flat: the engine reads one folder. */
function targetOf(folder: string, { path }: HubFile): string {
  return join(folder, basename(path));
}

/** Names the hash, so that parts of another version are never continued. */
function partOf(folder: string, file: HubFile): string {
  return `${targetOf(folder, file)}.${file.hash.value.slice(0, 12)}.part`;
}

async function sizeOf(path: string): Promise<number> {
  return (await fileExists(path)) ? (await stat(path)).size : 0;
}

async function isHere(folder: string, file: HubFile, signal: AbortSignal | undefined): Promise<boolean> {
  const path = targetOf(folder, file);
  if ((await sizeOf(path)) !== file.sizeBytes || !(await fileExists(path))) return false;
  const hash = startHash(file);
  await hashInto(hash, path, signal);
  return hash.digest('hex') === file.hash.value;
}

function startHash({ hash, sizeBytes }: HubFile): Hash {
  return hash.kind === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${sizeBytes}\0`);
}

async function hashInto(hash: Hash, path: string, signal: AbortSignal | undefined): Promise<void> {
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    if (signal?.aborted === true) return;
    hash.update(block);
  }
}

async function fetchFile(
  source: ModelSource,
  folder: string,
  file: HubFile,
  signal: AbortSignal | undefined,
  onBytes: (fileBytes: number) => void,
): Promise<Result<void, EngineErrorCode>> {
  const part = partOf(folder, file);
  await mkdir(dirname(part), { recursive: true });
  const handle = await open(part, (await fileExists(part)) ? 'r+' : 'w+');
  let isRight: Result<boolean, EngineErrorCode>;
  try {
    isRight = await fillPart(handle, part, source, file, signal, onBytes);
    if (isRight.ok) await handle.sync();
  } finally {
    await handle.close();
  }
  if (!isRight.ok) return isRight;
  if (!isRight.value) {
    await rm(part);
    return engineFailure(
      'weights-invalid',
      `${file.path} came with other bytes than the hub lists. They were removed.`,
      {
        retryable: true,
        suggestion: 'Import the model again.',
      },
    );
  }
  await rename(part, targetOf(folder, file));
  return success(undefined);
}

/** @returns whether the whole file has the hash of the listing */
async function fillPart(
  handle: FileHandle,
  part: string,
  source: ModelSource,
  file: HubFile,
  signal: AbortSignal | undefined,
  onBytes: (fileBytes: number) => void,
): Promise<Result<boolean, EngineErrorCode>> {
  const hash = startHash(file);
  let done = await sizeOf(part);
  if (done > file.sizeBytes) {
    await handle.truncate(0);
    done = 0;
  }
  await hashInto(hash, part, signal);
  let problem = engineFailure('source-failed', `${file.path} could not be read.`);
  for (let attempt = 0; attempt < MAX_ATTEMPTS && done < file.sizeBytes; attempt++) {
    if (signal?.aborted === true) return cancelledFailure('Importing the model');
    if (attempt > 0) await pause(PAUSE_MS * attempt, undefined, { signal }).catch(() => undefined);
    onBytes(done);
    const read = await readRange(source, {
      path: file.path,
      offset: done,
      length: file.sizeBytes - done,
      signal,
      onBlock: async (block) => {
        await handle.write(block, 0, block.length, done);
        hash.update(block);
        done += block.length;
        onBytes(done);
      },
    });
    if (read.ok) break;
    if (read.error.code === 'cancelled' || !read.error.retryable) return read;
    problem = { ok: false, error: read.error };
  }
  if (signal?.aborted === true) return cancelledFailure('Importing the model');
  return done < file.sizeBytes ? problem : success(hash.digest('hex') === file.hash.value);
}
