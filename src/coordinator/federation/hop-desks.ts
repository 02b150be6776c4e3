import type { HopAnswer, HopCommand } from '../../protocol/federation/hop-messages';
import { isHopCommand } from '../../protocol/federation/hop-messages';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { FindCrossing } from '../pipeline/crossing';
import { Scheduler } from '../scheduling/scheduler';
import { findCrossing, planCrossing, type CrossingParts } from './crossings';
import { HopAsking } from './hop-asking';
import { HopServing, type HopServingParts } from './hop-serving';
import type { OwnShards } from './layer-offers';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';

/** What pipelines of two coordinators are made of, on both sides. */
export interface HopParts extends Omit<HopServingParts, 'planner'> {
  readonly catalogue: ModelCatalogue;
  readonly scheduler: Scheduler;
  /** The own nodes that work step by step. */
  readonly own: OwnShards;
  readonly peers: () => readonly Peer[];
  /** Whether a peer answers whole requests for a model now. */
  readonly hasWhole: (modelId: string) => boolean;
}

/** Layers of one pipeline at both sides: hops that are asked for, and hops that are served. */
export class HopDesks {
  private readonly serving: HopServing;
  private readonly asking: HopAsking;
  private readonly crossing: CrossingParts;

  constructor(private readonly parts: HopParts) {
    const { catalogue, own, offers, settlements, store, random, logger, noteRefusal, peers } = parts;
    const { allocations } = parts.scheduler;
    this.serving = new HopServing({ ...parts, planner: new Scheduler(catalogue, own, allocations) });
    this.asking = new HopAsking(offers, settlements, store, random, logger, noteRefusal);
    this.crossing = { catalogue, own, allocations, offers, asking: this.asking, peers, noteRefusal };
  }

  runningAt(peer: Peer): number {
    return this.asking.runningAt(peer);
  }

  /** Whether a peer still does a hop of an own pipeline. */
  isDoing(peer: Peer, hopId: string): boolean {
    return this.asking.isDoing(peer, hopId);
  }

  /** A pipeline of both sides for a request that the own nodes cannot answer, where no peer answers it whole. */
  readonly find: FindCrossing = (request) =>
    this.parts.hasWhole(request.modelId) ? Promise.resolve(null) : findCrossing(this.crossing, request);

  /** A peer that has the layers of a model which the own nodes lack; null without one. */
  async peerWith(modelId: string): Promise<Peer | null> {
    return (await planCrossing(this.crossing, modelId, 'fp32'))?.peer ?? null;
  }

  take(peer: Peer, link: SealedLink, message: HopCommand | HopAnswer): void {
    if (isHopCommand(message)) this.serving.take(peer, link, message);
    else this.asking.take(peer, message);
  }

  takeFrame(peer: Peer, bytes: Uint8Array): void {
    if (this.serving.takeFrame(peer, bytes) || this.asking.takeFrame(peer, bytes)) return;
    this.parts.noteRefusal(peer, 'hop-unknown', 'An activation came for a hop that is not open.');
  }

  settled(): Promise<void> {
    return this.serving.settled();
  }

  /** The link is gone. What was served over it is ended by the terms. */
  dropAll(peer: Peer): void {
    this.asking.dropAll(peer);
  }
}
