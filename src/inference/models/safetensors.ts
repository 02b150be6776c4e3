import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { parseBoundedJson } from './bounded-json';
import { isWeightFormat, WEIGHT_FORMAT_BYTES, type WeightFormat } from './number-formats';

/** Limits on what a safetensors header may claim; each bounds work or memory before anything else is known of the file. */
export const SAFETENSORS_LIMITS = {
  /** The limit of the format's reference implementation. */
  maxHeaderBytes: 100_000_000,
  /** A model of 1,024 layers has about 10,000 tensors. */
  maxTensors: 100_000,
  maxDimensions: 8,
} as const;

/** Length of the little-endian header size at the start of the file. */
export const SAFETENSORS_PREFIX_BYTES = 8;

/** Where one tensor lies and what it holds. */
export interface StoredTensor {
  readonly name: string;
  readonly format: WeightFormat;
  readonly dimensions: readonly number[];
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Reads the header size from the first eight bytes and checks it against the file. */
export function parseHeaderLength(prefix: Uint8Array, fileSizeBytes: number): Result<number, EngineErrorCode> {
  if (prefix.length < SAFETENSORS_PREFIX_BYTES) return broken('the file is shorter than 8 bytes');
  const length = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength).getBigUint64(0, true);
  if (length < 2n) return broken('its header is empty');
  if (length > BigInt(SAFETENSORS_LIMITS.maxHeaderBytes)) {
    return broken(`it claims a header of ${length} bytes, more than ${SAFETENSORS_LIMITS.maxHeaderBytes}`);
  }
  if (length > BigInt(fileSizeBytes - SAFETENSORS_PREFIX_BYTES)) {
    return broken(`it claims a header of ${length} bytes but the file has ${fileSizeBytes}`);
  }
  return success(Number(length));
}

/**
 * Reads and checks a safetensors header: formats, shapes against sizes, offsets within the file, no overlaps, no holes.
 *
 * @param header - the JSON text's bytes, after the eight-byte length
 * @param fileSizeBytes - size of the whole file
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  fileSizeBytes: number,
): Result<Map<string, StoredTensor>, EngineErrorCode> {
  let parsed: unknown;
  try {
    parsed = parseBoundedJson(header);
  } catch (thrown) {
    const isText = thrown instanceof SyntaxError;
    return broken(`its header is not valid JSON${isText ? ` (${thrown.message.slice(0, 200)})` : ''}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return broken('its header is not a JSON object');
  }
  const dataStart = SAFETENSORS_PREFIX_BYTES + header.length;
  const entries = Object.entries(parsed).filter(([name]) => name !== '__metadata__');
  if (entries.length > SAFETENSORS_LIMITS.maxTensors) return broken(`it lists ${entries.length} tensors`);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of entries) {
    const tensor = parseEntry(name, entry, dataStart);
    if (!tensor.ok) return tensor;
    tensors.set(name, tensor.value);
  }
  const covered = checkCoverage([...tensors.values()], dataStart, fileSizeBytes);
  return covered.ok ? success(tensors) : covered;
}

function parseEntry(name: string, entry: unknown, dataStart: number): Result<StoredTensor, EngineErrorCode> {
  const shown = name.slice(0, 100);
  if (typeof entry !== 'object' || entry === null) return broken(`the entry of ${shown} is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
  if (typeof dtype !== 'string') return broken(`${shown} has no dtype`);
  if (!isWeightFormat(dtype)) {
    return engineFailure('model-unsupported', `Weights of type ${dtype.slice(0, 20)} (${shown}) are not supported.`, {
      suggestion: 'Use weights stored as F32, F16 or BF16.',
    });
  }
  if (!isListOfSizes(shape) || shape.length > SAFETENSORS_LIMITS.maxDimensions) {
    return broken(`the shape of ${shown} is wrong`);
  }
  if (!isListOfSizes(offsets) || offsets.length !== 2) return broken(`the offsets of ${shown} are wrong`);
  const [begin = 0, end = 0] = offsets;
  const expected = shape.reduce((product, size) => product * size, WEIGHT_FORMAT_BYTES[dtype]);
  if (end < begin || end - begin !== expected) {
    return broken(`${shown} claims ${end - begin} bytes where its shape needs ${expected}`);
  }
  return success({
    name,
    format: dtype,
    dimensions: shape,
    offsetBytes: dataStart + begin,
    sizeBytes: expected,
  });
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Tensors must lie side by side and fill the file, as the reference implementation demands: bytes no tensor owns could hide anything. */
function checkCoverage(
  tensors: StoredTensor[],
  dataStart: number,
  fileSizeBytes: number,
): Result<void, EngineErrorCode> {
  tensors.sort((a, b) => a.offsetBytes - b.offsetBytes || a.sizeBytes - b.sizeBytes);
  let end = dataStart;
  for (const tensor of tensors) {
    const shown = tensor.name.slice(0, 100);
    if (tensor.offsetBytes < end) return broken(`${shown} overlaps another tensor`);
    if (tensor.offsetBytes > end) return broken(`there is a gap before ${shown}`);
    end += tensor.sizeBytes;
    if (end > fileSizeBytes)
      return broken(`${shown} reaches beyond the end of the file; the download may be cut short`);
  }
  if (end !== fileSizeBytes) return broken(`${fileSizeBytes - end} bytes at its end belong to no tensor`);
  return success(undefined);
}

function broken(what: string) {
  return engineFailure('weights-invalid', `The safetensors file is broken: ${what}.`, {
    suggestion: 'Download the model again.',
  });
}
