import { isWithinHours, grantOf, offersLayers } from '../../protocol/federation/grant';
import type { OfferedLayers } from '../../protocol/federation/hop-messages';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import type { Clock, Random } from '../clock';
import type { KnownModel, ModelCatalogue } from '../models/model-catalogue';
import { joinedRanges } from '../scheduling/joined-ranges';
import type { ShardView, ViewedShard } from '../scheduling/shard-view';
import type { Peer } from './peer';

/** What the own nodes hold, as a hop of a pipeline of both may use it. */
export type OwnShards = Pick<ShardView, 'shardsOf'>;

/** The own nodes that work step by step over their connection; the others could not keep up with chunks. */
export function relayedShards(view: OwnShards): OwnShards {
  return {
    shardsOf: async (modelId) =>
      (await view.shardsOf(modelId)).filter(({ transport }) => transport?.kind === 'ws-relay'),
  };
}

/**
 * Layers each side can take now as a part of the other's pipelines. An offer is made of the own nodes alone, names none of
 * them, and has an id that holds for its range as long as the link stands.
 */
export class LayerOffers {
  private readonly given = new Map<Peer, Map<string, OfferedLayers>>();
  private readonly taken = new Map<Peer, readonly OfferedLayers[]>();

  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly own: OwnShards,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** What can be offered to a peer now, as far as the agreement goes. */
  async toOffer(peer: Peer): Promise<OfferedLayers[]> {
    const { agreement, ownParty } = peer.settings;
    const grant = grantOf(agreement, ownParty);
    if (grant === null || !isWithinHours(grant.hours, this.clock.nowMs())) return [];
    const offered: OfferedLayers[] = [];
    for (const model of this.catalogue.all()) {
      const { model_id: modelId, total_layers: total } = model.manifest;
      const shards = (await this.own.shardsOf(modelId)).filter(
        (shard) => shard.isActive && shard.manifestHash === model.manifestHash,
      );
      for (const precision of new Set(shards.map((shard) => shard.precision))) {
        const ranges = rangesOf(shards.filter((shard) => shard.precision === precision)).filter(
          ({ layer_start: first, layer_end: last }) =>
            last - first + 1 < total && offersLayers(grant, modelId, { first, last, total }),
        );
        for (const range of ranges.slice(0, FEDERATION_LIMITS.maxLayersOfModel)) {
          if (offered.length >= FEDERATION_LIMITS.maxOfferedLayers) return offered;
          const layers = { model_id: modelId, manifest_hash: model.manifestHash, precision, ...range };
          offered.push(this.give(peer, layers));
        }
      }
    }
    return offered;
  }

  /** A range that was offered over the link that stands, whether it can be taken now or not. */
  offerOf(peer: Peer, offerId: string): { readonly offer: OfferedLayers; readonly model: KnownModel } | null {
    const offer = [...(this.given.get(peer)?.values() ?? [])].find((one) => one.offer_id === offerId);
    const model = offer === undefined ? undefined : this.modelOf(offer);
    return offer === undefined || model === undefined ? null : { offer, model };
  }

  /** Takes what a peer offers; whatever the agreement does not have it serve is left out, and what has the id of another. */
  take(peer: Peer, offered: readonly OfferedLayers[]): void {
    const { agreement, peerParty } = peer.settings;
    const grant = grantOf(agreement, peerParty);
    const ids = new Set<string>();
    const usable = offered.filter((offer) => {
      // Layers are planned with and asked for by their id: it must not stand for two ranges.
      if (ids.has(offer.offer_id)) return false;
      ids.add(offer.offer_id);
      const total = this.modelOf(offer)?.manifest.total_layers;
      const { layer_start: first, layer_end: last, model_id: modelId } = offer;
      if (total === undefined || first > last || last >= total) return false;
      return offersLayers(grant, modelId, { first, last, total });
    });
    this.taken.set(peer, usable);
  }

  /** What a peer offers of a model now. */
  of(peer: Peer, modelId: string): readonly OfferedLayers[] {
    if (peer.link === null) return [];
    return (this.taken.get(peer) ?? []).filter((offer) => offer.model_id === modelId);
  }

  /** The link is gone, and every id with it. */
  forget(peer: Peer): void {
    this.given.delete(peer);
    this.taken.delete(peer);
  }

  private modelOf({ model_id: modelId, manifest_hash: hash }: OfferedLayers): KnownModel | undefined {
    return this.catalogue.variants(modelId).find((model) => model.manifestHash === hash);
  }

  private give(peer: Peer, layers: Omit<OfferedLayers, 'offer_id'>): OfferedLayers {
    const given = this.given.get(peer) ?? new Map<string, OfferedLayers>();
    this.given.set(peer, given);
    const key = `${layers.manifest_hash} ${layers.precision} ${layers.layer_start} ${layers.layer_end}`;
    const offer = given.get(key) ?? { offer_id: this.random.uuid(), ...layers };
    given.set(key, offer);
    return offer;
  }
}

function rangesOf(shards: readonly ViewedShard[]): ReturnType<typeof joinedRanges> {
  return joinedRanges(shards.map(({ layerStart, layerEnd }) => ({ layer_start: layerStart, layer_end: layerEnd })));
}
