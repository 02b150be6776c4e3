/** Number formats of stored weights the engine reads, by their names in safetensors. */
export type WeightFormat = 'F32' | 'F16' | 'BF16';

/** Bytes of one number. */
export const WEIGHT_FORMAT_BYTES: Readonly<Record<WeightFormat, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Whether a name of a safetensors header is a format the engine reads. */
export function isWeightFormat(name: string): name is WeightFormat {
  return name === 'F32' || name === 'F16' || name === 'BF16';
}

/** Value of an IEEE 754 binary16 number given by its bits. */
export function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halfTable: Float32Array | undefined;

/** All 65,536 values: a look-up is several times faster than decoding, and models hold billions of them. */
function halfValues(): Float32Array {
  if (halfTable === undefined) {
    halfTable = new Float32Array(65_536);
    for (let bits = 0; bits < 65_536; bits++) halfTable[bits] = halfToNumber(bits);
  }
  return halfTable;
}

/**
 * Decodes little-endian weights to 32-bit floats; every value of the three formats is exact.
 *
 * @param bytes - whole numbers of `format`
 */
export function decodeWeights(bytes: Uint8Array, format: WeightFormat): Float32Array {
  const count = bytes.byteLength / WEIGHT_FORMAT_BYTES[format];
  const values = new Float32Array(count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (format) {
    case 'F32':
      for (let index = 0; index < count; index++) values[index] = view.getFloat32(index * 4, true);
      return values;
    case 'F16': {
      const table = halfValues();
      for (let index = 0; index < count; index++) values[index] = table[view.getUint16(index * 2, true)] ?? Number.NaN;
      return values;
    }
    case 'BF16': {
      // bfloat16 is the upper half of a binary32.
      const words = new Uint32Array(values.buffer);
      for (let index = 0; index < count; index++) words[index] = view.getUint16(index * 2, true) << 16;
      return values;
    }
  }
}
