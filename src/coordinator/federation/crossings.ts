import type { FederatedAnswer } from '../../protocol/compute/http/federated-answer';
import { toMicroGft, toWireGft } from '../../protocol/compute/micro-gft';
import type { Precision } from '../../protocol/compute/formulas';
import { settlementTermsOf } from '../../protocol/federation/grant';
import type { OfferedLayers } from '../../protocol/federation/hop-messages';
import { maximumInputTokens } from '../ledger/pricing';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Crossing } from '../pipeline/crossing';
import type { GenerateRequest } from '../pipeline/generate-service';
import type { HopContext, HopDriver, HopFailure } from '../pipeline/hop-driver';
import type { Allocations } from '../scheduling/allocations';
import { Scheduler } from '../scheduling/scheduler';
import type { ViewedShard } from '../scheduling/shard-view';
import type { ForeignHop } from './foreign-hop';
import type { HopAsking } from './hop-asking';
import type { LayerOffers, OwnShards } from './layer-offers';
import type { Peer } from './peer';

/** Over the link, to the peer's node and back; until it is known better, more than any way to an own node. */
const ROUND_TRIP_MS = 100;
/** The peer's nodes count as slower than the own ones, which do what they can do themselves. */
const SLOWER = 2;

/** What pipelines of both sides are made of. */
export interface CrossingParts {
  readonly catalogue: ModelCatalogue;
  readonly own: OwnShards;
  readonly allocations: Allocations;
  readonly offers: LayerOffers;
  readonly asking: HopAsking;
  readonly peers: () => readonly Peer[];
  readonly noteRefusal: (peer: Peer, code: string, message: string) => void;
}

/** A peer whose layers make a pipeline together with the own ones; null without one. */
export async function findCrossing(parts: CrossingParts, request: GenerateRequest): Promise<Crossing | null> {
  const found = await planCrossing(parts, request.modelId, request.precision);
  return found === null ? null : new PeerCrossing(parts, found, request);
}

/** Both sides' layers of a model. */
interface LayersOfBoth {
  readonly peer: Peer;
  readonly scheduler: Scheduler;
  /** Offers that were planned with, by id; some may be gone since. */
  readonly planned: ReadonlyMap<string, OfferedLayers>;
}

/** The first peer with which there is a pipeline of a model now; null without one. */
export async function planCrossing(
  parts: CrossingParts,
  modelId: string,
  precision: Precision,
): Promise<LayersOfBoth | null> {
  for (const peer of parts.peers()) {
    if (parts.offers.of(peer, modelId).length === 0) continue;
    const both = layersOfBoth(parts, peer);
    if ((await both.scheduler.plan(modelId, { precision })) !== null) return both;
  }
  return null;
}

function layersOfBoth({ own, offers, catalogue, allocations }: CrossingParts, peer: Peer): LayersOfBoth {
  const planned = new Map<string, OfferedLayers>();
  const shardsOf = async (modelId: string): Promise<readonly ViewedShard[]> => {
    const held = await own.shardsOf(modelId);
    const offered = offers.of(peer, modelId);
    for (const offer of offered) planned.set(offer.offer_id, offer);
    return [...held, ...foreignShards(peer, offered, held)];
  };
  return { peer, planned, scheduler: new Scheduler(catalogue, { shardsOf }, allocations) };
}

/** The peer's layers as if each offer were the shard of a node, slower than any own one. */
function foreignShards(peer: Peer, offered: readonly OfferedLayers[], own: readonly ViewedShard[]): ViewedShard[] {
  const layerMs = SLOWER * own.reduce((most, shard) => Math.max(most, shard.layerMs), 1);
  const served = own.reduce((most, shard) => Math.max(most, shard.served), 0);
  return offered.map((offer) => ({
    nodeId: `${peer.name.slice(0, 100)}/${offer.offer_id}`,
    transport: { kind: 'federation', offerId: offer.offer_id },
    provider: null,
    layerStart: offer.layer_start,
    layerEnd: offer.layer_end,
    manifestHash: offer.manifest_hash,
    precision: offer.precision,
    isActive: true,
    reliability: 1,
    multiplier: 0,
    layerMs,
    roundTripMs: ROUND_TRIP_MS,
    activeRequests: 0,
    gridPriority: 0.5,
    served,
  }));
}

class PeerCrossing implements Crossing {
  readonly scheduler: Scheduler;
  private readonly peer: Peer;
  private readonly hops: ForeignHop[] = [];

  constructor(
    private readonly parts: CrossingParts,
    private readonly both: LayersOfBoth,
    private readonly request: GenerateRequest,
  ) {
    this.scheduler = both.scheduler;
    this.peer = both.peer;
  }

  driver(context: HopContext, offerId: string): HopDriver {
    const { peer, parts, request } = this;
    const offer = this.both.planned.get(offerId);
    if (offer === undefined) throw new Error('only what is offered is planned with');
    const hop = parts.asking.hop(peer, offer, context, maximumPositions(request, context));
    this.hops.push(hop);
    return hop;
  }

  failed(failure: HopFailure): void {
    if (failure.isWrongAnswer) this.parts.noteRefusal(this.peer, failure.code, failure.message);
  }

  async settled(): Promise<FederatedAnswer> {
    const { peer } = this;
    const bookings = await Promise.all(this.hops.map((hop) => hop.settled));
    const booked = bookings.flatMap((booking) => (booking?.kind === 'booked' ? [booking] : []));
    const micro = booked.reduce((sum, { settlement }) => sum + toMicroGft(settlement.amount), 0);
    const last = booked.at(-1);
    return {
      coordinator: peer.name,
      agreement_id: peer.agreementId,
      amount: toWireGft(micro),
      unit: last?.settlement.unit ?? settlementTermsOf(peer.settings.agreement).unit,
      entry_ref: last?.entry.entry_ref ?? null,
      peer_ledger_ref: last?.settlement.server_ref ?? null,
    };
  }
}

function maximumPositions(request: GenerateRequest, { model, maxNewTokens }: HopContext): number {
  const { context_length: context, chat_template: chatTemplate } = model.manifest;
  const input =
    request.messages === undefined
      ? maximumInputTokens({ prompt: request.prompt ?? '' })
      : maximumInputTokens({ messages: request.messages, chatTemplate });
  return Math.min(context, input + maxNewTokens);
}
