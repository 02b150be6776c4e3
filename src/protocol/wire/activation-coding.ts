/**
 * Element types an activation may travel in. f32 is exact. f16 and bf16 halve the bytes; `int8` takes a little more than
 * a quarter: 32 neighbouring values of a row share one f32 scale. What each loses is measured by `codingError`.
 */
export const ACTIVATION_DTYPES = ['f32', 'f16', 'bf16', 'int8'] as const;
export type ActivationDtype = (typeof ACTIVATION_DTYPES)[number];

/** Values that share a scale in `int8`. A row's last block may be shorter; blocks never reach over the end of a row. */
export const INT8_BLOCK = 32;
const INT8_LARGEST = 127;
const SCALE_BYTES = 4;

/** Typed arrays have the byte order of the machine; the wire is little-endian. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Whether no value is NaN or infinite. */
export function allFinite(values: Float32Array): boolean {
  // A sum of finite numbers in double precision stays finite; NaN and infinity do not go away in one. Four sums, because
  // each addition waits for the one before it.
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const { length } = values;
  const whole = length - (length % 4);
  for (let index = 0; index < whole; index += 4) {
    first += values[index] ?? 0;
    second += values[index + 1] ?? 0;
    third += values[index + 2] ?? 0;
    fourth += values[index + 3] ?? 0;
  }
  for (let index = whole; index < length; index += 1) first += values[index] ?? 0;
  return Number.isFinite(first) && Number.isFinite(second) && Number.isFinite(third) && Number.isFinite(fourth);
}

const floatScratch = new Float32Array(1);
const bitsScratch = new Uint32Array(floatScratch.buffer);

function bitsOf(value: number): number {
  floatScratch[0] = value;
  return bitsScratch[0] ?? 0;
}

function floatOf(bits: number): number {
  bitsScratch[0] = bits;
  return floatScratch[0] ?? 0;
}

/** IEEE 754 binary16 bits of a number, rounded to nearest, ties to even; beyond its range becomes infinity. */
export function encodeHalf(value: number): number {
  return halfOf(bitsOf(value));
}

/** @param bits - of a float32 */
function halfOf(bits: number): number {
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
  const exponent = bits & 0x7c00;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return (bits & 0x8000 ? -1 : 1) * fraction * 2 ** -24;
  const sign = (bits & 0x8000) << 16;
  // The exponent counts from 15 below zero there and from 127 here, except for infinities and NaN.
  const magnitude = exponent === 0x7c00 ? 0x7f800000 : (exponent << 13) + ((127 - 15) << 23);
  return floatOf((sign | magnitude | (fraction << 13)) >>> 0);
}

/** bfloat16 bits: the upper half of the float32, rounded to nearest, ties to even. */
export function encodeBfloat(value: number): number {
  return bfloatOf(bitsOf(value));
}

/** @param bits - of a float32 */
function bfloatOf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function decodeBfloat(bits: number): number {
  return floatOf((bits << 16) >>> 0);
}

/** Bytes of `positions` rows of `hiddenSize` values in one element type. */
export function payloadByteLength(positions: number, hiddenSize: number, dtype: ActivationDtype): number {
  switch (dtype) {
    case 'f32':
      return positions * hiddenSize * 4;
    case 'f16':
    case 'bf16':
      return positions * hiddenSize * 2;
    case 'int8':
      return positions * (hiddenSize + Math.ceil(hiddenSize / INT8_BLOCK) * SCALE_BYTES);
  }
}

/** Writes rows `[positions, hiddenSize]` to `target`, which has exactly the payload's length. */
export function encodePayload(
  values: Float32Array,
  hiddenSize: number,
  dtype: ActivationDtype,
  target: Uint8Array,
): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  if (dtype === 'int8') return encodeBlocks(values, hiddenSize, target, view);
  if (dtype === 'f32' && IS_LITTLE_ENDIAN) {
    target.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return;
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const { length } = bits;
  // A loop for each type: one that is told which function to call takes several times as long.
  if (dtype === 'f32') {
    for (let index = 0; index < length; index += 1) view.setUint32(index * 4, bits[index] ?? 0, true);
  } else if (dtype === 'f16') {
    for (let index = 0; index < length; index += 1) view.setUint16(index * 2, halfOf(bits[index] ?? 0), true);
  } else {
    for (let index = 0; index < length; index += 1) view.setUint16(index * 2, bfloatOf(bits[index] ?? 0), true);
  }
}

/** Reads `length` values; the payload has exactly the length of their shape. Values may come out infinite or NaN. */
export function decodePayload(
  payload: Uint8Array,
  length: number,
  hiddenSize: number,
  dtype: ActivationDtype,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(length);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (dtype === 'int8') {
    decodeBlocks(values, hiddenSize, view);
  } else if (dtype === 'f32' && IS_LITTLE_ENDIAN) {
    // Copied as bytes: a frame inside a larger buffer rarely begins where floats may.
    new Uint8Array(values.buffer).set(payload);
  } else if (dtype === 'f32') {
    for (let index = 0; index < length; index += 1) values[index] = view.getFloat32(index * 4, true);
  } else if (dtype === 'f16') {
    for (let index = 0; index < length; index += 1) values[index] = decodeHalf(view.getUint16(index * 2, true));
  } else {
    for (let index = 0; index < length; index += 1) values[index] = decodeBfloat(view.getUint16(index * 2, true));
  }
  return values;
}

/** Each block: its scale, largest magnitude / 127 as f32, then one signed byte per value. */
function encodeBlocks(values: Float32Array, hiddenSize: number, target: Uint8Array, view: DataView): void {
  let offset = 0;
  for (let row = 0; row < values.length; row += hiddenSize) {
    for (let start = row; start < row + hiddenSize; start += INT8_BLOCK) {
      const end = Math.min(start + INT8_BLOCK, row + hiddenSize);
      let largest = 0;
      for (let index = start; index < end; index += 1) largest = Math.max(largest, Math.abs(values[index] ?? 0));
      const scale = Math.fround(largest / INT8_LARGEST);
      view.setFloat32(offset, scale, true);
      offset += SCALE_BYTES;
      for (let index = start; index < end; index += 1, offset += 1) {
        const steps = scale === 0 ? 0 : Math.round((values[index] ?? 0) / scale);
        target[offset] = Math.max(-INT8_LARGEST, Math.min(INT8_LARGEST, steps)) & 0xff;
      }
    }
  }
}

function decodeBlocks(values: Float32Array, hiddenSize: number, view: DataView): void {
  let offset = 0;
  for (let row = 0; row < values.length; row += hiddenSize) {
    for (let start = row; start < row + hiddenSize; start += INT8_BLOCK) {
      const end = Math.min(start + INT8_BLOCK, row + hiddenSize);
      const scale = view.getFloat32(offset, true);
      offset += SCALE_BYTES;
      for (let index = start; index < end; index += 1, offset += 1) values[index] = scale * view.getInt8(offset);
    }
  }
}

/** What an element type does to values on their way. */
export interface CodingError {
  /** Largest absolute difference. */
  readonly largest: number;
  /** Root of the squared differences' sum over that of the squared values'; 0 for all zeros. */
  readonly relative: number;
}

/** Measures what a trip over the wire does to `[positions, hiddenSize]` values. */
export function codingError(values: Float32Array, hiddenSize: number, dtype: ActivationDtype): CodingError {
  const payload = new Uint8Array(payloadByteLength(values.length / hiddenSize, hiddenSize, dtype));
  encodePayload(values, hiddenSize, dtype, payload);
  const returned = decodePayload(payload, values.length, hiddenSize, dtype);
  let largest = 0;
  let lost = 0;
  let whole = 0;
  for (const [index, value] of values.entries()) {
    const difference = (returned[index] ?? 0) - value;
    largest = Math.max(largest, Math.abs(difference));
    lost += difference * difference;
    whole += value * value;
  }
  return { largest, relative: whole === 0 ? 0 : Math.sqrt(lost / whole) };
}
