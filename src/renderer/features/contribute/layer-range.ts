import { MODEL_LIMITS } from '../../../protocol/compute/model';

export type RangeProblem = 'errorNumber' | 'errorOrder' | 'errorTotal';

export type RangeCheck =
  | { readonly ok: true; readonly start: number; readonly end: number }
  | { readonly ok: false; readonly problem: RangeProblem };

function isLayer(value: number | string): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MODEL_LIMITS.maxLayers;
}

/** Checks a typed range of layers, both ends inclusive; `totalLayers` is null where the model is not known yet. */
export function checkRange(start: number | string, end: number | string, totalLayers: number | null): RangeCheck {
  if (!isLayer(start) || !isLayer(end)) return { ok: false, problem: 'errorNumber' };
  if (totalLayers !== null && (start >= totalLayers || end >= totalLayers)) return { ok: false, problem: 'errorTotal' };
  if (end < start) return { ok: false, problem: 'errorOrder' };
  return { ok: true, start, end };
}
