import { describe, expect, it } from 'vitest';
import { PLAIN_TRAITS } from '../models/architectures';
import type { DecoderConfig, RotaryScaling } from '../models/config';
import { rotaryFrequencies, rotaryTable } from './rotary-tables';

function config(rotaryScaling: RotaryScaling, contextLength = 10_000): DecoderConfig {
  return {
    architecture: 'LlamaForCausalLM',
    shape: {
      layers: 1,
      hidden_size: 8,
      feed_forward_size: 8,
      attention_heads: 1,
      key_value_heads: 1,
      head_size: 8,
      vocabulary_size: 8,
      context_length: contextLength,
    },
    normEpsilon: 1e-5,
    rotaryBase: 500_000,
    rotaryScaling,
    tiedEmbedding: true,
    ...PLAIN_TRAITS,
    endTokenIds: [],
  };
}

describe('rotaryFrequencies', () => {
  it('falls from 1 by the base', () => {
    const [first, second, third, fourth] = rotaryFrequencies(config({ kind: 'none' }));
    expect(first).toBe(1);
    expect(second).toBeCloseTo(500_000 ** -0.25, 12);
    expect(third).toBeCloseTo(500_000 ** -0.5, 12);
    expect(fourth).toBeCloseTo(500_000 ** -0.75, 12);
  });

  it('is divided by the factor of linear scaling', () => {
    const [first] = rotaryFrequencies(config({ kind: 'linear', factor: 4 }));
    expect(first).toBe(0.25);
  });

  it('keeps short waves, stretches long ones and blends between, as Llama 3.1 does', () => {
    const scaling = { kind: 'llama3', factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4 } as const;
    const [first, second, third, fourth] = rotaryFrequencies(config({ ...scaling, originalContextLength: 8_192 }));
    // Wavelengths: 6.28, 167, 4443 and 118,142 against limits of 2,048 and 8,192.
    expect(first).toBe(1);
    expect(second).toBeCloseTo(500_000 ** -0.25, 12);
    const smooth = (8_192 / ((2 * Math.PI) / 500_000 ** -0.5) - 1) / 3;
    expect(third).toBeCloseTo(500_000 ** -0.5 * ((1 - smooth) / 8 + smooth), 12);
    expect(fourth).toBeCloseTo(500_000 ** -0.75 / 8, 12);
  });
});

describe('rotaryTable', () => {
  it('holds the cosine and sine of position × frequency, over block borders', () => {
    const settings = config({ kind: 'none' });
    const frequencies = rotaryFrequencies(settings);
    for (const [kind, compute] of [
      ['cosine', Math.cos],
      ['sine', Math.sin],
    ] as const) {
      const rows = [...rotaryTable(settings, kind)].flatMap((block) => [...block]);
      expect(rows).toHaveLength(10_000 * 4);
      for (const position of [0, 1, 4_095, 4_096, 9_999]) {
        for (const [pair, frequency] of frequencies.entries()) {
          expect(rows[position * 4 + pair]).toBeCloseTo(compute(position * frequency), 6);
        }
      }
    }
  });
});
