import type { DecoderConfig } from '../models/config';

/**
 * Angle per position of each rotated pair, `[head size / 2]`: base^(-2i / head size), stretched as the configuration says
 * (RoFormer, Su et al. 2021; scaling as in Hugging Face transformers, modeling_rope_utils).
 */
export function rotaryFrequencies(config: DecoderConfig): Float64Array {
  const half = config.shape.head_size / 2;
  const frequencies = new Float64Array(half);
  for (let pair = 0; pair < half; pair++)
    frequencies[pair] = stretch(config.rotaryBase ** (-pair / half), pair, config);
  return frequencies;
}

function stretch(frequency: number, pair: number, config: DecoderConfig): number {
  const scaling = config.rotaryScaling;
  if (scaling.kind === 'none') return frequency;
  if (scaling.kind === 'linear') return frequency / scaling.factor;
  if (scaling.kind === 'factors') return frequency / (scaling.factors[pair] ?? 1);
  const wavelength = (2 * Math.PI) / frequency;
  if (wavelength < scaling.originalContextLength / scaling.highFrequencyFactor) return frequency;
  if (wavelength > scaling.originalContextLength / scaling.lowFrequencyFactor) return frequency / scaling.factor;
  const blend =
    (scaling.originalContextLength / wavelength - scaling.lowFrequencyFactor) /
    (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
  return ((1 - blend) * frequency) / scaling.factor + blend * frequency;
}

/** Positions computed at once, so that a context of a million positions needs no table of its size in memory. */
const BLOCK_POSITIONS = 4_096;

/** Cosines or sines of all positions of the context, `[context, head size / 2]`, in blocks of rows. */
export function* rotaryTable(config: DecoderConfig, kind: 'cosine' | 'sine'): Generator<Float32Array> {
  const frequencies = rotaryFrequencies(config);
  const half = frequencies.length;
  const compute = kind === 'cosine' ? Math.cos : Math.sin;
  for (let start = 0; start < config.shape.context_length; start += BLOCK_POSITIONS) {
    const rows = Math.min(BLOCK_POSITIONS, config.shape.context_length - start);
    const block = new Float32Array(rows * half);
    for (let row = 0; row < rows; row++) {
      for (let pair = 0; pair < half; pair++) {
        block[row * half + pair] = compute((start + row) * (frequencies[pair] ?? 0));
      }
    }
    yield block;
  }
}
