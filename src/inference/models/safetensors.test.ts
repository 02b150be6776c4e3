import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { parseHeaderLength, parseSafetensorsHeader, SAFETENSORS_LIMITS } from './safetensors';

function encode(header: unknown): Uint8Array {
  return new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
}

/** Parses a header in front of `dataBytes` bytes of data. */
function parse(header: unknown, dataBytes: number) {
  const bytes = encode(header);
  return parseSafetensorsHeader(bytes, 8 + bytes.length + dataBytes);
}

function prefix(length: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  return bytes;
}

const a = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] };
const b = { dtype: 'F16', shape: [3], data_offsets: [16, 22] };

describe('parseHeaderLength', () => {
  it('reads the length', () => {
    expect(expectValue(parseHeaderLength(prefix(100n), 200))).toBe(100);
  });

  it.each<[string, Uint8Array, number]>([
    ['a file of five bytes', new Uint8Array(5), 5],
    ['an empty header', prefix(0n), 100],
    ['a header longer than the file', prefix(93n), 100],
    ['a header of 18 exabytes', prefix(2n ** 64n - 1n), 100],
    ['a header beyond the limit', prefix(BigInt(SAFETENSORS_LIMITS.maxHeaderBytes + 1)), 2 ** 40],
  ])('refuses %s', (_, bytes, size) => {
    expect(codeOf(parseHeaderLength(bytes, size))).toBe('weights-invalid');
  });
});

describe('parseSafetensorsHeader', () => {
  it('reads tensors in any order, metadata aside', () => {
    const tensors = expectValue(parse({ __metadata__: { format: 'pt' }, b, a }, 22));
    const start = 8 + encode({ __metadata__: { format: 'pt' }, b, a }).length;
    expect(tensors.get('a')).toEqual({
      name: 'a',
      format: 'F32',
      dimensions: [2, 2],
      offsetBytes: start,
      sizeBytes: 16,
    });
    expect(tensors.get('b')).toMatchObject({ format: 'F16', offsetBytes: start + 16, sizeBytes: 6 });
  });

  it.each<[string, unknown, number]>([
    ['text that is not JSON', '{"a":', 0],
    ['a list', [], 0],
    ['null', 'null', 0],
    ['an entry that is not an object', { a: 5 }, 0],
    ['an entry without a type', { a: { shape: [1], data_offsets: [0, 4] } }, 4],
    ['a negative size', { a: { ...a, shape: [-2, -2] } }, 16],
    ['half a size', { a: { ...a, shape: [0.5, 8] } }, 16],
    ['sizes whose product overflows', { a: { ...a, shape: [2 ** 52, 2 ** 52] } }, 16],
    ['too many dimensions', { a: { ...a, shape: [4, 1, 1, 1, 1, 1, 1, 1, 1] } }, 16],
    ['offsets that end before they begin', { a: { ...a, data_offsets: [16, 0] } }, 16],
    ['three offsets', { a: { ...a, data_offsets: [0, 16, 16] } }, 16],
    ['a negative offset', { a: { ...a, data_offsets: [-16, 0] } }, 16],
    ['a shape of another size than its bytes', { a: { ...a, shape: [2, 3] } }, 16],
    ['an overlap', { a, b: { ...b, data_offsets: [12, 18] } }, 18],
    ['a gap', { a, b: { ...b, data_offsets: [20, 26] } }, 26],
    ['a tensor beyond the end', { a, b }, 20],
    ['bytes no tensor owns', { a }, 20],
  ])('refuses %s', (_, header, dataBytes) => {
    expect(codeOf(parse(header, dataBytes))).toBe('weights-invalid');
  });

  it('says what is wrong where several things may be', () => {
    const overlap = parse({ a, b: { ...b, data_offsets: [12, 18] } }, 18);
    expect(!overlap.ok && overlap.error.message).toContain('b overlaps another tensor');
    const short = parse({ a, b }, 20);
    expect(!short.ok && short.error.message).toContain('cut short');
  });

  it('names a type it does not read', () => {
    const result = parse({ a: { ...a, dtype: 'F8_E4M3', data_offsets: [0, 4] } }, 4);
    expect(codeOf(result)).toBe('model-unsupported');
    expect(!result.ok && result.error.message).toContain('F8_E4M3');
  });

  it('treats names of object machinery as names', () => {
    const tensors = expectValue(parse('{"__proto__":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}', 2));
    expect([...tensors.keys()]).toEqual(['__proto__']);
  });

  it('answers any bytes with a value and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = parseSafetensorsHeader(bytes, 8 + bytes.length);
        expect(result.ok || result.error.code === 'weights-invalid').toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (header) => {
        const result = parse(header, 10);
        expect(typeof result.ok).toBe('boolean');
      }),
    );
  });
});
