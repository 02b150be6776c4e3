import { fitModel, longestPlannedRange, type DeviceBudget, type DeviceFit, type DeviceLimits } from '../../inference';
import type { LayerRange, ModelManifest, ModelShape } from '../../protocol/compute/model';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import type { ShardReport } from '../../protocol/compute/node-snapshot';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { LayerChoice } from '../policy/policy-inputs';

/** Share of the free memory used when the person set no limit: other programs keep working. */
const SHARE_OF_FREE_MEMORY = 0.6;

export interface ChosenRange {
  readonly range: LayerRange;
  readonly chosenBy: ShardReport['chosenBy'];
}

/** Memory a shard may use: the person's limit, but never more than is free; without a limit a share of what is free. */
export function memoryBudget(limitBytes: number | null, freeBytes: number): number {
  return Math.floor(limitBytes === null ? freeBytes * SHARE_OF_FREE_MEMORY : Math.min(limitBytes, freeBytes));
}

/**
 * The layers to serve. The person's own range is taken as it is; else the coordinator's suggestion; without a usable
 * suggestion (it does not know the model yet) all of them, of which `fitRange` takes what fits.
 *
 * @param suggestion - what the coordinator suggested, or null
 * @returns `range-invalid` when the person's range is not in the model
 */
export function chooseRange(
  choice: LayerChoice,
  manifest: ModelManifest,
  suggestion: LayerRange | null,
): Result<ChosenRange, NodeErrorCode> {
  const last = manifest.total_layers - 1;
  if (choice.kind === 'range') {
    const { start, end } = choice;
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end < start || end > last) {
      return nodeFailure(
        'range-invalid',
        `Layers ${start} to ${end} are not in ${manifest.model_id}: it has layers 0 to ${last}.`,
        {
          suggestion: 'Choose other layers, or let the coordinator choose.',
        },
      );
    }
    return success({ range: { layer_start: start, layer_end: end }, chosenBy: 'user' });
  }
  if (suggestion !== null && suggestion.layer_start <= last) {
    const range = { layer_start: suggestion.layer_start, layer_end: Math.min(suggestion.layer_end, last) };
    return success({ range, chosenBy: 'coordinator' });
  }
  return success({ range: { layer_start: 0, layer_end: last }, chosenBy: 'coordinator' });
}

/**
 * A chosen range, or where the node may choose fewer layers and these do not fit, the longest part from its beginning that
 * does, with what was expected of it.
 */
export function fitRange(
  range: LayerRange,
  shape: ModelShape,
  precision: HeldPrecision,
  device: DeviceBudget,
  mayShrink: boolean,
): { readonly range: LayerRange; readonly fit: DeviceFit | undefined } {
  const isHeldSo = (fit: DeviceFit): boolean => fit.precision === precision;
  const fit = fitModel(shape, [device], range).find(isHeldSo);
  if (fit === undefined || fit.fits || fit.largestRange === null || !mayShrink) return { range, fit };
  return { range: fit.largestRange, fit: fitModel(shape, [device], fit.largestRange).find(isHeldSo) };
}

/**
 * The longest part of a range, from its beginning, that several devices hold together; the range itself where not even one
 * layer fits, so that whoever loads it says so in numbers.
 */
export function fitTogether(
  range: LayerRange,
  shape: ModelShape,
  precision: HeldPrecision,
  limits: DeviceLimits,
): LayerRange {
  return longestPlannedRange({ config: { shape, tiedEmbedding: false }, range, precision }, limits) ?? range;
}

/** The first half of a range, for when the whole did not fit; null when there is nothing smaller. */
export function smallerRange(range: LayerRange): LayerRange | null {
  const layers = range.layer_end - range.layer_start + 1;
  if (layers <= 1) return null;
  return { layer_start: range.layer_start, layer_end: range.layer_start + Math.floor(layers / 2) - 1 };
}
