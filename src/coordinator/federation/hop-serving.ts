import type { Precision } from '../../protocol/compute/formulas';
import { microAmount, settlementTermsOf } from '../../protocol/federation/grant';
import type { HopCommand, OfferedLayers } from '../../protocol/federation/hop-messages';
import type { FederationSettlement } from '../../protocol/federation/settlement';
import { decodeActivationFrame, decodeFrameHeader } from '../../protocol/wire/activation-frame';
import type { Random } from '../clock';
import { refuse, type CoordinatorFailure } from '../errors';
import { layersPrice } from '../ledger/pricing';
import { layerDrafts } from '../ledger/settlement';
import type { Logger } from '../logger';
import type { KnownModel } from '../models/model-catalogue';
import type { Cashier } from '../pipeline/cashier';
import type { NodeFaults } from '../pipeline/node-faults';
import type { PipelineTeams } from '../pipeline/pipeline-team';
import type { PlannedHop, Scheduler } from '../scheduling/scheduler';
import { EndedHops } from './ended-hops';
import type { LayerOffers } from './layer-offers';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import { nodeProblem, ServedHop, type HopEnd, type HopProblem } from './served-hop';
import type { SettlementDesk } from './settlement-desk';
import type { SettlementStore } from './settlement-store';
import type { Reservation, TermsDesk } from './terms-desk';

type Opening = Extract<HopCommand, { type: 'hop-open' }>;

/** Choices of nodes that are tried before a hop is given up. */
const MAX_ATTEMPTS = 3;

/** What hops of peers are served with. */
export interface HopServingParts {
  /** Plans with the own nodes that work step by step. */
  readonly planner: Scheduler;
  readonly teams: PipelineTeams;
  readonly faults: NodeFaults;
  readonly cashier: Cashier;
  readonly offers: LayerOffers;
  readonly terms: TermsDesk;
  readonly settlements: SettlementDesk;
  readonly store: SettlementStore;
  readonly random: Random;
  readonly logger: Logger;
  readonly noteRefusal: (peer: Peer, code: string, message: string) => void;
}

/** A hop that was admitted: what was offered, and what it may come to. */
interface Admitted {
  readonly peer: Peer;
  /** The link may stand under a renewed agreement when the hop ends. */
  readonly agreementId: string;
  readonly link: SealedLink;
  readonly opening: Opening;
  readonly offer: OfferedLayers;
  readonly model: KnownModel;
  readonly reservation: Reservation;
}

/**
 * Hops of peers' pipelines, done by the own nodes within the terms of the agreement. A hop ends with the link it came over;
 * what was done by then is settled all the same.
 */
export class HopServing {
  private readonly hops = new Map<string, ServedHop | null>();
  private readonly over = new EndedHops();
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly parts: HopServingParts) {}

  /** Once every hop that has ended is settled. */
  async settled(): Promise<void> {
    await Promise.all(this.underWay);
  }

  take(peer: Peer, link: SealedLink, command: HopCommand): void {
    if (command.type === 'hop-open') {
      const served = this.serve(peer, link, command).catch(async (thrown: unknown) => {
        this.parts.logger.error({ err: thrown, peer: peer.name }, 'a hop of a peer failed');
        const { error } = refuse('coordinator-internal', 'The coordinator made an error.', { retryable: true });
        await this.tellEnd(link, command.hop_id, null, error);
      });
      this.underWay.add(served);
      void served.finally(() => this.underWay.delete(served));
      return;
    }
    const hop = this.hops.get(keyOf(peer, command.hop_id));
    if (hop !== undefined && hop !== null) hop.take(command);
    else if (hop === null && command.type === 'hop-close') this.parts.terms.cancel(peer, command.hop_id);
    else this.unknown(peer, command.hop_id);
  }

  /** An activation of a peer. False: it is for no hop that is or was served here. */
  takeFrame(peer: Peer, bytes: Uint8Array): boolean {
    const header = decodeFrameHeader(bytes);
    if (!header.ok) return false;
    const { requestId } = header.value;
    const hop = this.hops.get(keyOf(peer, requestId)) ?? null;
    if (hop === null) return this.over.has(peer, requestId);
    const frame = decodeActivationFrame(bytes);
    if (frame.ok) hop.takeFrame(header.value, bytes);
    else hop.misbehaved(frame.error.code, frame.error.message);
    return true;
  }

  /** Something came about a hop that is not there. */
  unknown(peer: Peer, hopId: string): void {
    if (this.over.has(peer, hopId)) return;
    this.parts.noteRefusal(peer, 'hop-unknown', `Something came for the hop ${hopId}, which is not open.`);
  }

  private async serve(peer: Peer, link: SealedLink, opening: Opening): Promise<void> {
    const { terms } = this.parts;
    const { hop_id: hopId } = opening;
    const { agreementId } = peer;
    const found = this.parts.offers.offerOf(peer, opening.offer_id);
    if (found === null) {
      this.parts.noteRefusal(peer, 'offer-unknown', 'Layers were asked for that were not offered over this link.');
      this.tellEnd(link, hopId, null, failure('offer-unknown', 'These layers are not offered over this link.'));
      return;
    }
    const reservation = await this.admit(peer, opening, found.offer, found.model);
    if (reservation === null) {
      this.parts.noteRefusal(peer, 'hop-replayed', `The hop ${hopId} was opened before.`);
      return;
    }
    if ('code' in reservation) {
      this.over.add(peer, hopId);
      this.tellEnd(link, hopId, null, reservation);
      return;
    }
    const key = keyOf(peer, hopId);
    this.hops.set(key, null);
    const timer = terms.deadline(opening.deadline_at, reservation.abort);
    try {
      if (!link.stands) reservation.abort.abort();
      await this.run({ peer, agreementId, link, opening, ...found, reservation });
    } finally {
      clearTimeout(timer);
      this.hops.delete(key);
      this.over.add(peer, hopId);
      terms.release(peer, hopId);
    }
  }

  /** Null: a hop of this id is or was served already. */
  private async admit(
    peer: Peer,
    opening: Opening,
    offer: OfferedLayers,
    { manifest }: KnownModel,
  ): Promise<Reservation | CoordinatorFailure | null> {
    const { store, terms } = this.parts;
    const { hop_id: hopId, max_new_tokens: maxNewTokens } = opening;
    const isKnown = this.over.has(peer, hopId) || (await store.entry(peer.publicKey, hopId, 'served')) !== null;
    if (isKnown) return null;
    const positions = Math.min(opening.max_positions, manifest.context_length);
    const price = layersPrice(manifest.shape, offer, { positions, tokens: maxNewTokens }, offer.precision);
    return terms.admit(peer, hopId, {
      modelId: offer.model_id,
      maxNewTokens,
      microAmount: microAmount(price, settlementTermsOf(peer.settings.agreement)),
      layers: { first: offer.layer_start, last: offer.layer_end, total: manifest.total_layers },
    });
  }

  private async run(admitted: Admitted): Promise<void> {
    const { peer, link, opening, offer, model, reservation } = admitted;
    const excluded = new Set<string>();
    let last: HopProblem = NOBODY;
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !reservation.abort.signal.aborted; attempt += 1) {
      const planned = await this.plan(offer, excluded);
      if (planned === null) break;
      const team = this.parts.teams.assembleSpan(spanOf(admitted, this.parts.random.uuid()), planned);
      try {
        const hop = new ServedHop(
          opening,
          link,
          model,
          team.hops,
          (one, failed) => this.parts.faults.note(offer.model_id, one.planned, failed),
          reservation.abort.signal,
        );
        const failed = await hop.open();
        if (failed === null) {
          this.hops.set(keyOf(peer, opening.hop_id), hop);
          const end = await hop.run();
          await this.settle(admitted, planned, end);
          return;
        }
        last = nodeProblem(failed);
        excluded.add(failed.nodeId);
      } finally {
        team.dismiss();
      }
    }
    this.tellEnd(link, opening.hop_id, null, reservation.abort.signal.aborted ? null : last);
  }

  private plan(offer: OfferedLayers, excluded: ReadonlySet<string>): Promise<readonly PlannedHop[] | null> {
    const { manifest_hash: manifestHash, precision } = offer;
    const range = { layer_start: offer.layer_start, layer_end: offer.layer_end };
    return this.parts.planner.cover(offer.model_id, { manifestHash, precision }, { range, provider: null }, excluded);
  }

  /** Pays the nodes and owes the peer a settlement, where something was done; then says how the hop ended. */
  private async settle(
    admitted: Admitted,
    served: readonly PlannedHop[],
    { work, problem, finishReason }: HopEnd,
  ): Promise<void> {
    const { peer, agreementId, link, opening, offer, model } = admitted;
    const { cashier, settlements, noteRefusal } = this.parts;
    if (problem?.isMisbehaviour === true) noteRefusal(peer, problem.code, problem.message);
    const { shape } = model.manifest;
    const { hop_id: hopId } = opening;
    const note = `Layers ${offer.layer_start}-${offer.layer_end} for ${peer.name} under the agreement ${agreementId}`;
    let made: FederationSettlement | null = null;
    if (work.positions > 0) {
      await cashier.settleLayersForPeer(
        (expiresAt) => layerDrafts({ ...work, hopId, shape, served }, note, expiresAt),
        async (transaction, ledgerRef) => {
          const settled = {
            agreementId,
            requestId: hopId,
            modelId: offer.model_id,
            precision: offer.precision satisfies Precision,
            layers: { layer_start: offer.layer_start, layer_end: offer.layer_end },
            inputTokens: work.positions,
            outputTokens: work.tokens,
            finishReason,
            workMicroGft: layersPrice(shape, offer, work, offer.precision),
          };
          made = await settlements.bookServed(transaction, peer, settled, ledgerRef);
        },
      );
    }
    const isSent = await this.tellEnd(link, hopId, made, problem);
    // The link may have come back while the work was booked; what was owed then was sent without this.
    if (!isSent && made !== null) await settlements.flush(peer);
  }

  private tellEnd(
    link: SealedLink,
    hopId: string,
    settlement: FederationSettlement | null,
    problem: Pick<HopProblem, 'code' | 'message' | 'retryable'> | null,
  ): Promise<boolean> {
    return link.send({
      type: 'hop-ended',
      hop_id: hopId,
      settlement: settlement === null ? null : { ...settlement },
      error:
        problem === null
          ? null
          : { code: problem.code, message: problem.message.slice(0, 2_000), retryable: problem.retryable },
    });
  }
}

const NOBODY: HopProblem = {
  ...failure('pipeline-unavailable', 'Nobody serves these layers just now.'),
  isMisbehaviour: false,
};

function failure(code: string, message: string): Pick<HopProblem, 'code' | 'message' | 'retryable'> {
  return { code, message, retryable: true };
}

function keyOf(peer: Peer, hopId: string): string {
  return `${peer.publicKey} ${hopId}`;
}

function spanOf({ opening, offer, model }: Admitted, pipelineId: string): Parameters<PipelineTeams['assembleSpan']>[0] {
  const { messages, prompt = '' } = opening;
  return {
    pipelineId,
    model,
    maxNewTokens: opening.max_new_tokens,
    text: messages === undefined ? { prompt } : { messages },
    sampling: opening.sampling ?? { temperature: 0, top_k: 0, top_p: 1 },
    isRepeatable: true,
    kind: { manifestHash: offer.manifest_hash, precision: offer.precision },
    dtype: opening.activation_dtype,
    takesOver: opening.takes_over === true,
  };
}
