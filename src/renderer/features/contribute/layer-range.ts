import { MODEL_LIMITS } from '../../../protocol/compute/model';

export type RangeProblem = 'errorNumber' | 'errorOrder' | 'errorTotal';

export type RangeCheck =
  | { readonly ok: true; readonly start: number; readonly end: number }
  | { readonly ok: false; readonly problem: RangeProblem; readonly fields: readonly ('start' | 'end')[] };

function isLayer(value: number | string): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MODEL_LIMITS.maxLayers;
}

/** Checks a typed range of layers, both ends inclusive; `totalLayers` is null where the model is not known yet. */
export function checkRange(start: number | string, end: number | string, totalLayers: number | null): RangeCheck {
  const wrong = (isWrong: (value: number | string) => boolean): ('start' | 'end')[] => [
    ...(isWrong(start) ? (['start'] as const) : []),
    ...(isWrong(end) ? (['end'] as const) : []),
  ];
  if (!isLayer(start) || !isLayer(end))
    return { ok: false, problem: 'errorNumber', fields: wrong((value) => !isLayer(value)) };
  const outside = wrong((value) => totalLayers !== null && Number(value) >= totalLayers);
  if (outside.length > 0) return { ok: false, problem: 'errorTotal', fields: outside };
  return end < start ? { ok: false, problem: 'errorOrder', fields: ['start', 'end'] } : { ok: true, start, end };
}
