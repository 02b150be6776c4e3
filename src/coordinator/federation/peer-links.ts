import type { WebSocket } from 'ws';
import { nodeCryptography } from '../../keys/ed25519';
import { FEDERATION_LIMITS, FEDERATION_SUBPROTOCOL } from '../../protocol/federation/limits';
import { keepsNewLink, nextLinkState, retryDelayMs, type LinkEvent } from '../../protocol/federation/link-state';
import type { FederationMessage } from '../../protocol/federation/messages';
import type { Signer } from '../../protocol/signing/ed25519';
import { checkTermination } from '../../protocol/trust/agreement-standing';
import type { TerminationNotice } from '../../protocol/trust/termination';
import type { Clock, Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import { AgreementFiles } from './agreement-files';
import { dialPeer, greetPeer, type GreetedPeer, type GreetingFailure, type NamedAgreement } from './link-greeting';
import { barring, Peer, type HeldAgreement } from './peer';
import type { FederationSetup } from './peer-settings';
import type { PeerStore } from './peer-store';
import { LINK_CLOSE_REASONS, SealedLink, type LinkKeys } from './sealed-link';

/** What runs under an agreement that was renewed has this long to end before the link changes over. */
const RENEWAL_PATIENCE_MS = 300_000;
/** Refusals that may wait to be written down; of a flood the database is not to know each one. */
const MAX_REFUSALS_WAITING = 1_000;

/** What the parts of the federation hear of links. */
export interface LinkListener {
  up(peer: Peer, link: SealedLink): void;
  message(peer: Peer, link: SealedLink, message: FederationMessage): void;
  frame(peer: Peer, link: SealedLink, bytes: Uint8Array): void;
  down(peer: Peer, reason: string): void;
  /** Whether something would be lost if the link to a peer ended now. */
  isBusy(peer: Peer): boolean;
}

function greeted({ publicKey }: Peer, held: HeldAgreement): GreetedPeer {
  return { publicKey, agreementId: held.agreement.id, agreementHash: held.agreementHash };
}

/** The links to all peers: made, taken, watched and ended. */
export class PeerLinks {
  readonly peers: readonly Peer[];
  private readonly byKey: ReadonlyMap<string, Peer>;
  private readonly files: AgreementFiles;
  private greetings = 0;
  private refusalsWaiting = 0;
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
    this.peers = setup.peers.map((settings) => new Peer(settings));
    this.files = new AgreementFiles(store, setup.signer.publicKey, (peer, code, message) =>
      this.noteRefusal(peer, code, message),
    );
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
      await this.files.load(peer);
      let isCut = false;
      for (const held of peer.agreements) {
        const stored = await this.store.load(peer.publicKey, held.agreement.id);
        held.termination = stored.termination;
        isCut ||= stored.isCut;
        if ((stored.lastUpAt ?? '') > (peer.lastUpAt ?? '')) peer.lastUpAt = stored.lastUpAt;
      }
      if (isCut) this.advance(peer, { kind: 'cut' });
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
      this.changeOver(peer, nowMs);
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
      (publicKey, named) => {
        const peer = this.byKey.get(publicKey);
        if (peer === undefined) {
          return { kind: 'refuse', code: 'peer-unknown', message: 'This key is no peer of this coordinator.' };
        }
        const reason = this.refusalOf(peer);
        const held = this.agreementFor(peer, named);
        if (reason !== null || held === null) {
          return { kind: 'refuse', code: 'peer-barred', message: reason ?? 'No link: no agreement is in force.' };
        }
        return { kind: 'welcome', peer: greeted(peer, held) };
      },
      this.signer,
      this.random,
      {
        linked: (linked, { publicKey, agreementId }, keys) => {
          over();
          const peer = this.byKey.get(publicKey);
          if (peer !== undefined) this.take(peer, linked, keys, publicKey, agreementId);
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
    let notice: CoordinatorResult<TerminationNotice> = refuse(
      'record-unknown',
      'No link stands on such an agreement here.',
    );
    for (const peer of this.peers) {
      const held = typeof id === 'string' ? peer.agreement(id) : undefined;
      if (held === undefined) continue;
      // With another peer there may be another agreement of this id, or the same one.
      const checked = checkTermination(value, held.agreement, nodeCryptography);
      if (checked.ok || !notice.ok) notice = checked;
      if (!checked.ok || held.termination?.id === checked.value.id) continue;
      await this.store.end(peer.publicKey, checked.value);
      await this.takeTermination(peer, held);
    }
    if (notice.ok) this.sweep();
    return notice;
  }

  /**
   * Takes over what was changed from outside: a termination that another program has written into the database, a renewed
   * agreement in the place of the old one.
   */
  async reload(): Promise<void> {
    for (const peer of this.peers) {
      for (const held of peer.agreements) await this.takeTermination(peer, held);
      const renewed = await this.files.renewed(peer);
      if (renewed === null) continue;
      const { isCut } = await this.store.load(peer.publicKey, peer.agreementId);
      const held = peer.hold(renewed, true);
      held.termination = (await this.store.load(peer.publicKey, held.agreement.id)).termination;
      if (isCut) await this.store.setCut(peer.publicKey, true);
      this.logger.info({ peer: peer.name, agreement: held.agreement.id }, 'the agreement with a peer was renewed');
    }
  }

  /** Of several notices the one that ends an agreement earliest counts; the peer hears it over the link that ends with it. */
  private async takeTermination(peer: Peer, held: HeldAgreement): Promise<void> {
    const { termination } = await this.store.load(peer.publicKey, held.agreement.id);
    if (termination === null || termination.id === held.termination?.id) return;
    held.termination = termination;
    await peer.send({ type: 'terminate', notice: { ...termination } });
  }

  noteRefusal(peer: Peer, code: string, message: string): void {
    if (this.refusalsWaiting >= MAX_REFUSALS_WAITING) return;
    this.refusalsWaiting += 1;
    this.logger.warn({ peer: peer.name, code }, 'something of a peer was refused');
    void this.store
      .noteRefusal(peer.publicKey, code, message)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'a refusal could not be recorded'))
      .finally(() => {
        this.refusalsWaiting -= 1;
      });
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
    const inForce = peer.inForce(nowMs);
    const ended = peer.agreement(peer.agreementId);
    const reason = ended === undefined ? null : barring(ended, nowMs);
    if (reason !== null) peer.link?.close({ ...LINK_CLOSE_REASONS.noAgreement, reason });
    const [next] = inForce;
    if (next === undefined) this.advance(peer, { kind: 'barred', reason: reason ?? 'no agreement is in force' });
    else this.advance(peer, { kind: 'allowed' });
    if (peer.link === null && next !== undefined) peer.use(next);
  }

  /** Ends a link under an agreement that was renewed once nothing runs over it; the next one stands under the new one. */
  private changeOver(peer: Peer, nowMs: number): void {
    const sinceMs = peer.renewalSinceMs;
    // A greeting that is under way may have named the old one: that shows when its link stands.
    if (sinceMs === null || peer.link === null) return;
    const isNewest = peer.inForce(nowMs)[0]?.agreement.id === peer.agreementId;
    if (!isNewest && this.listener.isBusy(peer) && nowMs - sinceMs < RENEWAL_PATIENCE_MS) return;
    peer.renewalSinceMs = null;
    if (!isNewest) peer.link.close(LINK_CLOSE_REASONS.renewed);
  }

  /** The agreement that is held against the one a peer names: the same where it may be used, else the newest. */
  private agreementFor(peer: Peer, named: NamedAgreement): HeldAgreement | null {
    const inForce = peer.inForce(this.clock.nowMs());
    return (
      inForce.find(
        ({ agreement, agreementHash }) => agreement.id === named.agreement_id && agreementHash === named.agreement_hash,
      ) ??
      inForce[0] ??
      null
    );
  }

  private dial(peer: Peer): void {
    const { url } = peer.settings;
    const inForce = peer.inForce(this.clock.nowMs());
    const held = inForce[peer.refusedAgreements] ?? inForce[0];
    if (url === null || held === undefined) return;
    this.advance(peer, { kind: 'greet' });
    dialPeer(url, greeted(peer, held), this.signer, this.random, {
      linked: (socket, { agreementId }, keys) => this.take(peer, socket, keys, this.signer.publicKey, agreementId),
      failed: (failure) => this.failed(peer, failure, inForce.length),
    });
  }

  /** @param choices - how many agreements the link could have stood under */
  private failed(peer: Peer, failure: GreetingFailure, choices: number): void {
    const isOther = failure.code === 'agreement-differs' || failure.code === 'agreement-differs-there';
    if (isOther && peer.refusedAgreements + 1 < choices) {
      // The other side has not renewed it yet.
      peer.refusedAgreements += 1;
      this.lose(peer, failure.message, 0);
      return;
    }
    peer.refusedAgreements = 0;
    this.lose(peer, failure.message);
    if (!['unreachable', 'refused-there', 'agreement-differs-there'].includes(failure.code)) {
      this.noteRefusal(peer, failure.code, failure.message);
    }
  }

  /** @param afterMs - when the next attempt is made; by default later the more have failed */
  private lose(peer: Peer, reason: string, afterMs?: number): void {
    // An attempt of this side may fail while the peer's own has succeeded.
    if (peer.link !== null) return;
    const failures = peer.state.kind === 'greeting' ? peer.state.failures : 0;
    const spread = (this.random.bytes(1)[0] ?? 0) / 255;
    const retryAfterMs = afterMs ?? retryDelayMs(failures, this.setup.retryMs, spread);
    this.advance(peer, { kind: 'lost', reason, retryAfterMs });
    this.schedule(this.clock.nowMs());
  }

  /** A link was proved: it becomes the one of the peer, unless the other one is to stay. */
  private take(peer: Peer, socket: WebSocket, keys: LinkKeys, dialerKey: string, agreementId: string): void {
    const link: SealedLink = new SealedLink(
      socket,
      keys,
      dialerKey,
      {
        message: (message) => {
          if (peer.link === link) this.listener.message(peer, link, message);
        },
        frame: (bytes) => {
          if (peer.link === link) this.listener.frame(peer, link, bytes);
        },
        misbehaved: (code, message) => this.noteRefusal(peer, code, message),
        failed: (thrown) => this.logger.error({ err: thrown, peer: peer.name }, 'a message of a peer failed'),
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
    const held = peer.agreement(agreementId);
    const ended = held === undefined ? 'no such agreement' : barring(held, this.clock.nowMs());
    const reason = this.isRunning ? (this.refusalOf(peer) ?? ended) : 'stopping';
    if (reason !== null || held === undefined) {
      link.close({ ...LINK_CLOSE_REASONS.noAgreement, reason: (reason ?? '').slice(0, 100) });
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
    peer.use(held);
    peer.refusedAgreements = 0;
    this.advance(peer, { kind: 'proved' });
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
