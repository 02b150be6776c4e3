import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MODEL_LIMITS } from '../../protocol/compute/model';
import {
  readBoolean,
  readDetail,
  readInteger,
  readMicroGft,
  readModelIds,
  readNode,
  readNumber,
  readRoot,
  readSuggestion,
  readTask,
  readTime,
  readVerdict,
} from './reading';

describe('reading single values', () => {
  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05+00:00', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.123456+00:00', '2026-01-02T03:04:05.123Z'],
    ['2026-01-02T03:04:05.123456', '2026-01-02T03:04:05.123Z'],
    ['2026-01-02 03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05.5+02:00', '2026-01-02T01:04:05.500Z'],
    ['2026-13-02T03:04:05Z', null],
    ['yesterday', null],
    ['', null],
    [null, null],
    [17, null],
  ])('time %j', (value, expected) => {
    expect(readTime(value)).toBe(expected);
  });

  it.each([
    [10.799999999999999, 10.799999999999999],
    ['0.75', 0.75],
    [' 3 ', 3],
    [0, 0],
    ['', null],
    ['NaN', null],
    ['Infinity', null],
    [Number.NaN, null],
    [null, null],
    [true, null],
    [[], null],
  ])('number %j', (value, expected) => {
    expect(readNumber(value)).toBe(expected);
  });

  it.each([
    [15, 15],
    ['15', 15],
    [15.0, 15],
    ['15.0', 15],
    [15.5, null],
    [1e300, null],
  ])('integer %j', (value, expected) => {
    expect(readInteger(value)).toBe(expected);
  });

  it.each([
    [true, true],
    ['enabled', true],
    ['Off', false],
    [1, true],
    [0, false],
    [null, null],
    ['perhaps', null],
  ])('boolean %j', (value, expected) => {
    expect(readBoolean(value)).toBe(expected);
  });

  it('amounts become exact micro-GFT', () => {
    expect(readMicroGft(10.799999999999999)).toBe(10_800_000);
    expect(readMicroGft('0.000001')).toBe(1);
    expect(readMicroGft(1e300)).toBeNull();
    expect(readMicroGft(null)).toBeNull();
  });
});

describe('reading answers', () => {
  it('takes a node with only an id', () => {
    expect(readNode({ id: 'n', multiplier: null })).toEqual({
      nodeId: 'n',
      hardwareClass: null,
      multiplier: null,
      status: null,
      reliability: null,
      balanceMicroGft: null,
    });
    expect(readNode({ hardware_class: 'x' })).toBeNull();
    expect(readNode([])).toBeNull();
  });

  it('keeps the exact prompt of a task and refuses impossible layers', () => {
    const prompt = 'x'.repeat(50_000);
    const task = { task_id: 't', payload: { prompt }, model_id: 'm', layer_start: '0', layer_end: 15.0 };
    expect(readTask(task)).toMatchObject({ prompt, range: { layer_start: 0, layer_end: 15 }, flopsEstimated: 0 });
    expect(readTask({ ...task, layer_end: -1 })).toBeNull();
    expect(readTask({ ...task, layer_start: 16 })).toBeNull();
    expect(readTask({ ...task, payload: null })).toBeNull();
  });

  it('takes a verdict without reliability', () => {
    expect(readVerdict({ status: 'suspended', passed: true })).toEqual({
      passed: true,
      status: 'suspended',
      reliability: null,
      message: null,
    });
  });

  it('reads suggestions, models and the root', () => {
    const range = { layer_start: 2, layer_end: 5 };
    expect(readSuggestion({ layer_start: 2, layer_end: '5' })).toEqual({ range, precision: null });
    expect(readSuggestion({ ...range, precision: 'int4' })).toEqual({ range, precision: 'int4' });
    for (const precision of ['fp16', 'exact', 4, null, ['int4']]) {
      expect(readSuggestion({ ...range, precision })?.precision).toBeNull();
    }
    expect(readSuggestion({ layer_start: 5, layer_end: 2 })).toBeNull();
    expect(readModelIds({ models: [{ model_id: 'a/b' }, {}, null] })).toEqual(['a/b']);
    expect(readModelIds({ models: {} })).toBeNull();
    expect(readRoot({ name: 'c', version: '1', token_mode: 'enabled' })).toEqual({
      name: 'c',
      version: '1',
      tokenMode: true,
    });
    expect(readRoot({ name: 'c' })).toBeNull();
  });

  it.each([
    [{ detail: 'No.' }, 'No.'],
    [
      { detail: [{ type: 'missing', loc: ['body', 'id'], msg: 'Field required', input: {} }] },
      'body.id: Field required',
    ],
    [{ detail: { message: 'Balance too low', balance: 1 } }, 'Balance too low'],
    [{ detail: { a: 1 } }, '{"a":1}'],
    ['text', null],
    [null, null],
  ])('errors %j', (value, expected) => {
    expect(readDetail(value)).toBe(expected);
  });

  it('takes of an error what can be shown, in bounds', () => {
    const detail = [
      { loc: ['body', { toString: 1 }, [[]], 3], msg: 'Invalid' },
      { loc: ['x'.repeat(100_000)], msg: 'y'.repeat(100_000) },
    ];
    const text = readDetail({ detail }) ?? '';
    expect(text.slice(0, 20)).toBe('body.3: Invalid; xxx');
    expect(text.length).toBeLessThan(1_000);
  });

  it('leaves halves of characters out of what becomes a part of addresses', () => {
    for (const id of ['n\ud800', `${'n'.repeat(199)}\u{1f600}`]) {
      expect(() => encodeURIComponent(readNode({ id })?.nodeId ?? '')).not.toThrow();
    }
    expect(readNode({ id: 'knoten-\u{1f600}' })?.nodeId).toBe('knoten-\u{1f600}');
  });

  it('takes a reliability that is one, so that its mean can be kept', () => {
    for (const reliability of [1e308, -1, '2', Number.NaN]) {
      expect(readNode({ id: 'n', reliability_factor: reliability })?.reliability).toBeNull();
      expect(readVerdict({ reliability }).reliability).toBeNull();
    }
    expect(readNode({ id: 'n', reliability: '0.5' })?.reliability).toBe(0.5);
  });

  it('takes no challenge about layers that no model has', () => {
    const task = { task_id: 't', payload: { prompt: 'p', model_id: 'm', layer_start: 0 } };
    expect(readTask({ ...task, layer_end: MODEL_LIMITS.maxLayers - 1 })).not.toBeNull();
    expect(readTask({ ...task, layer_end: MODEL_LIMITS.maxLayers })).toBeNull();
  });

  it('never throws, whatever JSON comes', () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const wrapped = { detail: value, payload: value, models: value, id: value, name: value, version: value };
        for (const input of [value, wrapped]) {
          readNode(input);
          readTask(input);
          readVerdict(input);
          readSuggestion(input);
          readModelIds(input);
          readRoot(input);
          readDetail(input);
          readTime(input);
          readMicroGft(input);
          expect(readNumber(input) ?? 0).not.toBeNaN();
        }
      }),
    );
  });
});
