import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { GGML_FORMATS, nameOfGgmlType, type GgmlFormat } from './ggml-formats';

/** Limits on what a GGUF header may claim; each bounds work or memory before anything else is known of the file. */
export const GGUF_LIMITS = {
  /** Vocabulary and merges of the largest published tokenizers take about 20 MB. */
  maxHeaderBytes: 256 << 20,
  maxTensors: 100_000,
  maxKeys: 100_000,
  maxKeyBytes: 65_535,
  /** Lists hold vocabularies, merges and scores. */
  maxListLength: 4_000_000,
  /** Of all lists together. */
  maxListEntries: 8_000_000,
  maxDimensions: 4,
  maxAlignment: 65_536,
} as const;

/** Kind of tokens that are no text (llama.cpp, llama_token_type). */
export const GGUF_CONTROL_TOKEN = 3;

/** A value of the metadata. Integers of 64 bits are given as numbers; none that is used exceeds 2^53. */
export type GgufValue = number | boolean | string | readonly (number | boolean | string)[];

/** One tensor; dimensions in the order `[rows, columns]`, outermost first. */
export interface GgufTensor {
  readonly name: string;
  readonly format: GgmlFormat;
  readonly dimensions: readonly number[];
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** The bytes end before the header does. */
class HeaderEnds extends Error {}
class HeaderBroken extends Error {}
class HeaderUnsupported extends Error {}

const MAGIC = 0x46554747;
const DEFAULT_ALIGNMENT = 32;
/** Value types of the format's specification (ggml, docs/gguf.md). */
const TYPE_STRING = 8;
const TYPE_LIST = 9;

const textDecoder = new TextDecoder();

/**
 * Reads the header of a GGUF file, version 2 or 3, little-endian.
 *
 * @param bytes - the beginning of the file
 * @param fileSizeBytes - size of the whole file
 * @returns the header, or `undefined` where it is longer than `bytes`
 */
export function parseGgufHeader(
  bytes: Uint8Array,
  fileSizeBytes: number,
): Result<GgufHeader | undefined, EngineErrorCode> {
  try {
    return success(parse(new Cursor(bytes), fileSizeBytes));
  } catch (thrown) {
    if (thrown instanceof HeaderEnds) {
      return bytes.length < fileSizeBytes ? success(undefined) : broken('the file ends within its header');
    }
    if (thrown instanceof HeaderBroken) return broken(thrown.message);
    if (thrown instanceof HeaderUnsupported) return engineFailure('model-unsupported', thrown.message);
    throw thrown;
  }
}

function parse(cursor: Cursor, fileSizeBytes: number): GgufHeader {
  if (cursor.uint32() !== MAGIC) throw new HeaderBroken('it does not begin with "GGUF"');
  const version = cursor.uint32();
  if (version !== 2 && version !== 3) throw new HeaderUnsupported(`GGUF of version ${version} is not supported.`);
  const tensorCount = cursor.count(GGUF_LIMITS.maxTensors, 'tensors');
  const keyCount = cursor.count(GGUF_LIMITS.maxKeys, 'keys');
  const metadata = new Map<string, GgufValue>();
  for (let index = 0; index < keyCount; index++) {
    const key = cursor.text(GGUF_LIMITS.maxKeyBytes);
    if (metadata.has(key)) throw new HeaderBroken(`it holds ${key.slice(0, 100)} twice`);
    metadata.set(key, readValue(cursor, cursor.uint32()));
  }
  const described: Omit<GgufTensor, 'sizeBytes'>[] = [];
  for (let index = 0; index < tensorCount; index++) described.push(readTensor(cursor));
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPower = typeof alignment === 'number' && alignment >= 8 && (alignment & (alignment - 1)) === 0;
  if (!isPower || alignment > GGUF_LIMITS.maxAlignment) throw new HeaderBroken('its alignment is wrong');
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { metadata, tensors: placeTensors(described, dataStart, alignment, fileSizeBytes) };
}

function readValue(cursor: Cursor, type: number): GgufValue {
  if (type === TYPE_STRING) return cursor.text(GGUF_LIMITS.maxHeaderBytes);
  if (type !== TYPE_LIST) return cursor.scalar(type);
  const elementType = cursor.uint32();
  if (elementType === TYPE_LIST) throw new HeaderUnsupported('Lists of lists in GGUF metadata are not supported.');
  const length = cursor.count(GGUF_LIMITS.maxListLength, 'entries of a list');
  cursor.listEntries += length;
  if (cursor.listEntries > GGUF_LIMITS.maxListEntries) {
    throw new HeaderBroken(`its lists have more than ${GGUF_LIMITS.maxListEntries} entries`);
  }
  const values: (number | boolean | string)[] = [];
  for (let index = 0; index < length; index++) {
    values.push(elementType === TYPE_STRING ? cursor.text(GGUF_LIMITS.maxKeyBytes) : cursor.scalar(elementType));
  }
  return values;
}

function readTensor(cursor: Cursor): Omit<GgufTensor, 'sizeBytes'> {
  const name = cursor.text(GGUF_LIMITS.maxKeyBytes);
  const rank = cursor.uint32();
  if (rank < 1 || rank > GGUF_LIMITS.maxDimensions)
    throw new HeaderBroken(`${name.slice(0, 100)} has ${rank} dimensions`);
  const dimensions: number[] = [];
  // The format names the innermost dimension first.
  for (let index = 0; index < rank; index++) dimensions.unshift(cursor.count(2 ** 40, 'numbers in a row'));
  const type = cursor.uint32();
  const format = GGML_FORMATS.find((known) => known.type === type);
  if (format === undefined) {
    throw new HeaderUnsupported(`Weights of type ${nameOfGgmlType(type)} (${name.slice(0, 100)}) are not supported.`);
  }
  return { name, format, dimensions, offsetBytes: cursor.count(Number.MAX_SAFE_INTEGER, 'bytes') };
}

function placeTensors(
  described: readonly Omit<GgufTensor, 'sizeBytes'>[],
  dataStart: number,
  alignment: number,
  fileSizeBytes: number,
): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  for (const tensor of described) {
    const shown = tensor.name.slice(0, 100);
    const { format, dimensions } = tensor;
    const columns = dimensions.at(-1) ?? 0;
    const elements = dimensions.reduce((product, size) => product * size, 1);
    if (elements === 0 || !Number.isSafeInteger(elements)) throw new HeaderBroken(`the shape of ${shown} is wrong`);
    if (columns % format.blockWeights !== 0) throw new HeaderBroken(`the rows of ${shown} hold no whole blocks`);
    if (tensor.offsetBytes % alignment !== 0) throw new HeaderBroken(`${shown} is not aligned`);
    if (tensors.has(tensor.name)) throw new HeaderBroken(`it holds ${shown} twice`);
    const offsetBytes = dataStart + tensor.offsetBytes;
    const sizeBytes = (elements / format.blockWeights) * format.blockBytes;
    if (offsetBytes + sizeBytes > fileSizeBytes) {
      throw new HeaderBroken(`${shown} reaches beyond the end of the file; the download may be cut short`);
    }
    tensors.set(tensor.name, { ...tensor, offsetBytes, sizeBytes });
  }
  let end = 0;
  for (const tensor of [...tensors.values()].sort((a, b) => a.offsetBytes - b.offsetBytes)) {
    if (tensor.offsetBytes < end) throw new HeaderBroken(`${tensor.name.slice(0, 100)} overlaps another tensor`);
    end = tensor.offsetBytes + tensor.sizeBytes;
  }
  return tensors;
}

function broken(what: string) {
  return engineFailure('weights-invalid', `The GGUF file is broken: ${what}.`, {
    suggestion: 'Download the model again.',
  });
}

/** Reads the header's little-endian values one after the other. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  position = 0;
  /** Entries of the lists that were begun. */
  listEntries = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** A number of things, 64 bits. */
  count(limit: number, what: string): number {
    const value = this.#view.getBigUint64(this.#take(8), true);
    if (value > BigInt(limit)) throw new HeaderBroken(`it claims ${value} ${what}`);
    return Number(value);
  }

  text(maxBytes: number): string {
    const length = this.count(maxBytes, 'bytes of text');
    const start = this.#take(length);
    return textDecoder.decode(this.#bytes.subarray(start, start + length));
  }

  scalar(type: number): number | boolean {
    switch (type) {
      case 0:
        return this.#view.getUint8(this.#take(1));
      case 1:
        return this.#view.getInt8(this.#take(1));
      case 2:
        return this.#view.getUint16(this.#take(2), true);
      case 3:
        return this.#view.getInt16(this.#take(2), true);
      case 4:
        return this.uint32();
      case 5:
        return this.#view.getInt32(this.#take(4), true);
      case 6:
        return this.#view.getFloat32(this.#take(4), true);
      case 7:
        return this.#view.getUint8(this.#take(1)) !== 0;
      case 10:
        return Number(this.#view.getBigUint64(this.#take(8), true));
      case 11:
        return Number(this.#view.getBigInt64(this.#take(8), true));
      case 12:
        return this.#view.getFloat64(this.#take(8), true);
      default:
        throw new HeaderBroken(`it holds a value of the unknown type ${type}`);
    }
  }

  #take(sizeBytes: number): number {
    const start = this.position;
    if (start + sizeBytes > this.#bytes.length) throw new HeaderEnds();
    this.position += sizeBytes;
    return start;
  }
}
