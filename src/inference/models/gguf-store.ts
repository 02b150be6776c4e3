import { basename } from 'node:path';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { QuantizedBits, QuantizedBlocks } from '../shards/quantization';
import { ARCHITECTURES } from './architectures';
import { openByteFile, type ByteFile } from './byte-file';
import type { DecoderConfig } from './config';
import { convertBlocks, decodeGgml, keepsBlocks } from './ggml-formats';
import { GGUF_LIMITS, parseGgufHeader, type GgufHeader, type GgufTensor } from './gguf';
import { canonicalTensorName, readGgufConfig, ROTARY_FACTORS_TENSOR } from './gguf-config';
import type { WeightStore } from './weight-store';

/** Most headers fit at once; those with large vocabularies take a few more tries. */
const FIRST_READ_BYTES = 8 << 20;
/** Bytes read at once while streaming a tensor, rounded to whole rows. */
const STREAM_BLOCK_BYTES = 2 << 20;

/** A GGUF file whose header was read and checked. */
export interface GgufModel {
  readonly header: GgufHeader;
  readonly config: DecoderConfig;
  /** Tensors by their names in the Hugging Face layout, rows of queries and keys in its order. */
  readonly weights: WeightStore;
}

/** Reads the header of a GGUF file; weights are read when they are asked for. */
export async function openGguf(path: string): Promise<Result<GgufModel, EngineErrorCode>> {
  const header = await readHeader(path);
  if (!header.ok) return header;
  const { tensors } = header.value;
  const factors = tensors.get(ROTARY_FACTORS_TENSOR);
  let rotaryFactors: Float32Array | undefined;
  if (factors !== undefined) {
    // Half a head: anything longer is wrong and need not be read to be refused.
    if (factors.sizeBytes > 65_536) return engineFailure('weights-invalid', `${ROTARY_FACTORS_TENSOR} is too long.`);
    try {
      for await (const bytes of readRows(path, factors, 1)) rotaryFactors = decodeGgml(bytes, factors.format);
    } catch (thrown) {
      return engineFailure('weights-invalid', `The GGUF file could not be read: ${reasonOf(thrown)}`);
    }
  }
  const config = readGgufConfig(header.value, rotaryFactors);
  if (!config.ok) return config;
  return success({ header: header.value, config: config.value, weights: createStore(path, tensors, config.value) });
}

function createStore(path: string, tensors: ReadonlyMap<string, GgufTensor>, config: DecoderConfig): WeightStore {
  const stored = new Map([...tensors.values()].map((tensor) => [canonicalTensorName(tensor.name), tensor]));
  const isInterleaved = ARCHITECTURES[config.architecture]?.ggufInterleavesRotary === true;
  const find = (name: string): GgufTensor => {
    const tensor = stored.get(name);
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    return tensor;
  };
  const read = (tensor: GgufTensor): AsyncGenerator<Uint8Array> => {
    const isRotated = isInterleaved && /\.attn_[qk]\.(weight|bias)$/.test(tensor.name);
    if (!isRotated) return readRows(path, tensor, 1);
    return undoInterleaving(path, tensor, config.shape.head_size);
  };
  return {
    files: [basename(path)],
    tensors: new Map([...stored].map(([name, tensor]) => [name, { ...tensor, file: basename(path) }])),
    async *stream(name) {
      const tensor = find(name);
      for await (const bytes of read(tensor)) yield decodeGgml(bytes, tensor.format);
    },
    streamBlocks(name, bits) {
      const tensor = find(name);
      return keepsBlocks(tensor.format, bits) ? convertAll(read(tensor), tensor, bits) : undefined;
    },
  };
}

async function* convertAll(
  rows: AsyncGenerator<Uint8Array>,
  tensor: GgufTensor,
  bits: QuantizedBits,
): AsyncGenerator<QuantizedBlocks> {
  for await (const bytes of rows) yield convertBlocks(bytes, tensor.format, bits);
}

/** Bytes of a row; a list of biases is taken as a column, so that it can be reordered like a matrix. */
function rowBytesOf({ dimensions, sizeBytes }: GgufTensor): number {
  return sizeBytes / (dimensions[0] ?? 1);
}

/** Whole rows, in multiples of `rowsTogether`. */
async function* readRows(path: string, tensor: GgufTensor, rowsTogether: number): AsyncGenerator<Uint8Array> {
  const unit =
    rowsTogether * (tensor.dimensions.length === 1 && rowsTogether === 1 ? tensor.sizeBytes : rowBytesOf(tensor));
  const blockBytes = Math.max(1, Math.floor(STREAM_BLOCK_BYTES / unit)) * unit;
  const file = await openByteFile(path);
  try {
    for (let done = 0; done < tensor.sizeBytes; done += blockBytes) {
      const block = new Uint8Array(Math.min(blockBytes, tensor.sizeBytes - done));
      await file.read(block, tensor.offsetBytes + done);
      yield block;
    }
  } finally {
    await file.close();
  }
}

/**
 * llama.cpp rotates neighbouring rows of a head as pairs and stores queries and keys accordingly; here a pair is a row
 * of the head's first half and one of its second.
 */
async function* undoInterleaving(path: string, tensor: GgufTensor, headSize: number): AsyncGenerator<Uint8Array> {
  const rowBytes = rowBytesOf(tensor);
  const half = headSize / 2;
  for await (const bytes of readRows(path, tensor, headSize)) {
    const ordered = new Uint8Array(bytes.length);
    const rows = bytes.length / rowBytes;
    for (let row = 0; row < rows; row++) {
      const inHead = row % headSize;
      const source = row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
      ordered.set(bytes.subarray(source * rowBytes, (source + 1) * rowBytes), row * rowBytes);
    }
    yield ordered;
  }
}

async function readHeader(path: string): Promise<Result<GgufHeader, EngineErrorCode>> {
  let file: ByteFile | undefined;
  try {
    file = await openByteFile(path);
    for (let wanted = FIRST_READ_BYTES; ; wanted *= 4) {
      const bytes = new Uint8Array(Math.min(file.availableFromStart, wanted, GGUF_LIMITS.maxHeaderBytes));
      await file.read(bytes, 0);
      const header = parseGgufHeader(bytes, file.sizeBytes);
      if (!header.ok) return header;
      if (header.value !== undefined) return success(header.value);
      if (bytes.length < wanted) {
        return engineFailure('weights-invalid', 'The GGUF file is broken: its header has no end.');
      }
    }
  } catch (thrown) {
    return engineFailure('model-not-found', `${basename(path)} could not be read: ${reasonOf(thrown)}`);
  } finally {
    await file?.close();
  }
}
