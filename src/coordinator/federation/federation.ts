import type { WebSocket } from 'ws';
import { isHopAnswer, isHopCommand } from '../../protocol/federation/hop-messages';
import type { FederationMessage } from '../../protocol/federation/messages';
import { isSessionMessage } from '../../protocol/federation/session-messages';
import type { Clock, Random } from '../clock';
import type { DiscoveryIndex } from '../discovery/discovery-index';
import { refuse } from '../errors';
import type { Logger } from '../logger';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Cashier } from '../pipeline/cashier';
import type { Elsewhere, GenerateService } from '../pipeline/generate-service';
import type { Scheduler } from '../scheduling/scheduler';
import type { Database } from '../storage/database-schema';
import { AskingDesk } from './asking-desk';
import { HopDesks, type HopParts } from './hop-desks';
import { LayerOffers, relayedShards, type OwnShards } from './layer-offers';
import { Offers, type PeerModel } from './offers';
import type { Peer } from './peer';
import { PeerLinks } from './peer-links';
import type { FederationSetup } from './peer-settings';
import { PeerStore } from './peer-store';
import type { SealedLink } from './sealed-link';
import { ServingDesk } from './serving-desk';
import { SessionsAcross, type SessionParts } from './sessions-across';
import { SettlementDesk } from './settlement-desk';
import { SettlementStore } from './settlement-store';
import { StatementDesk } from './statement-desk';
import { StatementStore } from './statement-store';
import { TermsDesk } from './terms-desk';

/** What the peer has not signed for is sent again after this time, also over a link that stands. */
const RESEND_MS = 60_000;

/** What the federation needs of its coordinator. */
export interface FederationParts extends Pick<HopParts, 'teams' | 'faults'> {
  readonly name: string;
  readonly database: Database;
  readonly catalogue: ModelCatalogue;
  readonly scheduler: Scheduler;
  readonly shards: OwnShards;
  readonly discovery: DiscoveryIndex;
  readonly cashier: Cashier;
  readonly generation: GenerateService;
  readonly maxRequests: number;
  readonly sessions: SessionParts;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The links of this coordinator with others, and everything that goes over them. */
export class Federation {
  readonly links: PeerLinks;
  readonly offers: Offers;
  readonly serving: ServingDesk;
  readonly asking: AskingDesk;
  readonly hops: HopDesks;
  readonly settlements: SettlementDesk;
  readonly statements: StatementDesk;
  readonly store: SettlementStore;
  readonly sessions: SessionsAcross;
  readonly peerStore: PeerStore;
  /** What waits for the database, by peer, so that settlements are taken in the order they came. */
  private readonly tails = new Map<Peer, Promise<void>>();

  private readonly terms: TermsDesk;
  private resentAtMs = 0;

  constructor(
    setup: FederationSetup,
    private readonly parts: FederationParts,
  ) {
    const { database, clock, random, logger, cashier } = parts;
    const noteRefusal = (peer: Peer, code: string, message: string): void =>
      this.links.noteRefusal(peer, code, message);
    this.peerStore = new PeerStore(database, clock);
    this.links = new PeerLinks(setup, this.peerStore, this, clock, random, logger);
    this.store = new SettlementStore(database, clock);
    this.settlements = new SettlementDesk(this.store, setup.signer, clock, random, logger, noteRefusal);
    const terms = new TermsDesk(this.store, clock, noteRefusal);
    const own = relayedShards(parts.shards);
    const layers = new LayerOffers(parts.catalogue, own, clock, random);
    this.hops = new HopDesks({
      ...parts,
      own,
      offers: layers,
      terms,
      settlements: this.settlements,
      store: this.store,
      peers: () => this.links.peers,
      hasWhole: (modelId) => this.offers.find(modelId)?.model.available === true,
      noteRefusal,
    });
    this.serving = new ServingDesk(
      parts.generation,
      cashier,
      parts.catalogue,
      this.settlements,
      this.store,
      terms,
      logger,
      noteRefusal,
    );
    this.terms = terms;
    this.asking = new AskingDesk(cashier, this.settlements, this.store, clock, random, logger, noteRefusal);
    this.statements = new StatementDesk(
      this.store,
      new StatementStore(database, clock),
      setup.signer,
      clock,
      random,
      logger,
      noteRefusal,
    );
    this.sessions = new SessionsAcross(
      () => this.links.peers,
      parts.sessions,
      setup.signer,
      database,
      clock,
      logger,
      noteRefusal,
    );
    this.offers = new Offers(
      parts.catalogue,
      parts.scheduler,
      parts.discovery,
      layers,
      () => this.links.peers,
      () => ({ requests: parts.maxRequests, running: parts.generation.activeRequests }),
      clock,
      logger,
      noteRefusal,
    );
  }

  get publicKey(): string {
    return this.links.signer.publicKey;
  }

  async start(): Promise<void> {
    await this.sessions.start();
    await this.links.start();
  }

  /** Ends the links; what waits for the database is waited for. */
  async stop(): Promise<void> {
    this.links.stop();
    await this.offers.settled();
    await this.sessions.stop();
    await this.hops.settled();
    await this.statements.settled();
    await Promise.all(this.tails.values());
  }

  accept(socket: WebSocket): void {
    this.links.accept(socket);
  }

  /** What happens as time passes. */
  async sweep(): Promise<void> {
    await this.links.reload();
    this.links.sweep();
    await this.sessions.sweep();
    this.offers.tell();
    this.statements.makeDue(this.links.peers);
    const nowMs = this.parts.clock.nowMs();
    if (nowMs - this.resentAtMs < RESEND_MS) return;
    this.resentAtMs = nowMs;
    for (const peer of this.links.peers) if (peer.link !== null) this.later(peer, () => this.settlements.flush(peer));
  }

  /** Which models can be answered here changed. */
  coverageChanged(): void {
    this.offers.tell();
  }

  /** A model that a peer serves. */
  model(modelId: string): PeerModel | null {
    return this.offers.find(modelId);
  }

  /** Answers what the own nodes cannot, where a peer serves the model. */
  readonly elsewhere: Elsewhere = (request) => {
    const found = this.offers.find(request.modelId);
    if (found !== null) return (listener, signal) => this.asking.generate(found, request, listener, signal);
    const away = this.offers.awayWith(request.modelId);
    if (away === null) return null;
    const message = `${away.name} answers with this model, and there is no link to it now.`;
    return () => Promise.resolve(refuse('peer-unavailable', message, { retryable: true }));
  };

  up(peer: Peer, link: SealedLink): void {
    void link.send({ type: 'ready', name: this.parts.name, agreement_id: peer.agreementId });
    this.offers.greet(peer);
    this.sessions.up(peer, link);
    this.later(peer, () => this.settlements.flush(peer));
  }

  down(peer: Peer, reason: string): void {
    this.offers.forget(peer);
    this.sessions.down(peer);
    this.terms.dropAll(peer);
    this.hops.dropAll(peer);
    this.asking.dropAll(peer, reason);
    this.statements.dropAll(peer);
  }

  isBusy(peer: Peer): boolean {
    return this.servingFor(peer) + this.askingAt(peer) > 0;
  }

  /** Requests and hops of a peer that run here. */
  servingFor(peer: Peer): number {
    return this.terms.runningFor(peer);
  }

  /** Own requests and hops that run at a peer. */
  askingAt(peer: Peer): number {
    return this.asking.runningAt(peer) + this.hops.runningAt(peer);
  }

  frame(peer: Peer, _link: SealedLink, bytes: Uint8Array): void {
    this.hops.takeFrame(peer, bytes);
  }

  message(peer: Peer, link: SealedLink, message: FederationMessage): void {
    if (isSessionMessage(message)) return this.sessions.message(peer, message);
    if (isHopCommand(message) || isHopAnswer(message)) return this.hops.take(peer, link, message);
    switch (message.type) {
      case 'ready':
        return;
      case 'summary':
        this.offers.take(peer, message);
        return;
      case 'terminate':
        this.later(peer, async () => {
          const ended = await this.links.terminate(message.notice);
          if (!ended.ok) this.links.noteRefusal(peer, ended.error.code, ended.error.message);
        });
        return;
      case 'unsupported':
        this.parts.logger.info({ peer: peer.name, of: message.of }, 'a peer does not know a message');
        return;
      case 'request':
        this.serving.take(peer, link, message);
        return;
      case 'request-cancel':
        this.terms.cancel(peer, message.request_id);
        return;
      case 'request-started':
      case 'request-token':
      case 'request-waiting':
      case 'request-ended':
        this.asking.take(peer, message);
        return;
      case 'settlement':
        // What is still under way is settled with its end, or told again after it: by then it is known what came.
        if (this.isUnderWayAt(peer, message.settlement['request_id'])) return;
        this.later(peer, async () => {
          await this.settlements.take(peer, message.settlement, null);
        });
        return;
      case 'settlement-receipt':
        this.later(peer, () => this.settlements.takeReceipt(peer, message.receipt));
        return;
      case 'settlement-refused':
        this.later(peer, () =>
          this.settlements.takeRefusal(peer, message.request_id, `${message.code}: ${message.message}`),
        );
        return;
      case 'statement':
        this.later(peer, () => this.statements.take(peer, message));
        return;
      case 'statement-answer':
        this.statements.takeAnswer(peer, message);
    }
  }

  private isUnderWayAt(peer: Peer, id: unknown): boolean {
    return typeof id === 'string' && (this.asking.isAnswering(peer, id) || this.hops.isDoing(peer, id));
  }

  /** One thing after the other for each peer; a failure is logged and stops nothing. */
  private later(peer: Peer, work: () => Promise<void>): void {
    const before = this.tails.get(peer) ?? Promise.resolve();
    const next = before.then(work).catch((thrown: unknown) => {
      this.parts.logger.error({ err: thrown, peer: peer.name }, 'something of a peer could not be done');
    });
    this.tails.set(peer, next);
  }
}
