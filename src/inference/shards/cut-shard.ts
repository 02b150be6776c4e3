import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import type { LongCallOptions } from '../long-call';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { ModelFolder } from '../models/model-folder';
import type { TensorSource } from '../models/weight-store';
import { buildDecoderGraph, GRAPH_VERSION } from './decoder-graph';
import { checkRange } from './estimate-shard';
import { plainGraphForm, type GraphForm } from './graph-form';
import {
  diskFailure,
  formatBytes,
  nodeShardFileSystem,
  type ShardFileSystem,
  type ShardFileWriter,
} from './shard-files';
import { encodeWeight, type EncodedPiece } from './weight-encoding';
import { layoutWeights, type PlacedWeight, type ShardPrecision, type WeightLayout } from './weight-layout';

const GRAPH_FILE = 'shard.onnx';
const DATA_FILE = 'shard.onnx.data';
/** Written last: a folder without it, or whose files have other sizes, is not a finished shard. */
const SEAL_FILE = 'shard.json';
const PARTIAL_MARK = '.partial-';
/** Names of the unfinished shards this process writes. */
const ownPartials = new Set<string>();
/** A cut writes all the time. What was not touched for so long is abandoned, though a process has its writer's number. */
const ABANDONED_MS = 3_600_000;
/** Room kept free beside the weights for the graph and the file system's own needs. */
const SPARE_BYTES = 16 << 20;

/** A shard on disk, ready to be opened. */
export interface CutShard {
  readonly shardKey: string;
  readonly graphPath: string;
  readonly weightBytes: number;
  /** Whether the cache already held it. */
  readonly reused: boolean;
}

export interface CutShardOptions extends LongCallOptions {
  readonly fileSystem?: ShardFileSystem;
  /** By default `fp32`. */
  readonly precision?: ShardPrecision | undefined;
  /** What the graph is written for; by default for a device that is given the cache in every run. */
  readonly form?: GraphForm | undefined;
  /** After this many bytes it is noted how far cutting came; for tests. */
  readonly checkpointBytes?: number;
}

/** What is cut: a configuration, weights and the name they go by. `ModelFolder` is one. */
export type ShardSource = Pick<ModelFolder, 'config' | 'manifestHash'> & { readonly weights: TensorSource };

/** How far a cut came whose process ended: the next one goes on from there. */
const CHECKPOINT_FILE = 'progress.json';
/** Bringing bytes safely to the disk takes a moment; a second of lost work is cheaper than doing it more often. */
const CHECKPOINT_BYTES = 256 << 20;
const Checkpoint = Type.Object({ finished_weights: Type.Integer({ minimum: 1 }) });
const checkpointCheck = Compile(Checkpoint);

/** Name of a shard in caches and in the engine: the same for the same weights, layers, precision and graph version. */
export function shardKeyOf(manifestHash: string, range: LayerRange, precision: ShardPrecision = 'fp32'): string {
  const held = precision === 'fp32' ? '' : `/${precision}`;
  const text = `${manifestHash}/${range.layer_start}-${range.layer_end}/graph-${GRAPH_VERSION}${held}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Writes the layers of a range as an ONNX model with its weights, streamed tensor by tensor, or finds it in the cache.
 * The shard is written under a temporary name and renamed when complete: after any failure there is no half shard. Where
 * a process was ended in the middle, the next cut of the same shard takes over what it had finished.
 *
 * @param directory - cache folder; made where missing
 * @returns the shard, or `range-invalid`, `disk-full`, `disk-denied`, `disk-failed`, `weights-invalid`, `cancelled`
 */
export async function cutShard(
  source: ShardSource,
  range: LayerRange,
  directory: string,
  options: CutShardOptions = {},
): Promise<Result<CutShard, EngineErrorCode>> {
  const checked = checkRange(source.config, range);
  if (!checked.ok) return checked;
  const files = options.fileSystem ?? nodeShardFileSystem;
  const shardKey = shardKeyOf(source.manifestHash, range, options.precision);
  const folder = join(directory, shardKey);
  const layout = layoutWeights(source.config, range, options.precision);
  const form = options.form ?? plainGraphForm(layout.precision);
  const shard = {
    shardKey,
    graphPath: join(folder, graphFileOf(form, layout.precision)),
    weightBytes: layout.totalBytes,
  };
  const partialName = `${shardKey}${PARTIAL_MARK}${process.pid}-${randomBytes(4).toString('hex')}`;
  const partial = join(directory, partialName);
  ownPartials.add(partialName);
  try {
    const finish = (): Promise<void> => writeOtherGraph(files, source, range, layout, form, shard.graphPath);
    if (await isComplete(files, folder)) {
      await finish();
      return success({ ...shard, reused: true });
    }
    await files.makeFolder(directory);
    await takeOverAbandoned(files, directory, shardKey, partial);
    const free = await files.freeBytes(directory);
    if (free < layout.totalBytes + SPARE_BYTES) return lacksSpace(directory, layout.totalBytes, free);
    await files.makeFolder(partial);
    const written = await writeShard(files, partial, source, range, layout, options);
    if (!written.ok) {
      await files.remove(partial);
      return written;
    }
    await publish(files, partial, folder);
    await finish();
    return success({ ...shard, reused: false });
  } catch (thrown) {
    const problem = diskFailure(thrown, directory, layout.totalBytes);
    try {
      await files.remove(partial);
    } catch (removal) {
      return engineFailure(
        problem.error.code,
        `${problem.error.message} Removing it failed: ${reasonOf(removal)}.`,
        problem.error,
      );
    }
    return problem;
  } finally {
    ownPartials.delete(partialName);
  }
}

async function writeShard(
  files: ShardFileSystem,
  folder: string,
  source: ShardSource,
  range: LayerRange,
  layout: WeightLayout,
  options: CutShardOptions,
): Promise<Result<void, EngineErrorCode>> {
  const dataPath = join(folder, DATA_FILE);
  const finished = await readCheckpoint(files, folder, layout);
  const data = await (finished === 0 ? files.create(dataPath) : files.reopen(dataPath));
  try {
    const note = (count: number): Promise<void> => writeCheckpoint(files, folder, count);
    const written = await writeWeights(data, source, layout, { ...options, finished, note });
    if (!written.ok) return written;
    await data.sync();
  } finally {
    await data.close();
  }
  await files.remove(join(folder, CHECKPOINT_FILE));
  const graph = buildDecoderGraph(source.config, range, layout, DATA_FILE, plainGraphForm(layout.precision));
  await writeFile(files, join(folder, GRAPH_FILE), graph);
  const seal = { graph_bytes: graph.length, data_bytes: layout.totalBytes };
  await writeFile(files, join(folder, SEAL_FILE), new TextEncoder().encode(JSON.stringify(seal)));
  return success(undefined);
}

/** The plain form is always there; another one is written beside it when it is first asked for, over the same weights. */
function graphFileOf(form: GraphForm, precision: ShardPrecision): string {
  const plain = plainGraphForm(precision);
  if (form.isOnCard === plain.isOnCard && form.cacheType === plain.cacheType) return GRAPH_FILE;
  return `shard-${form.isOnCard ? 'card-' : ''}${form.cacheType}.onnx`;
}

async function writeOtherGraph(
  files: ShardFileSystem,
  source: ShardSource,
  range: LayerRange,
  layout: WeightLayout,
  form: GraphForm,
  path: string,
): Promise<void> {
  if (graphFileOf(form, layout.precision) === GRAPH_FILE) return;
  const graph = buildDecoderGraph(source.config, range, layout, DATA_FILE, form);
  if ((await files.sizeOf(path)) === graph.length) return;
  const unfinished = `${path}${PARTIAL_MARK}${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(files, unfinished, graph);
    await files.rename(unfinished, path);
  } catch (thrown) {
    await files.remove(unfinished);
    throw thrown;
  }
}

async function writeFile(files: ShardFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.create(path);
  try {
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

interface WritingOptions extends CutShardOptions {
  /** Weights that are in the file already. */
  readonly finished: number;
  /** Notes that so many weights are safely on the disk. */
  readonly note: (finishedWeights: number) => Promise<void>;
}

async function writeWeights(
  file: ShardFileWriter,
  source: ShardSource,
  layout: WeightLayout,
  options: WritingOptions,
): Promise<Result<void, EngineErrorCode>> {
  const { checkpointBytes = CHECKPOINT_BYTES } = options;
  let notedBytes = 0;
  for (const [index, weight] of layout.weights.entries()) {
    if (index < options.finished) {
      notedBytes = weight.offsetBytes + weight.sizeBytes;
      continue;
    }
    const written = await writeWeight(file, source, weight, (doneBytes) => {
      options.onProgress?.((weight.offsetBytes + doneBytes) / layout.totalBytes, 'Cutting the shard');
      return options.signal?.aborted === true;
    });
    if (!written.ok) return written;
    const end = weight.offsetBytes + weight.sizeBytes;
    if (end - notedBytes >= checkpointBytes) {
      await file.sync();
      await options.note(index + 1);
      notedBytes = end;
    }
  }
  await file.resize(layout.totalBytes);
  return success(undefined);
}

/** @param isCancelled - told after each piece how many bytes of the weight are written */
async function writeWeight(
  file: ShardFileWriter,
  source: ShardSource,
  weight: PlacedWeight,
  isCancelled: (doneBytes: number) => boolean,
): Promise<Result<void, EngineErrorCode>> {
  const positions = weight.parts.map((part) => part.offsetBytes);
  const pieces = encodeWeight(source, weight);
  let doneBytes = 0;
  try {
    for (;;) {
      if (isCancelled(doneBytes)) return cancelledFailure('Cutting the shard');
      const piece = await nextPiece(pieces);
      if (!piece.ok) return piece;
      if (piece.value === undefined) break;
      for (const [part, bytes] of piece.value.entries()) {
        await file.write(bytes, positions[part] ?? 0);
        positions[part] = (positions[part] ?? 0) + bytes.length;
        doneBytes += bytes.length;
      }
    }
  } finally {
    // Closes the model's file where writing stopped before its end.
    await pieces.return(undefined);
  }
  const isWhole = weight.parts.every((part, index) => positions[index] === part.offsetBytes + part.sizeBytes);
  if (!isWhole) throw new Error(`${weight.name} has another size than planned`);
  return success(undefined);
}

/** Failures of reading are told from failures of writing: the first ask for another download, the second for disk space. */
async function nextPiece(
  pieces: AsyncGenerator<EncodedPiece>,
): Promise<Result<EncodedPiece | undefined, EngineErrorCode>> {
  try {
    const next = await pieces.next();
    return success(next.done === true ? undefined : next.value);
  } catch (thrown) {
    return engineFailure('weights-invalid', `The model's weights could not be read: ${reasonOf(thrown)}.`, {
      suggestion: 'Keep the model folder unchanged while a shard is cut.',
    });
  }
}

async function writeCheckpoint(files: ShardFileSystem, folder: string, finishedWeights: number): Promise<void> {
  const path = join(folder, CHECKPOINT_FILE);
  await files.remove(path);
  await writeFile(files, path, new TextEncoder().encode(JSON.stringify({ finished_weights: finishedWeights })));
}

/** Number of weights that an ended process brought safely to the disk; 0 where there is none or its files do not agree. */
async function readCheckpoint(files: ShardFileSystem, folder: string, layout: WeightLayout): Promise<number> {
  const text = await files.readText(join(folder, CHECKPOINT_FILE));
  const sizeBytes = await files.sizeOf(join(folder, DATA_FILE));
  if (text !== undefined && sizeBytes !== undefined) {
    const checkpoint = parseCheckpoint(text);
    const last = layout.weights[checkpoint - 1];
    if (last !== undefined && sizeBytes >= last.offsetBytes + last.sizeBytes) return checkpoint;
  }
  for (const name of await files.list(folder)) await files.remove(join(folder, name));
  return 0;
}

function parseCheckpoint(text: string): number {
  try {
    const parsed: unknown = JSON.parse(text);
    return checkpointCheck.Check(parsed) ? parsed.finished_weights : 0;
  } catch {
    // The process ended while it wrote the note: nothing is known of the rest.
    return 0;
  }
}

async function isComplete(files: ShardFileSystem, folder: string): Promise<boolean> {
  const seal = await files.readText(join(folder, SEAL_FILE));
  if (seal === undefined) return false;
  const expected = JSON.stringify({
    graph_bytes: await files.sizeOf(join(folder, GRAPH_FILE)),
    data_bytes: await files.sizeOf(join(folder, DATA_FILE)),
  });
  return seal === expected;
}

/** Moves the finished shard to its name. A folder of that name is either another process's equal shard or a wreck. */
async function publish(files: ShardFileSystem, partial: string, folder: string): Promise<void> {
  try {
    await files.rename(partial, folder);
  } catch (thrown) {
    if (await isComplete(files, folder)) {
      await files.remove(partial);
      return;
    }
    if ((await files.sizeOf(folder)) === undefined) throw thrown;
    await files.remove(folder);
    await files.rename(partial, folder);
  }
}

/** Takes over what an ended process left of this shard, and removes what others left. */
async function takeOverAbandoned(
  files: ShardFileSystem,
  directory: string,
  shardKey: string,
  partial: string,
): Promise<void> {
  let isTaken = false;
  for (const name of await files.list(directory)) {
    const [key, owner] = name.split(PARTIAL_MARK);
    if (owner === undefined || (await isBeingWritten(files, directory, name, Number.parseInt(owner, 10)))) continue;
    if (key === shardKey && !isTaken) {
      await files.rename(join(directory, name), partial);
      isTaken = true;
    } else await files.remove(join(directory, name));
  }
}

/** Process numbers come again, in containers always the same few. */
async function isBeingWritten(
  files: ShardFileSystem,
  directory: string,
  name: string,
  processId: number,
): Promise<boolean> {
  if (processId === process.pid) return ownPartials.has(name);
  if (!isRunning(processId)) return false;
  const paths = [join(directory, name), join(directory, name, DATA_FILE)];
  const touched = await Promise.all(paths.map((path) => files.modifiedAt(path)));
  return Math.max(...touched.map((time) => time ?? 0)) > Date.now() - ABANDONED_MS;
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (thrown) {
    // EPERM: it runs, under another user.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

function lacksSpace(directory: string, neededBytes: number, freeBytes: number) {
  return engineFailure(
    'disk-full',
    `The shard needs ${formatBytes(neededBytes)} in ${directory}, which has ${formatBytes(freeBytes)} free. Nothing was written.`,
    { retryable: true, suggestion: 'Free some space, choose another cache folder, or serve fewer layers.' },
  );
}
