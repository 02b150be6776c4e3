import i18next from 'i18next';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelCoverage } from '../../contract';
import { startI18n } from '../i18n/i18n';
import { coverageSentence, missingSpans } from './coverage';

/** `m` mine, `o` others, `.` missing. */
function coverageOf(pattern: string, more: Partial<ModelCoverage> = {}): ModelCoverage {
  const holders = { m: 'mine', o: 'others', '.': 'missing' } as const;
  return {
    modelId: 'tiny',
    friendlyName: 'tiny',
    totalLayers: pattern.length,
    available: !pattern.includes('.'),
    reason: null,
    layers: [...pattern].map((sign, index) => {
      const holder = holders[sign as keyof typeof holders];
      return { index, holder, holders: holder === 'missing' ? 0 : 1 };
    }),
    ...more,
  };
}

describe('missingSpans', () => {
  it('joins neighbours', () => {
    expect(missingSpans(coverageOf('mm..o.'))).toEqual([
      { start: 2, end: 3 },
      { start: 5, end: 5 },
    ]);
    expect(missingSpans(coverageOf('mmoo'))).toEqual([]);
    expect(missingSpans(coverageOf('....'))).toEqual([{ start: 0, end: 3 }]);
  });
});

describe('coverageSentence', () => {
  beforeAll(() => startI18n());
  const sentence = (coverage: ModelCoverage) => coverageSentence(i18next.t, coverage);

  it('says that all layers are held, or which are missing', () => {
    expect(sentence(coverageOf('mmmmoooo'))).toBe('All 8 layers of tiny are held: questions can be answered.');
    expect(sentence(coverageOf('mmmm....'))).toBe(
      'Layers 4-7 of tiny are missing: questions wait until computers hold them.',
    );
    expect(sentence(coverageOf('mmm.'))).toBe('Layer 3 of tiny is missing: questions wait until a computer holds it.');
  });

  it('counts what would be too long to list', () => {
    expect(sentence(coverageOf('.m.m.m.m.m.m.m.m'))).toContain('Layers 0, 2, 4, 6, 8, 10 and 2 more ranges of tiny');
  });

  it('gives the reason when layers are held and still no pipeline can be formed', () => {
    expect(sentence(coverageOf('oo', { available: false, reason: 'The versions differ.' }))).toBe(
      'All layers of tiny are held, but no pipeline can be formed: The versions differ.',
    );
  });
});
