import type { SessionOffer } from '../../protocol/wire/session-messages';
import type { PeerSessions } from '../sessions/peer-sessions';
import type { SessionRooms } from '../sessions/session-rooms';
import type { AwayIndex } from './away-index';
import type { HeldAgreement, Peer } from './peer';
import type { SessionCopies } from './session-copies';

/** What offers of peers need of the coordinator. */
interface AwayOfferParts {
  readonly copies: SessionCopies;
  readonly sessions: PeerSessions;
  readonly rooms: SessionRooms;
  readonly isOurs: (publicKey: string, held: HeldAgreement) => Promise<boolean>;
  readonly noteRefusal: (peer: Peer, code: string, message: string) => void;
}

/** Sessions of peers which people of this side may join. */
export class AwayOffers {
  /** Lists of peers that wait for the one before to be looked through; null where none does. */
  private readonly waiting = new Map<Peer, readonly SessionOffer[] | null>();

  constructor(
    private readonly index: AwayIndex,
    private readonly parts: AwayOfferParts,
  ) {}

  /** Offers for a key. */
  async to(publicKey: string): Promise<SessionOffer[]> {
    const found: SessionOffer[] = [];
    for (const [peer, offers] of this.index.offered) {
      for (const offer of offers) if (await this.mayJoin(peer, offer, publicKey)) found.push(offer);
    }
    return found;
  }

  /**
   * Takes the list of a peer in the place of the one before, and tells what is new to those it is for. While one list is
   * looked through, only the newest of those that come counts.
   */
  async take(peer: Peer, offers: readonly SessionOffer[]): Promise<void> {
    const isBusy = this.waiting.has(peer);
    this.waiting.set(peer, offers);
    if (isBusy) return;
    try {
      for (;;) {
        const next = this.waiting.get(peer) ?? null;
        if (next === null) return;
        this.waiting.set(peer, null);
        await this.replace(peer, next);
      }
    } finally {
      this.waiting.delete(peer);
    }
  }

  private async replace(peer: Peer, offers: readonly SessionOffer[]): Promise<void> {
    const taken: SessionOffer[] = [];
    for (const offer of offers) {
      const known = this.index.awayOf(offer.session_id);
      const isForeign =
        this.index.agreementProblem(peer, offer.agreement_ref) !== null ||
        (known !== null && known.peerKey !== peer.publicKey) ||
        (await this.parts.sessions.isHosted(offer.session_id));
      if (isForeign)
        this.parts.noteRefusal(peer, 'session-foreign', 'The peer offered a session that is not its own to offer.');
      else taken.push(offer);
    }
    if (!this.index.lines.has(peer)) return;
    const before = new Set(this.index.offered.get(peer)?.map(({ session_id: id }) => id));
    this.index.offered.set(peer, taken);
    for (const offer of taken) {
      if (before.has(offer.session_id)) continue;
      for (const key of this.parts.rooms.connectedKeys()) {
        if (!(await this.mayJoin(peer, offer, key))) continue;
        this.parts.rooms.tell(key, { type: 'session-offered', session_id: offer.session_id, offer });
      }
    }
  }

  /** Whether an offer is for a key: it is of this side, and never was in the session. */
  private async mayJoin(peer: Peer, offer: SessionOffer, publicKey: string): Promise<boolean> {
    const held = peer.agreement(offer.agreement_ref);
    if (held === undefined || (await this.parts.copies.own(offer.session_id, publicKey)) !== null) return false;
    return this.parts.isOurs(publicKey, held);
  }
}
