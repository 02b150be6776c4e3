import { describe, expect, it } from 'vitest';
import { contrast, DARK, LIGHT, type Palette } from './palette';

const backgrounds = ['surface', 'card', 'sunken'] as const satisfies readonly (keyof Palette)[];
const tints = ['cobaltSoft', 'turquoiseSoft', 'amberSoft', 'coralSoft'] as const satisfies readonly (keyof Palette)[];
const accents = ['cobalt', 'turquoise', 'amber', 'coral'] as const satisfies readonly (keyof Palette)[];

describe.each([
  ['light', LIGHT],
  ['dark', DARK],
])('the %s palette', (_name, palette) => {
  it.each(backgrounds)('keeps ink, muted text and cobalt readable on %s', (background) => {
    for (const text of ['ink', 'muted', 'cobalt'] as const)
      expect(contrast(palette[text], palette[background])).toBeGreaterThanOrEqual(4.5);
  });

  it.each(tints)('keeps ink and muted text readable on %s', (tint) => {
    expect(contrast(palette.ink, palette[tint])).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.muted, palette[tint])).toBeGreaterThanOrEqual(4.5);
  });

  it.each(accents)('keeps %s readable on cards and the surface, and text readable on it', (accent) => {
    expect(contrast(palette[accent], palette.card)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette[accent], palette.surface)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.onAccent, palette[accent])).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette.onAccent, palette[`${accent}Hover`])).toBeGreaterThanOrEqual(4.5);
  });

  it('draws the edges of controls at 3:1', () => {
    expect(contrast(palette.edge, palette.card)).toBeGreaterThanOrEqual(3);
    expect(contrast(palette.edge, palette.surface)).toBeGreaterThanOrEqual(3);
  });
});

describe('contrast', () => {
  it('agrees with the published extremes', () => {
    expect(contrast('#000000', '#FFFFFF')).toBeCloseTo(21, 5);
    expect(contrast('#777777', '#FFFFFF')).toBeCloseTo(4.48, 2);
  });
});
