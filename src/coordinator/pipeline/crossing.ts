import type { FederatedAnswer } from '../../protocol/compute/http/federated-answer';
import type { PlannedHop, Scheduler } from '../scheduling/scheduler';
import type { GenerateRequest } from './generate-service';
import type { HopContext, HopDriver, HopFailure } from './hop-driver';

/** One request over the own nodes and those of one other coordinator, under the agreement with it. */
export interface Crossing {
  /** Plans with the own nodes and what the peer offers. */
  readonly scheduler: Scheduler;
  /** A driver for a hop at the peer. */
  driver(context: HopContext, offerId: string): HopDriver;
  /** A hop at the peer failed. */
  failed(failure: HopFailure): void;
  /** Once all hops are closed: what the peer's part came to. Waits for its settlements for a while. */
  settled(): Promise<FederatedAnswer>;
}

/** Finds a peer with whose layers a request can be answered that neither side can answer alone; null without one. */
export type FindCrossing = (request: GenerateRequest) => Promise<Crossing | null>;

/** Whether a hop is done by another coordinator. */
export function isForeign({ transport }: Pick<PlannedHop, 'transport'>): boolean {
  return transport.kind === 'federation';
}
