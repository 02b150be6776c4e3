import { failure, type Failure } from '../../protocol/result';
import type { SessionOffer } from '../../protocol/wire/session-messages';
import type { Clock } from '../clock';
import { hostAway, type HomeLine, type VouchedFor } from './home-line';
import { barring, type Peer } from './peer';
import type { AwaySession, SessionCopies } from './session-copies';

/** Which sessions are elsewhere, at whom, and whether one can get there now. */
export class AwayIndex {
  readonly lines = new Map<Peer, HomeLine>();
  readonly offered = new Map<Peer, readonly SessionOffer[]>();
  private sessions = new Map<string, AwaySession>();

  constructor(
    private readonly peers: () => readonly Peer[],
    private readonly copies: SessionCopies,
    private readonly clock: Clock,
  ) {}

  async load(): Promise<void> {
    this.sessions = await this.copies.all();
  }

  know(sessionId: string, session: AwaySession): void {
    this.sessions.set(sessionId, session);
  }

  /** The agreements sessions stand on, each once with the peer it is with. */
  agreements(): AwaySession[] {
    const found = [...this.sessions.values()].map((away) => [`${away.peerKey} ${away.agreementId}`, away] as const);
    return [...new Map(found).values()];
  }

  private offerOf(sessionId: string): AwaySession | null {
    for (const [peer, offers] of this.offered) {
      const offer = offers.find(({ session_id: id }) => id === sessionId);
      if (offer !== undefined) return { peerKey: peer.publicKey, agreementId: offer.agreement_ref };
    }
    return null;
  }

  awayOf(sessionId: string): AwaySession | null {
    return this.sessions.get(sessionId) ?? this.offerOf(sessionId);
  }

  peerOf(away: AwaySession | null): Peer | null {
    return this.peers().find(({ publicKey }) => publicKey === away?.peerKey) ?? null;
  }

  lineOf(sessionId: string): HomeLine | null {
    const peer = this.peerOf(this.awayOf(sessionId));
    return peer === null ? null : (this.lines.get(peer) ?? null);
  }

  isOf(peer: Peer, sessionId: string): boolean {
    return this.awayOf(sessionId)?.peerKey === peer.publicKey;
  }

  /** Why nothing stands on an agreement now: for good, or until it begins. */
  agreementProblem(peer: Peer, agreementId: string): { readonly ok: false; readonly error: Failure } | null {
    const held = peer.agreement(agreementId);
    if (held === undefined) return hostAway(peer.name);
    const reason = barring(held, this.clock.nowMs());
    if (reason === null) return null;
    const words = `Nothing more is passed on to the session at ${peer.name}: ${reason}.`;
    return failure('agreement-invalid', words, { suggestion: 'Go on in a session under another agreement.' });
  }

  /** Whom this coordinator answers for; null for whoever is not in the session. */
  async who(sessionId: string, publicKey: string): Promise<VouchedFor | null> {
    const away = this.awayOf(sessionId);
    const own = await this.copies.own(sessionId, publicKey);
    if (away === null || own === null || own.hasLeft) return null;
    return { agreementId: away.agreementId, sessionId, publicKey, displayName: own.participant.display_name };
  }
}
