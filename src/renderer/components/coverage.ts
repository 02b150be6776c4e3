import type { TFunction } from 'i18next';
import type { ModelCoverage } from '../../contract';
import { formatCount, formatLayers } from '../format/numbers';

/** Neighbouring layers, both ends inclusive. */
export interface LayerSpan {
  readonly start: number;
  readonly end: number;
}

/** Runs of layers nobody holds, in order. */
export function missingSpans(coverage: ModelCoverage): LayerSpan[] {
  return layerSpans(coverage.layers.filter(({ holder }) => holder === 'missing').map(({ index }) => index));
}

/** Runs of layers, in order. */
export function layerSpans(layers: readonly number[]): LayerSpan[] {
  const spans: { start: number; end: number }[] = [];
  for (const index of [...layers].sort((first, second) => first - second)) {
    const last = spans.at(-1);
    if (last !== undefined && index === last.end + 1) last.end = index;
    else spans.push({ start: index, end: index });
  }
  return spans;
}

/** More runs than this are counted instead of listed. */
const LISTED_SPANS = 6;

/** One sentence: whether questions can be answered, and if not, which layers are missing. */
export function coverageSentence(t: TFunction, coverage: ModelCoverage): string {
  const model = coverage.friendlyName;
  const spans = missingSpans(coverage);
  if (spans.length === 0) {
    return coverage.available || coverage.reason === null
      ? t('dashboard.pipeline.complete', {
          count: coverage.totalLayers,
          shown: formatCount(coverage.totalLayers),
          model,
        })
      : t('dashboard.pipeline.unavailable', { model, reason: coverage.reason });
  }
  const listed = spans.slice(0, LISTED_SPANS).map(({ start, end }) => formatLayers(start, end));
  const text = listed.join(', ');
  const ranges =
    spans.length > LISTED_SPANS
      ? t('dashboard.pipeline.more', { ranges: text, more: formatCount(spans.length - LISTED_SPANS) })
      : text;
  const layers = spans.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  return t('dashboard.pipeline.missingSentence', { count: layers, ranges, model });
}
