import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeGguf } from '../testdata/gguf-writer';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { parseGgufHeader } from './gguf';

const floats = new Uint8Array(4 * 64);
const tensor = { name: 'a', dimensions: [2, 32], format: 'F32', bytes: floats } as const;
const file = encodeGguf(
  { 'general.name': 'x', count: 7, share: { float: 0.5 }, is: true, words: ['a', 'bc'], scores: [1, 2] },
  [tensor, { ...tensor, name: 'b', format: 'Q8_0', bytes: new Uint8Array(68) }],
);

/** The file with some of its bytes replaced. */
function patch(find: string, change: (view: DataView, offset: number) => void): Buffer {
  const bytes = Buffer.from(file);
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes.indexOf(find) + find.length);
  return bytes;
}

describe('parseGgufHeader', () => {
  it('reads metadata and tensors', () => {
    const header = expectValue(parseGgufHeader(file, file.length));
    expect(Object.fromEntries(header?.metadata ?? [])).toEqual({
      'general.name': 'x',
      count: 7,
      share: 0.5,
      is: true,
      words: ['a', 'bc'],
      scores: [1, 2],
    });
    const a = header?.tensors.get('a');
    expect(a).toMatchObject({ dimensions: [2, 32], sizeBytes: 256 });
    expect(header?.tensors.get('b')).toMatchObject({ sizeBytes: 68, offsetBytes: (a?.offsetBytes ?? 0) + 256 });
  });

  it('asks for more where the header is longer than what was read', () => {
    for (const length of [4, 30, 100, 200]) {
      expect(expectValue(parseGgufHeader(file.subarray(0, length), file.length))).toBeUndefined();
    }
    expect(codeOf(parseGgufHeader(file.subarray(0, 100), 100))).toBe('weights-invalid');
  });

  it.each<[string, Buffer, string]>([
    ['no GGUF', Buffer.from('<!doctype html> and more of it'), 'weights-invalid'],
    ['version 1', patch('GGUF', (view, at) => view.setUint32(at, 1, true)), 'model-unsupported'],
    ['a billion tensors', patch('GGUF', (view, at) => view.setBigUint64(at + 4, 10n ** 9n, true)), 'weights-invalid'],
    ['2^63 keys', patch('GGUF', (view, at) => view.setBigUint64(at + 12, 2n ** 63n, true)), 'weights-invalid'],
    ['an unknown value type', patch('count', (view, at) => view.setUint32(at, 99, true)), 'weights-invalid'],
    [
      'a list of 2^40 words',
      patch('words', (view, at) => view.setBigUint64(at + 8, 2n ** 40n, true)),
      'weights-invalid',
    ],
    ['a list of lists', patch('words', (view, at) => view.setUint32(at + 4, 9, true)), 'model-unsupported'],
    ['data cut short', file.subarray(0, file.length - 64), 'weights-invalid'],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(parseGgufHeader(bytes, bytes.length))).toBe(code);
  });

  it.each<[string, number, (view: DataView, offset: number) => void, string]>([
    ['a format it cannot read', 20, (view, at) => view.setUint32(at, 11, true), 'model-unsupported'],
    ['rows of broken blocks', 4, (view, at) => view.setBigUint64(at, 33n, true), 'weights-invalid'],
    ['an empty tensor', 4, (view, at) => view.setBigUint64(at, 0n, true), 'weights-invalid'],
    ['nine dimensions', 0, (view, at) => view.setUint32(at, 9, true), 'weights-invalid'],
    ['an unaligned tensor', 24, (view, at) => view.setBigUint64(at, 3n, true), 'weights-invalid'],
    ['overlapping tensors', 24, (view, at) => view.setBigUint64(at, 32n, true), 'weights-invalid'],
    ['a tensor beyond the end', 24, (view, at) => view.setBigUint64(at, 2n ** 50n, true), 'weights-invalid'],
  ])('refuses %s', (_, offset, change, code) => {
    // The second tensor: its name "b" behind the length 1, then dimensions, type and offset.
    const bytes = patch('\u0001\0\0\0\0\0\0\0b', (view, at) => change(view, at + offset));
    expect(codeOf(parseGgufHeader(bytes, bytes.length))).toBe(code);
  });

  it('answers any damage with a value and never throws', () => {
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(255), fc.nat(file.length), (at, value, length) => {
        const bytes = Buffer.from(file);
        bytes[at] = value;
        expect(typeof parseGgufHeader(bytes.subarray(0, length), length).ok).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});
