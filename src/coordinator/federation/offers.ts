import { nodeCryptography } from '../../keys/ed25519';
import { grantOf, isWithinHours, offersModel } from '../../protocol/federation/grant';
import type { FederationMessageOf, OfferedModel } from '../../protocol/federation/messages';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { readOfferedRecord } from '../../protocol/trust/check-record';
import type { DiscoveryRecord } from '../../protocol/trust/discovery';
import type { Clock } from '../clock';
import type { DiscoveryIndex } from '../discovery/discovery-index';
import type { Logger } from '../logger';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Scheduler } from '../scheduling/scheduler';
import type { LayerOffers } from './layer-offers';
import type { Peer } from './peer';

/** Characters of the records in one summary, so that it stays well below the size of a message. */
const MAX_RECORDS_LENGTH = 1024 * 1024;

type Summary = Omit<FederationMessageOf<'summary'>, 'sequence'>;

/** What a peer has said it serves. */
export interface PeerOffer {
  readonly models: ReadonlyMap<string, OfferedModel>;
  readonly capacity: Summary['capacity'];
  readonly records: readonly DiscoveryRecord[];
}

/** A model of a peer. */
export interface PeerModel {
  readonly peer: Peer;
  readonly model: OfferedModel;
}

/**
 * What each side serves the other, as far as the agreement goes: models and capacity, and the party's own signed discovery
 * records. An offer names no machine and nobody who works there, and is made of the own nodes alone: what came over one link
 * is never offered on another.
 */
export class Offers {
  private readonly offers = new Map<Peer, PeerOffer>();
  private readonly past = new Map<Peer, PeerOffer>();
  private readonly told = new Map<Peer, string>();
  private round: Promise<void> | null = null;
  private isDue = false;

  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly scheduler: Scheduler,
    private readonly discovery: DiscoveryIndex,
    private readonly layers: LayerOffers,
    private readonly peers: () => readonly Peer[],
    private readonly load: (peer: Peer) => { readonly requests: number; readonly running: number },
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  /** Tells peers what has changed. Rounds never overlap; what changes during one is told in the next. */
  tell(): void {
    this.isDue = true;
    this.round ??= this.tellDue()
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'peers could not be told what is offered'))
      .finally(() => {
        this.round = null;
      });
  }

  /** Everything is told once more: the link is new. */
  greet(peer: Peer): void {
    this.told.delete(peer);
    this.tell();
  }

  settled(): Promise<void> {
    return this.round ?? Promise.resolve();
  }

  take(peer: Peer, summary: Summary): void {
    const records = summary.records.flatMap((value) => {
      const read = readOfferedRecord(value, nodeCryptography, this.clock.nowMs());
      if (!read.ok) {
        this.noteRefusal(peer, 'record-refused', read.error.message);
        return [];
      }
      if (read.value.node.node_id === peer.settings.peerParty) return [read.value];
      this.noteRefusal(peer, 'record-foreign', 'A discovery record of somebody else came over the link.');
      return [];
    });
    // What the agreement does not have the peer answer whole is never asked of it, whatever it offers.
    const grant = grantOf(peer.settings.agreement, peer.settings.peerParty);
    const offered = summary.models.filter(({ model_id: modelId }) => offersModel(grant, modelId));
    const models = new Map(offered.map((model) => [model.model_id, model]));
    this.layers.take(peer, summary.layers ?? []);
    this.offers.set(peer, { models, capacity: summary.capacity, records });
  }

  /** The link is gone; what the peer served is remembered, to say where a model would be. */
  forget(peer: Peer): void {
    const offer = this.offers.get(peer);
    if (offer !== undefined) this.past.set(peer, offer);
    this.offers.delete(peer);
    this.layers.forget(peer);
    this.told.delete(peer);
  }

  /** A peer that served a model over an earlier link, and has none now or has not yet said what it serves over it. */
  awayWith(modelId: string): Peer | null {
    for (const [peer, { models }] of this.past) if (!this.offers.has(peer) && models.has(modelId)) return peer;
    return null;
  }

  of(peer: Peer): PeerOffer | null {
    return this.offers.get(peer) ?? null;
  }

  /** A peer that serves a model: one that can now, else any. */
  find(modelId: string): PeerModel | null {
    const found = this.all().filter(({ model }) => model.model_id === modelId);
    return found.find(({ model }) => model.available) ?? found[0] ?? null;
  }

  all(): PeerModel[] {
    return [...this.offers].flatMap(([peer, offer]) =>
      peer.link === null ? [] : [...offer.models.values()].map((model) => ({ peer, model })),
    );
  }

  private async tellDue(): Promise<void> {
    while (this.isDue) {
      this.isDue = false;
      for (const peer of this.peers()) {
        const { link } = peer;
        if (link === null) continue;
        const summary = await this.summaryFor(peer);
        const text = JSON.stringify(summary);
        if (this.told.get(peer) === text || peer.link !== link) continue;
        if (await peer.send(summary)) this.told.set(peer, text);
      }
    }
  }

  private async summaryFor(peer: Peer): Promise<Summary> {
    const { agreement, ownParty } = peer.settings;
    const grant = grantOf(agreement, ownParty);
    const models: OfferedModel[] = [];
    const isOpen = grant !== null && isWithinHours(grant.hours, this.clock.nowMs());
    for (const { manifest, manifestHash } of this.catalogue.all()) {
      if (models.length >= FEDERATION_LIMITS.maxModels || !offersModel(grant, manifest.model_id)) continue;
      if (models.some((model) => model.model_id === manifest.model_id)) continue;
      const coverage = await this.scheduler.coverage(manifest.model_id);
      models.push({
        model_id: manifest.model_id,
        friendly_name: manifest.friendly_name,
        manifest_hash: manifestHash,
        shape: manifest.shape,
        template_bytes: Buffer.byteLength(manifest.chat_template ?? '', 'utf8'),
        available: isOpen && coverage?.report.available === true,
      });
    }
    const known = grant === null ? [] : await this.discovery.ofParty(ownParty, FEDERATION_LIMITS.maxRecords);
    let bytes = 0;
    const records = known.filter((record) => {
      bytes += JSON.stringify(record).length;
      return bytes <= MAX_RECORDS_LENGTH;
    });
    return {
      type: 'summary',
      models,
      layers: await this.layers.toOffer(peer),
      capacity: this.load(peer),
      records: records.map((record) => ({ ...record })),
    };
  }
}
