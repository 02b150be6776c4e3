import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtobufWriter } from './protobuf-writer';

/** Reads a varint the way the protobuf guide describes it. */
function readVarint(bytes: Uint8Array, start: number): { value: bigint; next: number } {
  let value = 0n;
  for (let index = start; ; index++) {
    const byte = bytes[index] ?? 0;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (index - start));
    if (byte < 0x80) return { value, next: index + 1 };
  }
}

describe('ProtobufWriter', () => {
  it('writes the examples of the protobuf encoding guide', () => {
    expect([...new ProtobufWriter().integer(1, 150).finish()]).toEqual([0x08, 0x96, 0x01]);
    expect([...new ProtobufWriter().text(2, 'testing').finish()]).toEqual([0x12, 7, ...Buffer.from('testing')]);
    const inner = new ProtobufWriter().integer(1, 150);
    expect([...new ProtobufWriter().message(3, inner).finish()]).toEqual([0x1a, 3, 0x08, 0x96, 0x01]);
    expect([...new ProtobufWriter().integer(1, -2).finish()]).toEqual([0x08, 0xfe, ...Array(8).fill(0xff), 0x01]);
    expect([...new ProtobufWriter().float(4, 1).finish()]).toEqual([0x25, 0, 0, 0x80, 0x3f]);
  });

  it('writes any 64-bit integer in any field', () => {
    const field = fc.integer({ min: 1, max: 2 ** 29 - 1 });
    fc.assert(
      fc.property(field, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (number, value) => {
        const bytes = new ProtobufWriter().integer(number, value).finish();
        const tag = readVarint(bytes, 0);
        const read = readVarint(bytes, tag.next);
        expect(tag.value).toBe(BigInt(number) << 3n);
        expect(BigInt.asIntN(64, read.value)).toBe(value);
        expect(read.next).toBe(bytes.length);
      }),
    );
  });
});
