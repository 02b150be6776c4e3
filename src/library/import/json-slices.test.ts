import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LibraryError } from '../store/errors';
import { JsonSlicer, type JsonSlice } from './json-slices';
import { parseRecord } from './parse-record';

function slice(text: string | Buffer, pieceBytes = 7): readonly JsonSlice[] {
  const bytes = Buffer.from(text);
  const slicer = new JsonSlicer();
  const slices: JsonSlice[] = [];
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    slices.push(...slicer.push(bytes.subarray(from, from + pieceBytes)));
  }
  return [...slices, ...slicer.end()];
}

function values(text: string | Buffer, pieceBytes = 7): readonly unknown[] {
  return slice(text, pieceBytes).map((entry) => {
    const parsed = parseRecord(entry);
    return parsed.ok ? parsed.value : `refused: ${parsed.why}`;
  });
}

describe('cutting JSON into records', () => {
  it('gives the elements of a list back, however the file is cut into pieces', () => {
    const element = fc.oneof(
      fc.jsonValue({ depthSize: 'small' }),
      fc.string({ unit: 'binary' }),
      fc.constant('\\"}]{[,:'),
    );
    fc.assert(
      fc.property(fc.array(element), fc.integer({ min: 1, max: 64 }), fc.boolean(), (list, pieceBytes, isPretty) => {
        const text = JSON.stringify(list, null, isPretty ? 2 : 0);
        expect(values(text, pieceBytes)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it('gives the values of a file of lines back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { minLength: 1 }),
        fc.integer({ min: 1, max: 64 }),
        (list, pieceBytes) => {
          const text = list.map((entry) => JSON.stringify(entry)).join('\n');
          expect(values(text, pieceBytes)).toEqual(list.map((entry): unknown => JSON.parse(JSON.stringify(entry))));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('reads one object, with a byte order mark, as one record', () => {
    expect(values('\uFEFF {"a": [1, {"b": "]"}]} ')).toEqual([{ a: [1, { b: ']' }] }]);
  });

  it('tells where a cut-off file ends in a record', () => {
    expect(slice('[{"a":1},{"b":"x').map(({ fault }) => fault)).toEqual([null, 'truncated']);
    expect(slice('[{"a":1},').map(({ fault }) => fault)).toEqual([null, 'truncated']);
  });

  it('refuses what is not JSON between records', () => {
    expect(() => slice('[{"a":1} {"b":2}]')).toThrow(LibraryError);
    expect(() => slice('[{"a":1}] trailing')).toThrow(LibraryError);
    expect(() => slice('[,,,]')).toThrow(LibraryError);
    expect(() => slice('}')).toThrow(LibraryError);
  });

  it('passes a record over the limit without holding it, and goes on behind it', () => {
    const slicer = new JsonSlicer();
    const piece = Buffer.alloc(8_388_608, 'x');
    const slices: JsonSlice[] = [...slicer.push(Buffer.from('[{"text":"'))];
    // More than the longest string of the engine, in one text: 640 MB.
    for (let index = 0; index < 80; index += 1) slices.push(...slicer.push(piece));
    slices.push(...slicer.push(Buffer.from('"},{"fine":1}]')), ...slicer.end());
    expect(slices.map(({ fault, bytes }) => [fault, bytes?.toString() ?? null])).toEqual([
      ['too-large', null],
      [null, '{"fine":1}'],
    ]);
  });

  it('passes a record that nests too deeply without holding or parsing it', () => {
    const bomb = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(slice(`[${bomb}, {"fine": true}]`, 1_000).map(({ fault, bytes }) => [fault, bytes === null])).toEqual([
      ['too-deep', true],
      [null, false],
    ]);
  });
});

describe('parsing a record', () => {
  it.each([
    ['{"a":1,"a":2}', 'the same field twice'],
    ['{"a":1,"\\u0061":2}', 'the same field twice'],
    ['{"a":{"b":[{"c":1,"c":1}]}}', 'the same field twice'],
    ['{"a":1e999}', 'too large'],
    ['{"a":-1e999}', 'too large'],
    ['{"a":01}', 'not valid JSON'],
    ['{"a":tru}', 'not valid JSON'],
    ['{"a":"\u0001"}', 'not valid JSON'],
  ])('refuses %s', (text, why) => {
    expect(values(text)).toEqual([expect.stringContaining(why)]);
  });

  it('names the limit that a record went over', () => {
    const why = (text: string): readonly unknown[] =>
      slice(text).map((each) => parseRecord({ ...each, bytes: null, fault: 'too-large' }));
    expect(why('[{}]')).toEqual([{ ok: false, why: 'it is larger than 64 MB' }]);
    expect(why('{}')).toEqual([{ ok: false, why: 'it is larger than 256 MB' }]);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(values(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]))).toEqual([
      expect.stringContaining('not UTF-8'),
    ]);
  });

  it('keeps lone surrogates and a field called __proto__ as they are', () => {
    const [value] = values(String.raw`{"a":"\ud800","__proto__":{"polluted":true}}`);
    expect(JSON.stringify(value)).toBe(String.raw`{"a":"\ud800","__proto__":{"polluted":true}}`);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
