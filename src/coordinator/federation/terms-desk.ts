import { grantOf, termsRefusal, type AskedRequest } from '../../protocol/federation/grant';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { toEpochMs } from '../../protocol/documents/time';
import type { Clock } from '../clock';
import { refuse, type CoordinatorFailure } from '../errors';
import type { Peer } from './peer';
import type { SettlementStore } from './settlement-store';

const MINUTE_MS = 60_000;
/** Longest a timer can wait; a later deadline is no deadline of a request. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a request of a peer has set aside, and what ends it. */
export interface Reservation {
  readonly abort: AbortController;
  readonly microAmount: number;
}

interface PeerRequests {
  readonly running: Map<string, Reservation>;
  /** Times of the requests of the last minute, in milliseconds. */
  readonly recent: number[];
}

/** Holds what peers ask for against the agreement: whole requests and hops together. */
export class TermsDesk {
  private readonly byPeer = new Map<Peer, PeerRequests>();

  constructor(
    private readonly store: SettlementStore,
    private readonly clock: Clock,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  runningFor(peer: Peer): number {
    return this.byPeer.get(peer)?.running.size ?? 0;
  }

  /**
   * Checks the terms and sets aside what the request can come to. Null: a request of this id runs already. What was
   * admitted is to be released.
   */
  async admit(peer: Peer, requestId: string, asked: AskedRequest): Promise<Reservation | CoordinatorFailure | null> {
    const { agreement, ownParty } = peer.settings;
    const { served: settled } = await this.store.totals(peer.publicKey, peer.agreementId);
    // From here on nothing waits, so that two requests cannot both take the last of something.
    const served = this.ofPeer(peer);
    if (served.running.has(requestId)) return null;
    const nowMs = this.clock.nowMs();
    while ((served.recent[0] ?? nowMs) <= nowMs - MINUTE_MS) served.recent.shift();
    const reserved = [...served.running.values()].reduce((sum, running) => sum + running.microAmount, 0);
    const usage = {
      nowMs,
      lastMinute: served.recent.length,
      running: served.running.size,
      microAmount: settled.micro + reserved,
    };
    const refused = termsRefusal(grantOf(agreement, ownParty), usage, asked);
    if (refused !== null) {
      this.noteRefusal(peer, refused.code, refused.message);
      return refuse('terms-refused', refused.message, { retryable: refused.retryable }).error;
    }
    const reservation: Reservation = { abort: new AbortController(), microAmount: asked.microAmount };
    served.running.set(requestId, reservation);
    if (served.recent.length < FEDERATION_LIMITS.burstMessages) served.recent.push(nowMs);
    return reservation;
  }

  release(peer: Peer, requestId: string): void {
    this.byPeer.get(peer)?.running.delete(requestId);
  }

  cancel(peer: Peer, requestId: string): void {
    this.byPeer.get(peer)?.running.get(requestId)?.abort.abort();
  }

  /** The link is gone: what came over it ends now. */
  dropAll(peer: Peer): void {
    for (const { abort } of this.byPeer.get(peer)?.running.values() ?? []) abort.abort();
  }

  /** Ends a request when its deadline comes; undefined without one. */
  deadline(at: string | undefined, abort: AbortController): NodeJS.Timeout | undefined {
    if (at === undefined) return undefined;
    const leftMs = Math.max(0, toEpochMs(at) - this.clock.nowMs());
    return leftMs > MAX_TIMER_MS ? undefined : setTimeout(() => abort.abort(), leftMs);
  }

  private ofPeer(peer: Peer): PeerRequests {
    const known = this.byPeer.get(peer) ?? { running: new Map(), recent: [] };
    this.byPeer.set(peer, known);
    return known;
  }
}
