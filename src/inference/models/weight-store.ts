import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { QuantizedBits, QuantizedBlocks } from '../shards/quantization';
import { extentsPath, openByteFile, type ByteFile } from './byte-file';
import { fileExists, readJsonFile, systemCodeOf } from './file-reading';
import { decodeWeights, WEIGHT_FORMAT_BYTES } from './number-formats';
import { parseHeaderLength, parseSafetensorsHeader, SAFETENSORS_PREFIX_BYTES, type StoredTensor } from './safetensors';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';
/** The index of a model of 10,000 tensors has about 1 MB. */
const MAX_INDEX_BYTES = 50_000_000;
/** Bytes read at once while streaming a tensor: large enough for the disk, small enough to stay unnoticed in memory. */
const STREAM_BLOCK_BYTES = 4 << 20;

/** File names an index may point to: beside it, never elsewhere. */
const WeightIndex = Type.Object({
  weight_map: Type.Record(Type.String(), Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]*\\.safetensors$' })),
});
const weightIndexCheck = Compile(WeightIndex);

/** Gives a tensor's values in order, in blocks, so that no caller needs a whole model in memory. */
export interface TensorSource {
  /** @throws when the file changes or vanishes while it is read; callers turn that into a failure. */
  stream(tensorName: string): AsyncIterable<Float32Array>;
  /** The stored blocks of 32 as they are, where the file has such and a shard of `bits` can hold them exactly. */
  streamBlocks?(tensorName: string, bits: QuantizedBits): AsyncIterable<QuantizedBlocks> | undefined;
}

/** A tensor and where its bytes are. */
export interface PlacedTensor extends Pick<StoredTensor, 'dimensions' | 'offsetBytes' | 'sizeBytes'> {
  /** Name of its file, relative to the folder. */
  readonly file: string;
}

/** The weights of a model folder: every tensor's place, and its values on demand. */
export interface WeightStore extends TensorSource {
  /** Names of the weight files and, for a model in parts, of the index; relative to the folder. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
}

/** Opens `model.safetensors`, or the parts `model.safetensors.index.json` lists, and checks their headers. */
export async function openWeightStore(folder: string): Promise<Result<WeightStore, EngineErrorCode>> {
  if (await weightFileExists(join(folder, SINGLE_FILE))) return readParts(folder, [SINGLE_FILE], [SINGLE_FILE]);
  if (!(await fileExists(join(folder, INDEX_FILE)))) {
    return engineFailure('model-not-found', `The folder holds neither ${SINGLE_FILE} nor ${INDEX_FILE}.`, {
      suggestion: 'Choose a folder in the Hugging Face layout with safetensors weights.',
    });
  }
  const index = await readJsonFile(join(folder, INDEX_FILE), INDEX_FILE, MAX_INDEX_BYTES);
  if (!index.ok) return index;
  if (!weightIndexCheck.Check(index.value)) {
    return engineFailure(
      'weights-invalid',
      `${INDEX_FILE} is wrong: it needs weight_map with names of safetensors files.`,
    );
  }
  const parts = [...new Set(Object.values(index.value.weight_map))].sort();
  const store = await readParts(folder, parts, [...parts, INDEX_FILE]);
  if (!store.ok) return store;
  for (const name of Object.keys(index.value.weight_map)) {
    if (!store.value.tensors.has(name)) {
      return engineFailure('weights-invalid', `${INDEX_FILE} lists ${name.slice(0, 100)}, which no part holds.`);
    }
  }
  return store;
}

/** A whole file, or a partial copy of one. */
async function weightFileExists(path: string): Promise<boolean> {
  return (await fileExists(path)) || fileExists(extentsPath(path));
}

async function readParts(
  folder: string,
  parts: readonly string[],
  files: readonly string[],
): Promise<Result<WeightStore, EngineErrorCode>> {
  const tensors = new Map<string, StoredTensor & PlacedTensor>();
  for (const part of parts) {
    const header = await readHeader(join(folder, part), part);
    if (!header.ok) return header;
    for (const [name, tensor] of header.value) {
      if (tensors.has(name)) return engineFailure('weights-invalid', `Two files hold ${name.slice(0, 100)}.`);
      tensors.set(name, { ...tensor, file: part });
    }
  }
  return success({
    files,
    tensors,
    stream: (tensorName) => {
      const tensor = tensors.get(tensorName);
      if (tensor === undefined) throw new Error(`no tensor ${tensorName}`);
      return streamTensor(join(folder, tensor.file), tensor);
    },
  });
}

async function readHeader(path: string, name: string): Promise<Result<Map<string, StoredTensor>, EngineErrorCode>> {
  let file: ByteFile | undefined;
  try {
    file = await openByteFile(path);
    const size = file.sizeBytes;
    const prefix = new Uint8Array(Math.min(SAFETENSORS_PREFIX_BYTES, size));
    await file.read(prefix, 0);
    const length = parseHeaderLength(prefix, size);
    if (!length.ok) return length;
    const header = new Uint8Array(length.value);
    await file.read(header, SAFETENSORS_PREFIX_BYTES);
    return parseSafetensorsHeader(header, size);
  } catch (thrown) {
    const missing = systemCodeOf(thrown) === 'ENOENT';
    return engineFailure('model-not-found', missing ? `${name} is missing.` : `${name}: ${reasonOf(thrown)}`);
  } finally {
    await file?.close();
  }
}

async function* streamTensor(path: string, tensor: StoredTensor): AsyncGenerator<Float32Array> {
  const file = await openByteFile(path);
  try {
    const blockBytes = STREAM_BLOCK_BYTES - (STREAM_BLOCK_BYTES % WEIGHT_FORMAT_BYTES[tensor.format]);
    for (let done = 0; done < tensor.sizeBytes; done += blockBytes) {
      const block = new Uint8Array(Math.min(blockBytes, tensor.sizeBytes - done));
      await file.read(block, tensor.offsetBytes + done);
      yield decodeWeights(block, tensor.format);
    }
  } finally {
    await file.close();
  }
}
