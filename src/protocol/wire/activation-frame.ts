import { failure, success, type Result } from '../result';
import { WIRE_LIMITS } from './limits';

/** Element types an activation may travel in. f16 and bf16 halve the bytes at a stated rounding error. */
export const ACTIVATION_DTYPES = ['f32', 'f16', 'bf16'] as const;
export type ActivationDtype = (typeof ACTIVATION_DTYPES)[number];

const BYTES_PER_ELEMENT: Record<ActivationDtype, number> = { f32: 4, f16: 2, bf16: 2 };

/** Hidden states on their way to the next shard: `[positions, hiddenSize]`, row-major, little-endian. */
export interface ActivationFrame {
  /** UUID of the request. */
  readonly requestId: string;
  /** Index of the hop that shall process the frame; the first shard is hop 0 and receives token ids instead. */
  readonly hop: number;
  /** Position of the first row in the sequence. */
  readonly position: number;
  readonly positions: number;
  readonly hiddenSize: number;
  readonly dtype: ActivationDtype;
  readonly values: Float32Array;
}

/** The header alone: what a relay needs to check and route a frame without touching its payload. */
export type ActivationFrameHeader = Omit<ActivationFrame, 'values'>;

export type FrameErrorCode =
  | 'frame-too-short'
  | 'frame-too-large'
  | 'frame-not-tore'
  | 'frame-version'
  | 'frame-dtype'
  | 'frame-shape'
  | 'frame-length'
  | 'frame-values';

/*
 * Layout, little-endian, 40 bytes of header (a multiple of 8, so that the payload can be viewed in place):
 *  0  4 bytes  "TORE"          24  u16  hop          32  u32  positions
 *  4  u8       version = 1     26  u16  0 (reserved) 36  u32  hidden size
 *  5  u8       dtype index     28  u32  position
 *  6  u16      0 (reserved)
 *  8  16 bytes request UUID
 */
export const FRAME_HEADER_BYTES = 40;
const MAGIC = 0x45524f54;
const VERSION = 1;
const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function writeUuid(view: DataView, offset: number, uuid: string): void {
  const digits = uuid.replaceAll('-', '');
  for (let index = 0; index < 16; index += 1) {
    view.setUint8(offset + index, Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16));
  }
}

function readUuid(view: DataView, offset: number): string {
  let digits = '';
  for (let index = 0; index < 16; index += 1)
    digits += view
      .getUint8(offset + index)
      .toString(16)
      .padStart(2, '0');
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function floatOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** IEEE 754 binary16 bits of a number, rounded to nearest, ties to even; beyond its range becomes infinity. */
export function encodeHalf(value: number): number {
  const bits = bitsOf(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Subnormal halves are multiples of 2^-24; the sum rounds to one of them with the hardware's ties-to-even.
  const units = floatOf(magnitude) * 2 ** 24;
  const floor = Math.floor(units);
  const fraction = units - floor;
  return sign | (fraction > 0.5 || (fraction === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
}

/** The number that binary16 bits stand for. */
export function decodeHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 bits: the upper half of the float32, rounded to nearest, ties to even. */
export function encodeBfloat(value: number): number {
  const bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function decodeBfloat(bits: number): number {
  return floatOf((bits << 16) >>> 0);
}

/** Bytes a frame of this shape takes. */
export function frameByteLength(positions: number, hiddenSize: number, dtype: ActivationDtype): number {
  return FRAME_HEADER_BYTES + positions * hiddenSize * BYTES_PER_ELEMENT[dtype];
}

/**
 * Encodes hidden states for the wire.
 * @throws RangeError on a shape or id the format cannot carry; the caller built the frame, so that is a bug.
 */
export function encodeActivationFrame(frame: ActivationFrame): Uint8Array {
  const { positions, hiddenSize, dtype, values } = frame;
  const byteLength = frameByteLength(positions, hiddenSize, dtype);
  if (values.length !== positions * hiddenSize) throw new RangeError('activation length does not match its shape');
  if (byteLength > WIRE_LIMITS.maxFrameBytes)
    throw new RangeError(`activation frame of ${byteLength} bytes is too large`);
  if (!UUID_PATTERN.test(frame.requestId)) throw new RangeError('request id is not a UUID');
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, VERSION);
  view.setUint8(5, ACTIVATION_DTYPES.indexOf(dtype));
  writeUuid(view, 8, frame.requestId);
  view.setUint16(24, frame.hop, true);
  view.setUint32(28, frame.position, true);
  view.setUint32(32, positions, true);
  view.setUint32(36, hiddenSize, true);
  if (dtype === 'f32') {
    for (let index = 0, offset = FRAME_HEADER_BYTES; index < values.length; index += 1, offset += 4) {
      view.setFloat32(offset, values[index] ?? 0, true);
    }
  } else {
    const encode = dtype === 'f16' ? encodeHalf : encodeBfloat;
    for (let index = 0, offset = FRAME_HEADER_BYTES; index < values.length; index += 1, offset += 2) {
      view.setUint16(offset, encode(values[index] ?? 0), true);
    }
  }
  return bytes;
}

/** Reads and checks the header; the payload's length is checked, its values are not read. */
export function decodeFrameHeader(bytes: Uint8Array): Result<ActivationFrameHeader, FrameErrorCode> {
  if (bytes.byteLength < FRAME_HEADER_BYTES) {
    return failure(
      'frame-too-short',
      `The frame has ${bytes.byteLength} bytes; its header alone has ${FRAME_HEADER_BYTES}.`,
    );
  }
  if (bytes.byteLength > WIRE_LIMITS.maxFrameBytes) {
    return failure(
      'frame-too-large',
      `The frame has ${bytes.byteLength} bytes; the limit is ${WIRE_LIMITS.maxFrameBytes}.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return failure('frame-not-tore', 'The message is not an activation frame.');
  const version = view.getUint8(4);
  if (version !== VERSION)
    return failure('frame-version', `The frame has version ${version}; version ${VERSION} is known.`);
  const dtype = ACTIVATION_DTYPES[view.getUint8(5)];
  if (dtype === undefined) return failure('frame-dtype', `The frame has the unknown element type ${view.getUint8(5)}.`);
  const hop = view.getUint16(24, true);
  const position = view.getUint32(28, true);
  const positions = view.getUint32(32, true);
  const hiddenSize = view.getUint32(36, true);
  const inRange =
    positions >= 1 &&
    positions <= WIRE_LIMITS.maxPositionsPerFrame &&
    hiddenSize >= 1 &&
    hiddenSize <= WIRE_LIMITS.maxHiddenSize &&
    position + positions <= WIRE_LIMITS.maxPosition &&
    hop < WIRE_LIMITS.maxHops;
  if (!inRange) {
    return failure(
      'frame-shape',
      `The frame's shape [${positions}, ${hiddenSize}] at position ${position}, hop ${hop}, is out of range.`,
    );
  }
  const expected = frameByteLength(positions, hiddenSize, dtype);
  if (bytes.byteLength !== expected) {
    return failure(
      'frame-length',
      `The frame has ${bytes.byteLength} bytes; its shape [${positions}, ${hiddenSize}] in ${dtype} needs ${expected}.`,
    );
  }
  return success({ requestId: readUuid(view, 8), hop, position, positions, hiddenSize, dtype });
}

/** Decodes a frame. Values that are not finite are refused: one of them would poison every later position. */
export function decodeActivationFrame(bytes: Uint8Array): Result<ActivationFrame, FrameErrorCode> {
  const header = decodeFrameHeader(bytes);
  if (!header.ok) return header;
  const { positions, hiddenSize, dtype } = header.value;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(positions * hiddenSize);
  for (let index = 0; index < values.length; index += 1) {
    const value =
      dtype === 'f32'
        ? view.getFloat32(FRAME_HEADER_BYTES + index * 4, true)
        : dtype === 'f16'
          ? decodeHalf(view.getUint16(FRAME_HEADER_BYTES + index * 2, true))
          : decodeBfloat(view.getUint16(FRAME_HEADER_BYTES + index * 2, true));
    if (!Number.isFinite(value))
      return failure('frame-values', `The activation holds a value that is not finite at index ${index}.`);
    values[index] = value;
  }
  return success({ ...header.value, values });
}
