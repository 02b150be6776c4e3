import { partyOfKey } from '../../protocol/trust/agreement-keys';
import type { FederationSessionMessage } from '../../protocol/federation/session-messages';
import type { Signer } from '../../protocol/signing/ed25519';
import type { Clock } from '../clock';
import type { Logger } from '../logger';
import type { PeerSessions } from '../sessions/peer-sessions';
import type { SessionRooms } from '../sessions/session-rooms';
import type { Database } from '../storage/database-schema';
import { HeldTurns } from './held-turns';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import { SessionCopies } from './session-copies';
import { SessionHomeDesk } from './session-home-desk';
import { SessionHostDesk } from './session-host-desk';

/** What sessions across links need of their coordinator. */
export interface SessionParts {
  readonly coordinatorId: string;
  readonly sessions: PeerSessions;
  readonly rooms: SessionRooms;
  /** Whether a key is one of this side's people beside those an agreement names. */
  readonly isMember: (publicKey: string, agreementId: string) => Promise<boolean>;
  readonly isBlocked: (publicKey: string) => Promise<boolean>;
}

/** Group sessions over links: those hosted here for the peers' people, and those of peers for the own. */
export class SessionsAcross {
  private readonly host: SessionHostDesk;
  readonly home: SessionHomeDesk;
  private isOfferDue = false;

  constructor(
    private readonly peers: () => readonly Peer[],
    { coordinatorId, sessions, rooms, isMember, isBlocked }: SessionParts,
    signer: Signer,
    database: Database,
    clock: Clock,
    private readonly logger: Logger,
    noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {
    const common = { rooms, clock, logger, noteRefusal, sessions };
    this.host = new SessionHostDesk({ ...common, coordinatorId, isBlocked });
    this.home = new SessionHomeDesk({
      ...common,
      peers,
      copies: new SessionCopies(database, clock),
      held: new HeldTurns(database, clock),
      isOurs: async (publicKey, { agreement, ownParty }) => {
        const party = partyOfKey(agreement, publicKey);
        return party === null ? isMember(publicKey, agreement.id) : party.node_id === ownParty;
      },
      signer,
    });
    rooms.connectAway(this.home);
    rooms.watch((news) => {
      if (news.offered !== undefined || news.head !== undefined) this.offerSoon();
    });
  }

  start(): Promise<void> {
    return this.home.start();
  }

  stop(): Promise<void> {
    return this.home.stop();
  }

  async sweep(): Promise<void> {
    this.host.sweep();
    await this.home.sweep();
  }

  up(peer: Peer, link: SealedLink): void {
    this.host.up(peer, link);
    this.home.up(peer, link);
    this.offerTo(peer);
  }

  down(peer: Peer): void {
    this.host.down(peer);
    this.home.down(peer);
  }

  message(peer: Peer, message: FederationSessionMessage): void {
    switch (message.type) {
      case 'session-vouch':
        this.host.takeVouch(peer, message);
        return;
      case 'session-call':
        this.host.takeCall(peer, message);
        return;
      case 'session-signal':
        this.host.takeSignal(peer, message);
        return;
      default:
        this.home.message(peer, message);
    }
  }

  /** Many changes of one moment are one list. */
  private offerSoon(): void {
    if (this.isOfferDue) return;
    this.isOfferDue = true;
    setImmediate(() => {
      this.isOfferDue = false;
      for (const peer of this.peers()) this.offerTo(peer);
    });
  }

  private offerTo(peer: Peer): void {
    void this.host
      .offer(peer)
      .catch((thrown: unknown) => this.logger.error({ err: thrown }, 'sessions could not be offered to a peer'));
  }
}
