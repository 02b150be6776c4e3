import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { LayerRange } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import type { LongCallOptions } from '../engine/engine';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { ModelFolder } from '../models/model-folder';
import type { TensorSource } from '../models/weight-store';
import { buildDecoderGraph, GRAPH_VERSION } from './decoder-graph';
import { checkRange } from './estimate-shard';
import { rotaryTable } from './rotary-tables';
import { diskFailure, formatBytes, nodeShardFileSystem, type ShardFileSystem } from './shard-files';
import { layoutWeights, type PlacedWeight, type WeightLayout } from './weight-layout';

const GRAPH_FILE = 'shard.onnx';
const DATA_FILE = 'shard.onnx.data';
/** Written last: a folder without it, or whose files have other sizes, is not a finished shard. */
const SEAL_FILE = 'shard.json';
const PARTIAL_MARK = '.partial-';
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
}

/** What is cut: a configuration, weights and the name they go by. `ModelFolder` is one. */
export type ShardSource = Pick<ModelFolder, 'config' | 'manifestHash'> & { readonly weights: TensorSource };

/** Name of a shard in caches and in the engine: the same for the same weights, layers and graph version. */
export function shardKeyOf(manifestHash: string, range: LayerRange): string {
  const text = `${manifestHash}/${range.layer_start}-${range.layer_end}/graph-${GRAPH_VERSION}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Writes the layers of a range as an ONNX model with its weights, streamed tensor by tensor, or finds it in the cache.
 * The shard is written under a temporary name and renamed when complete: after any failure there is no half shard.
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
  const shardKey = shardKeyOf(source.manifestHash, range);
  const folder = join(directory, shardKey);
  const layout = layoutWeights(source.config, range);
  const shard = { shardKey, graphPath: join(folder, GRAPH_FILE), weightBytes: layout.totalBytes };
  const partial = join(directory, `${shardKey}${PARTIAL_MARK}${process.pid}-${randomBytes(4).toString('hex')}`);
  try {
    if (await isComplete(files, folder)) return success({ ...shard, reused: true });
    await files.makeFolder(directory);
    await removeAbandoned(files, directory);
    const free = await files.freeBytes(directory);
    if (free < layout.totalBytes + SPARE_BYTES) return lacksSpace(directory, layout.totalBytes, free);
    await files.makeFolder(partial);
    const written = await writeShard(files, partial, source, range, layout, options);
    if (!written.ok) {
      await files.remove(partial);
      return written;
    }
    await publish(files, partial, folder);
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
  }
}

async function writeShard(
  files: ShardFileSystem,
  folder: string,
  source: ShardSource,
  range: LayerRange,
  layout: WeightLayout,
  options: LongCallOptions,
): Promise<Result<void, EngineErrorCode>> {
  const data = await files.create(join(folder, DATA_FILE));
  try {
    const written = await writeWeights(data, source, layout, options);
    if (!written.ok) return written;
    await data.sync();
  } finally {
    await data.close();
  }
  const graph = buildDecoderGraph(source.config, range, layout, DATA_FILE);
  await writeFile(files, join(folder, GRAPH_FILE), graph);
  const seal = { graph_bytes: graph.length, data_bytes: layout.totalBytes };
  await writeFile(files, join(folder, SEAL_FILE), new TextEncoder().encode(JSON.stringify(seal)));
  return success(undefined);
}

async function writeFile(files: ShardFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.create(path);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeWeights(
  file: { write(bytes: Uint8Array): Promise<void>; skip(sizeBytes: number): Promise<void> },
  source: ShardSource,
  layout: WeightLayout,
  options: LongCallOptions,
): Promise<Result<void, EngineErrorCode>> {
  let position = 0;
  for (const weight of layout.weights) {
    if (weight.offsetBytes > position) await file.skip(weight.offsetBytes - position);
    position = weight.offsetBytes;
    const blocks = readBlocks(source, weight);
    try {
      for (;;) {
        if (options.signal?.aborted === true) return cancelledFailure('Cutting the shard');
        const block = await nextBlock(blocks);
        if (!block.ok) return block;
        if (block.value === undefined) break;
        await file.write(new Uint8Array(block.value.buffer, block.value.byteOffset, block.value.byteLength));
        position += block.value.byteLength;
        options.onProgress?.(position / layout.totalBytes, 'Cutting the shard');
      }
    } finally {
      // Closes the model's file where writing stopped before its end.
      await blocks.return(undefined);
    }
    if (position !== weight.offsetBytes + weight.sizeBytes)
      throw new Error(`${weight.name} has another size than planned`);
  }
  if (layout.totalBytes > position) await file.skip(layout.totalBytes - position);
  return success(undefined);
}

/** Failures of reading are told from failures of writing: the first ask for another download, the second for disk space. */
async function nextBlock(
  blocks: AsyncGenerator<Float32Array>,
): Promise<Result<Float32Array | undefined, EngineErrorCode>> {
  try {
    const next = await blocks.next();
    return success(next.done === true ? undefined : next.value);
  } catch (thrown) {
    return engineFailure('weights-invalid', `The model's weights could not be read: ${reasonOf(thrown)}.`, {
      suggestion: 'Keep the model folder unchanged while a shard is cut.',
    });
  }
}

async function* readBlocks({ config, weights }: ShardSource, weight: PlacedWeight): AsyncGenerator<Float32Array> {
  if (weight.origin.kind === 'rotary') yield* rotaryTable(config, weight.origin.table);
  else for (const name of weight.origin.names) yield* weights.stream(name);
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

/** Removes what processes left that ended without cleaning up. */
async function removeAbandoned(files: ShardFileSystem, directory: string): Promise<void> {
  for (const name of await files.list(directory)) {
    const [, owner] = name.split(PARTIAL_MARK);
    if (owner !== undefined && !isRunning(Number.parseInt(owner, 10))) await files.remove(join(directory, name));
  }
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
