import type { WebSocket } from 'ws';
import { nodeCryptography } from '../../keys/ed25519';
import { FEDERATION_LIMITS, FEDERATION_SUBPROTOCOL } from '../../protocol/federation/limits';
import {
  keepsNewLink,
  NEW_LINK,
  nextLinkState,
  retryDelayMs,
  type LinkEvent,
  type LinkState,
} from '../../protocol/federation/link-state';
import type { FederationDraft, FederationMessage } from '../../protocol/federation/messages';
import type { Signer } from '../../protocol/signing/ed25519';
import { agreementStanding, checkTermination } from '../../protocol/trust/agreement-standing';
import type { TerminationNotice } from '../../protocol/trust/termination';
import type { Clock, Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import { dialPeer, greetPeer, type GreetedPeer, type GreetingFailure } from './link-greeting';
import type { FederationSetup, PeerSettings } from './peer-settings';
import type { PeerStore } from './peer-store';
import { LINK_CLOSE_REASONS, SealedLink, type LinkKeys, type LinkTraffic } from './sealed-link';

/** One peer and the link to it. */
export class Peer {
  state: LinkState = NEW_LINK;
  link: SealedLink | null = null;
  termination: TerminationNotice | null = null;
  lastUpAt: string | null = null;
  /** Of all links since the start. */
  readonly traffic: LinkTraffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };

  constructor(
    readonly settings: PeerSettings,
    readonly keyId: string,
  ) {}

  get name(): string {
    return this.settings.name;
  }

  get publicKey(): string {
    return this.settings.publicKey;
  }

  get agreementId(): string {
    return this.settings.agreement.id;
  }

  /** Sends over the link that stands now; false without one. */
  send(draft: FederationDraft): Promise<boolean> {
    return this.link?.send(draft) ?? Promise.resolve(false);
  }
}

/** What the parts of the federation hear of links. */
export interface LinkListener {
  up(peer: Peer, link: SealedLink): void;
  message(peer: Peer, link: SealedLink, message: FederationMessage): void;
  down(peer: Peer, reason: string): void;
}

/** Whether the agreement with a peer lets anything happen now; else why not. */
function barring(peer: Peer, nowMs: number): string | null {
  const { agreement } = peer.settings;
  const standing = agreementStanding(agreement, peer.termination === null ? [] : [peer.termination], nowMs);
  const { effective_at: from, expires_at: to } = agreement.terms;
  switch (standing) {
    case 'in-force':
      return null;
    case 'not-yet':
      return `the agreement begins at ${from}`;
    case 'expired':
      return `the agreement ended at ${to ?? from}`;
    case 'terminated':
      return `the agreement was terminated at ${peer.termination?.effective_at ?? from}`;
  }
}

/** The links to all peers: made, taken, watched and ended. */
export class PeerLinks {
  readonly peers: readonly Peer[];
  private readonly byKey: ReadonlyMap<string, Peer>;
  private greetings = 0;
  private isRunning = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly setup: FederationSetup,
    private readonly store: PeerStore,
    private readonly listener: LinkListener,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {
    this.peers = setup.peers.map((settings) => new Peer(settings, nodeCryptography.keyIdOf(settings.publicKey)));
    this.byKey = new Map(this.peers.map((peer) => [peer.publicKey, peer]));
  }

  get signer(): Signer {
    return this.setup.signer;
  }

  find(name: string): Peer | undefined {
    return this.peers.find((peer) => peer.name === name);
  }

  /** Reads what earlier runs knew, and begins to connect. */
  async start(): Promise<void> {
    for (const peer of this.peers) {
      const stored = await this.store.load(peer.publicKey, peer.agreementId);
      peer.termination = stored.termination;
      peer.lastUpAt = stored.lastUpAt;
      if (stored.isCut) this.advance(peer, { kind: 'cut' });
    }
    this.isRunning = true;
    this.sweep();
  }

  stop(): void {
    this.isRunning = false;
    if (this.timer !== null) clearTimeout(this.timer);
    for (const peer of this.peers) peer.link?.close(LINK_CLOSE_REASONS.goingAway);
  }

  /** Looks at agreements that begin and end, and at links that are due. */
  sweep(): void {
    if (!this.isRunning) return;
    const nowMs = this.clock.nowMs();
    for (const peer of this.peers) {
      this.judge(peer, nowMs);
      const { state } = peer;
      if (state.kind === 'down' && state.retryAtMs <= nowMs && peer.settings.url !== null) this.dial(peer);
    }
    this.schedule(nowMs);
  }

  /** A coordinator has connected. */
  accept(socket: WebSocket): void {
    if (
      !this.isRunning ||
      socket.protocol !== FEDERATION_SUBPROTOCOL ||
      this.greetings >= FEDERATION_LIMITS.maxGreetings
    ) {
      socket.close(LINK_CLOSE_REASONS.tooManyConnections.code, LINK_CLOSE_REASONS.tooManyConnections.reason);
      return;
    }
    this.greetings += 1;
    const over = (): void => {
      this.greetings -= 1;
    };
    greetPeer(
      socket,
      (publicKey) => {
        const peer = this.byKey.get(publicKey);
        if (peer === undefined) {
          return { kind: 'refuse', code: 'peer-unknown', message: 'This key is no peer of this coordinator.' };
        }
        const reason = this.refusalOf(peer);
        if (reason !== null) return { kind: 'refuse', code: 'peer-barred', message: reason };
        return { kind: 'welcome', peer: this.greeted(peer) };
      },
      this.signer,
      this.random,
      {
        linked: (linked, publicKey, keys) => {
          over();
          const peer = this.byKey.get(publicKey);
          if (peer !== undefined) this.take(peer, linked, keys, publicKey);
        },
        failed: (failure) => {
          over();
          const peer = failure.claimedKey === null ? undefined : this.byKey.get(failure.claimedKey);
          if (peer !== undefined) this.noteRefusal(peer, failure.code, failure.message);
          else this.logger.warn({ code: failure.code }, 'a coordinator that is no peer was turned away');
        },
      },
    );
  }

  /** The administrator cuts a link; it stays cut over restarts. */
  async cut(peer: Peer): Promise<void> {
    await this.store.setCut(peer.publicKey, true);
    this.advance(peer, { kind: 'cut' });
    peer.link?.close(LINK_CLOSE_REASONS.cut);
  }

  async resume(peer: Peer): Promise<void> {
    await this.store.setCut(peer.publicKey, false);
    this.advance(peer, { kind: 'resumed' });
    this.sweep();
  }

  /** Takes the signed end of an agreement, from a party or over a link. Fails with the codes of tore-0002. */
  async terminate(value: unknown): Promise<CoordinatorResult<TerminationNotice>> {
    const id: unknown =
      typeof value === 'object' && value !== null && 'agreement_id' in value ? value.agreement_id : null;
    const peer = this.peers.find((one) => one.agreementId === id);
    if (peer === undefined) return refuse('record-unknown', 'No link stands on such an agreement here.');
    const notice = checkTermination(value, peer.settings.agreement, nodeCryptography);
    if (!notice.ok) return notice;
    if (peer.termination?.id === notice.value.id) return notice;
    await this.store.end(notice.value);
    peer.termination = (await this.store.load(peer.publicKey, peer.agreementId)).termination;
    // The peer hears it over the link that ends with it; a notice that comes after an earlier one changes nothing.
    if (peer.termination?.id === notice.value.id) await peer.send({ type: 'terminate', notice: { ...notice.value } });
    this.sweep();
    return notice;
  }

  /** Takes over what another program has written into the database: a termination from the command line. */
  async reload(): Promise<void> {
    for (const peer of this.peers) {
      const stored = await this.store.load(peer.publicKey, peer.agreementId);
      if (stored.termination === null || stored.termination.id === peer.termination?.id) continue;
      peer.termination = stored.termination;
      await peer.send({ type: 'terminate', notice: { ...stored.termination } });
    }
  }

  noteRefusal(peer: Peer, code: string, message: string): void {
    this.logger.warn({ peer: peer.name, code }, 'something of a peer was refused');
    void this.store
      .noteRefusal(peer.publicKey, code, message)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'a refusal could not be recorded'));
  }

  private advance(peer: Peer, event: LinkEvent): void {
    peer.state = nextLinkState(peer.state, event, this.clock.nowMs());
  }

  /** Why a peer may not come in now, or null. */
  private refusalOf(peer: Peer): string | null {
    this.judge(peer, this.clock.nowMs());
    if (peer.state.kind === 'barred') return `No link: ${peer.state.reason}.`;
    return peer.state.kind === 'cut' ? 'The administrator of the other side has cut the link.' : null;
  }

  private judge(peer: Peer, nowMs: number): void {
    const reason = barring(peer, nowMs);
    if (reason === null) {
      this.advance(peer, { kind: 'allowed' });
      return;
    }
    this.advance(peer, { kind: 'barred', reason });
    peer.link?.close({ ...LINK_CLOSE_REASONS.noAgreement, reason });
  }

  private greeted(peer: Peer): GreetedPeer {
    return {
      publicKey: peer.publicKey,
      agreementId: peer.agreementId,
      agreementHash: peer.settings.agreementHash,
    };
  }

  private dial(peer: Peer): void {
    const { url } = peer.settings;
    if (url === null) return;
    this.advance(peer, { kind: 'greet' });
    dialPeer(url, this.greeted(peer), this.signer, this.random, {
      linked: (socket, _publicKey, keys) => this.take(peer, socket, keys, this.signer.publicKey),
      failed: (failure) => this.failed(peer, failure),
    });
  }

  private failed(peer: Peer, failure: GreetingFailure): void {
    this.lose(peer, failure.message);
    if (failure.code !== 'unreachable' && failure.code !== 'refused-there') {
      this.noteRefusal(peer, failure.code, failure.message);
    }
  }

  private lose(peer: Peer, reason: string): void {
    // An attempt of this side may fail while the peer's own has succeeded.
    if (peer.link !== null) return;
    const failures = peer.state.kind === 'greeting' ? peer.state.failures : 0;
    const spread = (this.random.bytes(1)[0] ?? 0) / 255;
    this.advance(peer, { kind: 'lost', reason, retryAfterMs: retryDelayMs(failures, this.setup.retryMs, spread) });
    this.schedule(this.clock.nowMs());
  }

  /** A link was proved: it becomes the one of the peer, unless the other one is to stay. */
  private take(peer: Peer, socket: WebSocket, keys: LinkKeys, dialerKey: string): void {
    const link: SealedLink = new SealedLink(
      socket,
      keys,
      dialerKey,
      {
        message: (message) => {
          if (peer.link === link) this.listener.message(peer, link, message);
        },
        misbehaved: (code, message) => this.noteRefusal(peer, code, message),
        closed: (reason) => {
          for (const name of ['messagesIn', 'messagesOut', 'bytesIn', 'bytesOut'] as const) {
            peer.traffic[name] += link.traffic[name];
          }
          if (peer.link !== link) return;
          peer.link = null;
          this.lose(peer, reason);
          this.logger.info({ peer: peer.name, reason }, 'the link to a peer ended');
          this.listener.down(peer, reason);
        },
      },
      this.clock,
    );
    const reason = this.isRunning ? this.refusalOf(peer) : 'stopping';
    if (reason !== null) {
      link.close({ ...LINK_CLOSE_REASONS.noAgreement, reason: reason.slice(0, 100) });
      return;
    }
    const existing = peer.link;
    if (existing !== null) {
      if (!keepsNewLink(existing, link)) {
        link.close(LINK_CLOSE_REASONS.otherLink);
        return;
      }
      existing.close(LINK_CLOSE_REASONS.otherLink);
    }
    peer.link = link;
    this.advance(peer, { kind: 'proved' });
    const { agreementId } = peer;
    this.logger.info({ peer: peer.name, agreement: agreementId }, 'a link to a peer stands under its agreement');
    void this.store
      .noteUp(peer.publicKey, agreementId)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'a link could not be recorded'));
    this.listener.up(peer, link);
  }

  private schedule(nowMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const due = this.peers.flatMap(({ state, settings }) =>
      state.kind === 'down' && settings.url !== null ? [state.retryAtMs] : [],
    );
    if (!this.isRunning || due.length === 0) return;
    this.timer = setTimeout(() => this.sweep(), Math.max(1, Math.min(...due) - nowMs));
    this.timer.unref();
  }
}
