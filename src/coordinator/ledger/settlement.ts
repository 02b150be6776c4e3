import { countRangeRequestFlops, countRequestFlops } from '../../protocol/compute/flops';
import { earnedMicroGft, type Precision } from '../../protocol/compute/formulas';
import type { MicroGft } from '../../protocol/compute/micro-gft';
import type { LayerRange, ModelShape } from '../../protocol/compute/model';
import type { LedgerDraft } from './ledger-entry';
import { layersFlops, requestPrice, type HopWork } from './pricing';

/** A node's part in a request, with its standing when the pipeline was chosen. */
export interface ServedRange {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly multiplier: number;
  readonly reliability: number;
}

/** What was really done, counted by the coordinator. */
export interface DeliveredWork {
  readonly requesterId: string;
  readonly requestId: string;
  readonly shape: ModelShape;
  readonly precision: Precision;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly served: readonly ServedRange[];
  /** Written beside the redemption, when somebody else than the own nodes served. */
  readonly note?: string;
}

/**
 * The ledger entries of a finished or cancelled request: one redemption, then one issuance per serving node. FLOPs come
 * from shapes and token counts alone. No output, no entries.
 *
 * @param heldMicroGft - what was set aside; the price never exceeds it
 */
export function settlementDrafts(
  work: DeliveredWork,
  heldMicroGft: MicroGft,
  expiresAt: string,
): { readonly priceMicroGft: MicroGft; readonly drafts: LedgerDraft[] } {
  const { shape, inputTokens, outputTokens } = work;
  if (outputTokens === 0) return { priceMicroGft: 0, drafts: [] };
  const priceMicroGft = Math.min(heldMicroGft, requestPrice(shape, inputTokens, outputTokens, work.precision));
  const redemption: LedgerDraft = {
    eventType: 'redemption',
    nodeId: work.requesterId,
    amountMicroGft: priceMicroGft === 0 ? 0 : -priceMicroGft,
    inferenceRequestId: work.requestId,
    flopsConsumed: countRequestFlops(shape, inputTokens, outputTokens),
    ...(work.note === undefined ? {} : { reason: work.note }),
  };
  const issuances = work.served.map((served): LedgerDraft => {
    const flops = countRangeRequestFlops(shape, served.range, inputTokens, outputTokens);
    return {
      eventType: 'issuance',
      nodeId: served.nodeId,
      amountMicroGft: earnedMicroGft(flops, served.multiplier, served.reliability),
      inferenceRequestId: work.requestId,
      flopsDelivered: flops,
      hardwareMultiplier: served.multiplier,
      reliabilityFactor: served.reliability,
      expiresAt,
    };
  });
  return { priceMicroGft, drafts: [redemption, ...issuances] };
}

/** What nodes earn with a hop that another coordinator pays for: each by its own layers. */
export function layerDrafts(
  hop: HopWork & {
    readonly hopId: string;
    readonly shape: ModelShape;
    readonly served: readonly ServedRange[];
  },
  note: string,
  expiresAt: string,
): LedgerDraft[] {
  return hop.served.map((served): LedgerDraft => {
    const flops = layersFlops(hop.shape, served.range, hop);
    return {
      eventType: 'issuance',
      nodeId: served.nodeId,
      amountMicroGft: earnedMicroGft(flops, served.multiplier, served.reliability),
      inferenceRequestId: hop.hopId,
      flopsDelivered: flops,
      hardwareMultiplier: served.multiplier,
      reliabilityFactor: served.reliability,
      reason: note,
      expiresAt,
    };
  });
}
