import type { HopAnswer, OfferedLayers } from '../../protocol/federation/hop-messages';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { decodeActivationFrame, decodeFrameHeader } from '../../protocol/wire/activation-frame';
import type { Random } from '../clock';
import type { Logger } from '../logger';
import type { HopContext } from '../pipeline/hop-driver';
import { ForeignHop, type ForeignHopDesk, type SentWork } from './foreign-hop';
import { EndedHops } from './ended-hops';
import type { LayerOffers } from './layer-offers';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import type { Booking, SettlementDesk } from './settlement-desk';
import type { AskedRow, SettlementStore } from './settlement-store';

/** Hops of own pipelines that peers do. */
export class HopAsking implements ForeignHopDesk {
  private readonly hops = new Map<string, ForeignHop>();
  private readonly over = new EndedHops();

  constructor(
    private readonly offers: LayerOffers,
    private readonly settlements: SettlementDesk,
    private readonly store: SettlementStore,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  runningAt(peer: Peer): number {
    return [...this.hops.values()].filter((hop) => hop.peer === peer).length;
  }

  /**
   * A hop at a peer; nothing is asked for until it is opened.
   *
   * @param maxPositions - what prompt and answer can become together
   */
  hop(peer: Peer, offer: OfferedLayers, context: HopContext, maxPositions: number): ForeignHop {
    const { shape, total_layers: layers } = context.model.manifest;
    const asked: AskedRow = {
      agreementId: peer.agreementId,
      nodeId: context.nodeId,
      modelId: offer.model_id,
      maxInputTokens: maxPositions,
      maxNewTokens: offer.layer_end === layers - 1 ? context.maxNewTokens : 0,
      shape,
      layers: {
        range: { layer_start: offer.layer_start, layer_end: offer.layer_end },
        precision: offer.precision,
      },
    };
    return new ForeignHop(this.random.uuid(), peer, offer, context, asked, this);
  }

  /** Whether a peer still does a hop. */
  isDoing(peer: Peer, hopId: string): boolean {
    return this.hops.get(hopId)?.peer === peer;
  }

  take(peer: Peer, answer: HopAnswer): void {
    const hop = this.find(peer, answer.hop_id);
    if (hop !== null) hop.take(answer);
    // Nobody waits for it any more, and it is booked all the same.
    else if (answer.type === 'hop-ended' && answer.settlement !== null) void this.settle(peer, answer.settlement);
  }

  /** An activation that a peer hands back. */
  takeFrame(peer: Peer, bytes: Uint8Array): boolean {
    const header = decodeFrameHeader(bytes);
    if (!header.ok) {
      this.noteRefusal(peer, header.error.code, header.error.message);
      return true;
    }
    const hop = this.hops.get(header.value.requestId);
    if (hop === undefined || hop.peer !== peer) return this.over.has(peer, header.value.requestId);
    const frame = decodeActivationFrame(bytes);
    if (frame.ok) hop.takeFrame(header.value, bytes);
    else {
      this.noteRefusal(peer, frame.error.code, frame.error.message);
      hop.spoiled(frame.error.message);
    }
    return true;
  }

  /** The link is gone, and with it every hop. */
  dropAll(peer: Peer): void {
    for (const hop of this.hops.values()) if (hop.peer === peer) hop.lost();
  }

  async opened(hop: ForeignHop, asked: AskedRow): Promise<SealedLink | null> {
    const { peer, offer } = hop;
    await this.store.noteAsked(hop.peer.publicKey, hop.hopId, asked);
    this.hops.set(hop.hopId, hop);
    void hop.settled.then(() => {
      this.hops.delete(hop.hopId);
      this.over.add(hop.peer, hop.hopId);
    });
    return this.offers.of(peer, offer.model_id).includes(offer) ? peer.link : null;
  }

  async closed(hop: ForeignHop, sent: SentWork): Promise<void> {
    setTimeout(() => hop.lost(), FEDERATION_LIMITS.endAfterCancelMs).unref();
    await this.store
      .noteSent(hop.peer.publicKey, hop.hopId, sent)
      .catch((thrown: unknown) => this.logger.error({ err: thrown }, 'what a hop was sent could not be noted'));
  }

  settle(peer: Peer, settlement: unknown): Promise<Booking | null> {
    return this.settlements.take(peer, settlement, null).catch((thrown: unknown) => {
      this.logger.error({ err: thrown, peer: peer.name }, 'a hop could not be settled');
      return null;
    });
  }

  private find(peer: Peer, hopId: string): ForeignHop | null {
    const hop = this.hops.get(hopId);
    if (hop !== undefined && hop.peer === peer) return hop;
    if (!this.over.has(peer, hopId)) {
      this.noteRefusal(peer, 'hop-unknown', `Something came about the hop ${hopId}, which was not asked for.`);
    }
    return null;
  }
}
