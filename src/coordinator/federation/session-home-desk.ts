import { Value } from 'typebox/value';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import type { CarriedCall, SessionMessageOf } from '../../protocol/federation/session-messages';
import { failure, success, type Result } from '../../protocol/result';
import type { Turn } from '../../protocol/session/session';
import { unknownSession } from '../../protocol/session/session-host';
import type { Signer } from '../../protocol/signing/ed25519';
import type { CoordinatorMessage, MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import { EnteredSession, TurnPage, type SessionList, type SessionOffer } from '../../protocol/wire/session-messages';
import type { Clock } from '../clock';
import type { Logger } from '../logger';
import { exportPageOf, type ExportPage, type PageRequest } from '../sessions/export-page';
import type { PeerSessions } from '../sessions/peer-sessions';
import type { ParticipantConnection, SessionRooms } from '../sessions/session-rooms';
import type { SessionCall, SessionsAway } from '../sessions/sessions-away';
import { Turnstile } from '../turnstile';
import { AwayIndex } from './away-index';
import { AwayOffers } from './away-offers';
import { AwayPosts } from './away-posts';
import type { HeldTurns } from './held-turns';
import { hostAway, HomeLine, type VouchedFor } from './home-line';
import type { HeldAgreement, Peer } from './peer';
import type { SealedLink } from './sealed-link';
import type { ParticipantFault, SessionCopies } from './session-copies';

type Call<Name extends ParticipantMessage['type']> = MessageOf<ParticipantMessage, Name>;
type Told = SessionMessageOf<'session-told'>;

/** What the desk needs of its coordinator. */
export interface SessionHomeParts {
  readonly peers: () => readonly Peer[];
  readonly copies: SessionCopies;
  readonly held: HeldTurns;
  readonly sessions: PeerSessions;
  readonly rooms: SessionRooms;
  /** Whether a key is of this side, so that this coordinator answers for it under an agreement. */
  readonly isOurs: (publicKey: string, held: HeldAgreement) => Promise<boolean>;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly noteRefusal: (peer: Peer, code: string, message: string) => void;
}

/** A session elsewhere as this process follows it. */
interface AwayRoom {
  readonly occupants: Set<ParticipantConnection>;
  /** What changes the copy, one after the other. */
  readonly work: Turnstile;
  /** Bytes of what arrived and is not in the copy yet. */
  bytes: number;
  /** What will be done once what is under way has ended: once is enough, however often the host gives cause for it. */
  isRefreshDue: boolean;
  isCatchUpDue: boolean;
  /** Number of the last turn, as far as the host has said it. */
  hostSeq: number;
}

/**
 * Sessions that peers host, for people of this side: answers for them, carries their calls over the link, keeps a copy of
 * what the host has ordered, and keeps their turns while there is no link.
 */
export class SessionHomeDesk implements SessionsAway {
  private readonly index: AwayIndex;
  private readonly posts: AwayPosts;
  private readonly offered: AwayOffers;
  private readonly rooms = new Map<string, AwayRoom>();
  private prunedAtMs = 0;

  constructor(private readonly parts: SessionHomeParts) {
    this.index = new AwayIndex(parts.peers, parts.copies, parts.clock);
    this.posts = new AwayPosts(this.index, parts);
    this.offered = new AwayOffers(this.index, parts);
  }

  start(): Promise<void> {
    return this.index.load();
  }

  stop(): Promise<void> {
    return this.posts.sender.stop();
  }

  up(peer: Peer, link: SealedLink): void {
    this.index.lines.set(peer, new HomeLine(peer, link, this.parts.signer, this.parts.clock));
    this.safely('sessions of a peer could not be taken up again', () => this.resume(peer));
  }

  down(peer: Peer): void {
    const line = this.index.lines.get(peer);
    this.index.lines.delete(peer);
    this.index.offered.delete(peer);
    line?.end();
    this.safely('held turns could not be given back', () => this.posts.giveBack());
  }

  /** Renews credentials, and gives turns back whose agreement is over. */
  async sweep(): Promise<void> {
    const isThere = ({ sessionId, publicKey }: VouchedFor): boolean =>
      this.occupants(sessionId).some((one) => one.publicKey === publicKey);
    for (const line of this.index.lines.values()) line.renew(isThere);
    await this.posts.giveBack();
    const nowMs = this.parts.clock.nowMs();
    if (nowMs - this.prunedAtMs < 3_600_000) return;
    this.prunedAtMs = nowMs;
    await this.parts.held.prune();
  }

  hosts(sessionId: string): boolean {
    return this.index.awayOf(sessionId) !== null;
  }

  list(publicKey: string): Promise<SessionList> {
    return this.parts.copies.list(publicKey);
  }

  offers(publicKey: string): Promise<SessionOffer[]> {
    return this.offered.to(publicKey);
  }

  async exportPage(publicKey: string, sessionId: string, page: PageRequest): Promise<Result<ExportPage>> {
    const own = await this.parts.copies.own(sessionId, publicKey);
    const copy =
      own === null || own.hasLeft ? null : await this.parts.copies.entered(sessionId, own, page.afterSeq, page.limit);
    return copy === null ? unknownSession() : success(exportPageOf(copy.head, copy.participants, copy.turns, page));
  }

  private async read(publicKey: string, sessionId: string, afterSeq: number): Promise<Result<TurnPage>> {
    const own = await this.parts.copies.own(sessionId, publicKey);
    if (own === null || own.hasLeft) return unknownSession();
    const line = this.index.lineOf(sessionId);
    if (line !== null && afterSeq >= (await this.parts.copies.lastSeq(sessionId))) {
      await this.inOrder(sessionId, () => this.fetchPage(sessionId, publicKey));
    }
    const turns = await this.parts.copies.page(sessionId, afterSeq);
    const lastSeq = await this.parts.copies.lastSeq(sessionId);
    return success({ turns, last_seq: Math.max(lastSeq, line === null ? 0 : this.room(sessionId).hostSeq) });
  }

  async answer(connection: ParticipantConnection, call: SessionCall): Promise<Result<unknown>> {
    switch (call.type) {
      case 'session-create':
        return unknownSession();
      case 'session-exit':
        this.unseat(connection, call.session_id);
        return success(null);
      case 'session-join':
        return this.join(connection, call);
      case 'session-enter':
        return this.enter(connection, call);
      case 'session-read':
        return this.read(connection.publicKey, call.session_id, call.after_seq);
      case 'session-post':
        return this.posts.post(connection, call);
      default:
        return this.pass(connection.publicKey, call);
    }
  }

  signal(connection: ParticipantConnection, message: Call<'session-typing'> | Call<'session-stream'>): void {
    const { session_id: sessionId } = message;
    if (!this.occupants(sessionId).includes(connection)) return;
    this.safely('a sign could not be passed on', async () => {
      const line = this.index.lineOf(sessionId);
      const who = await this.index.who(sessionId, connection.publicKey);
      if (line !== null && who !== null) line.signal(who, message);
    });
  }

  lost(connection: ParticipantConnection): void {
    for (const sessionId of this.rooms.keys()) this.unseat(connection, sessionId);
  }

  message(
    peer: Peer,
    message: SessionMessageOf<
      'session-hosted' | 'session-unvouched' | 'session-reply' | 'session-told' | 'session-behind'
    >,
  ): void {
    switch (message.type) {
      case 'session-hosted':
        this.safely('offers of a peer could not be taken', () => this.offered.take(peer, message.offers));
        return;
      case 'session-unvouched':
        this.index.lines.get(peer)?.unvouched(message.session_id);
        this.parts.noteRefusal(peer, message.code, `The other side did not take a credential: ${message.message}`);
        return;
      case 'session-reply':
        this.index.lines.get(peer)?.take(message);
        return;
      case 'session-told':
        this.hear(peer, message);
        return;
      case 'session-behind':
        if (this.index.isOf(peer, message.session_id) && this.rooms.has(message.session_id))
          this.refreshLater(message.session_id);
    }
  }

  // Joining and entering

  private async join(connection: ParticipantConnection, call: Call<'session-join'>): Promise<Result<EnteredSession>> {
    const { session_id: sessionId } = call;
    const away = this.index.awayOf(sessionId);
    const peer = this.index.peerOf(away);
    if (away === null || peer === null) return unknownSession();
    const barred = this.index.agreementProblem(peer, away.agreementId);
    if (barred !== null) return barred;
    const held = peer.agreement(away.agreementId);
    if (held === undefined || !(await this.parts.isOurs(connection.publicKey, held))) return unknownSession();
    const who: VouchedFor = {
      agreementId: away.agreementId,
      sessionId,
      publicKey: connection.publicKey,
      displayName: call.me.display_name.trim(),
    };
    return this.comeIn(connection, who, carriedOf(call));
  }

  private async enter(connection: ParticipantConnection, call: Call<'session-enter'>): Promise<Result<EnteredSession>> {
    const { session_id: sessionId, after_seq: afterSeq } = call;
    const who = await this.index.who(sessionId, connection.publicKey);
    if (who === null) return unknownSession();
    const lastSeq = await this.parts.copies.lastSeq(sessionId);
    const entered = await this.comeIn(connection, who, {
      type: 'session-enter',
      session_id: sessionId,
      after_seq: lastSeq,
    });
    if (entered.ok) {
      return success({ ...entered.value, turns: await this.parts.copies.page(sessionId, afterSeq) });
    }
    if (!entered.error.retryable) return entered;
    // Without the host one reads what is here, and writes.
    const own = await this.parts.copies.own(sessionId, connection.publicKey);
    const copy = own === null || own.hasLeft ? null : await this.parts.copies.entered(sessionId, own, afterSeq);
    if (copy === null) return entered;
    this.room(sessionId).occupants.add(connection);
    return success(copy);
  }

  /** Calls `join` or `enter` at the host, and keeps what it says. */
  private async comeIn(
    connection: ParticipantConnection,
    who: VouchedFor,
    call: CarriedCall,
  ): Promise<Result<EnteredSession>> {
    // The seat first: what happens meanwhile is then in the reply or told after it.
    const room = this.room(who.sessionId);
    const wasIn = room.occupants.has(connection);
    room.occupants.add(connection);
    const entered = await this.inOrder(who.sessionId, () => this.enterAtHost(who, call));
    if (!entered.ok && !wasIn) this.unseat(connection, who.sessionId);
    return entered;
  }

  private async enterAtHost(who: VouchedFor, call: CarriedCall): Promise<Result<EnteredSession>> {
    const { sessionId, publicKey, agreementId } = who;
    const away = this.index.awayOf(sessionId);
    const peer = this.index.peerOf(away);
    const line = peer === null ? undefined : this.index.lines.get(peer);
    if (peer === null) return unknownSession();
    if (line === undefined) return hostAway(peer.name);
    const result = await line.call(who, call);
    if (!result.ok) {
      if (result.error.code === 'session-unknown' && call.type === 'session-enter')
        await this.left(sessionId, publicKey);
      return result;
    }
    if (!Value.Check(EnteredSession, result.value) || !isAbout(result.value, who)) {
      const words = 'The host answered with a session that is not the one that was asked for.';
      this.parts.noteRefusal(peer, 'session-answer', words);
      return failure('answer-invalid', words);
    }
    const entered = result.value;
    const session = { peerKey: peer.publicKey, agreementId };
    this.noteParticipants(peer, await this.parts.copies.keep(session, entered, publicKey));
    this.index.know(sessionId, session);
    const room = this.room(sessionId);
    room.hostSeq = Math.max(room.hostSeq, entered.head.last_seq);
    await this.takeTurns(sessionId, entered.turns);
    return success(entered);
  }

  /** Passes a call on that changes or asks something at the host. */
  private async pass(publicKey: string, call: SessionCall): Promise<Result<unknown>> {
    const { session_id: sessionId } = call;
    const who = await this.index.who(sessionId, publicKey);
    const line = this.index.lineOf(sessionId);
    if (who === null) return unknownSession();
    if (line === null) return hostAway(this.index.peerOf(this.index.awayOf(sessionId))?.name ?? 'the other side');
    const named = call.type === 'session-profile' ? { ...who, displayName: call.display_name.trim() } : who;
    const result = await line.call(named, carriedOf(call));
    if (result.ok && call.type === 'session-leave') await this.left(sessionId, publicKey);
    return result;
  }

  // What the host tells

  private hear(peer: Peer, { session_id: sessionId, public_keys: keys, event }: Told): void {
    const isAboutIt =
      event.session_id === sessionId && (!('head' in event) || event.head === undefined || event.head.id === sessionId);
    if (!this.index.isOf(peer, sessionId) || !isAboutIt) {
      this.parts.noteRefusal(peer, 'session-foreign', 'The peer told of a session that it does not host.');
      return;
    }
    // Nobody here has entered it: whoever does reads what they missed. So a peer cannot have rooms made by what it tells.
    if (!this.rooms.has(sessionId)) return;
    const relay = (): void => {
      const text = JSON.stringify(event);
      for (const one of this.occupants(sessionId)) if (keys.includes(one.publicKey)) one.sendText(text);
    };
    if (event.type === 'session-turns') return this.hearTurns(sessionId, event.turns);
    if (event.type === 'session-present' || event.type === 'session-streamed') return relay();
    if (event.type === 'session-changed') {
      const isTaken = this.arrived(sessionId, JSON.stringify(event).length, async () => {
        this.noteParticipants(peer, await this.parts.copies.change(sessionId, event.head, event.participants ?? []));
        relay();
      });
      if (!isTaken) this.refreshLater(sessionId);
      return;
    }
    this.inOrderLater(sessionId, async () => {
      relay();
      for (const key of keys) await this.left(sessionId, key);
    });
  }

  /** Does something with what arrived once it is its turn. False: too much waits already, and nothing is done. */
  private arrived(sessionId: string, size: number, work: () => Promise<void>): boolean {
    const room = this.room(sessionId);
    if (room.bytes + size > SESSION_LINK_LIMITS.maxBytesArrived) return false;
    room.bytes += size;
    this.inOrderLater(sessionId, async () => {
      try {
        await work();
      } finally {
        room.bytes -= size;
      }
    });
    return true;
  }

  private hearTurns(sessionId: string, turns: readonly Turn[]): void {
    const room = this.room(sessionId);
    room.hostSeq = Math.max(room.hostSeq, turns.at(-1)?.seq ?? 0);
    const isTaken = this.arrived(sessionId, JSON.stringify(turns).length, async () => {
      if ((await this.takeTurns(sessionId, turns)).gap) this.catchUpLater(sessionId);
    });
    if (!isTaken) this.catchUpLater(sessionId);
  }

  private noteParticipants(peer: Peer, fault: ParticipantFault | null): void {
    if (fault === 'other-key') {
      this.parts.noteRefusal(peer, 'session-key', 'The host gave another key to a participant; the first one is kept.');
    } else if (fault === 'too-many') {
      this.parts.noteRefusal(peer, 'session-full', 'The host tells of more participants than a session can have.');
    }
  }

  /**
   * Puts turns into the copy, and tells those who follow what is new.
   *
   * @returns whether turns are missing that the host can be asked for, and whether any were new
   */
  private async takeTurns(
    sessionId: string,
    turns: readonly Turn[],
  ): Promise<{ readonly gap: boolean; readonly isNew: boolean }> {
    const { added, gap, conflict, isFull } = await this.parts.copies.append(sessionId, turns);
    const peer = this.index.peerOf(this.index.awayOf(sessionId));
    if (conflict && peer !== null) {
      this.parts.noteRefusal(peer, 'session-order', 'The host gave one number to two turns.');
    }
    if (isFull && peer !== null) {
      this.parts.noteRefusal(peer, 'session-full', 'The host has more turns than a session can hold.');
    }
    const isNew = added.length > 0;
    if (isNew) this.broadcast(sessionId, { type: 'session-turns', session_id: sessionId, turns: [...added] });
    return { gap: gap && !isFull, isNew };
  }

  private catchUpLater(sessionId: string): void {
    const room = this.room(sessionId);
    if (room.isCatchUpDue) return;
    room.isCatchUpDue = true;
    this.inOrderLater(sessionId, () => {
      room.isCatchUpDue = false;
      return this.catchUp(sessionId);
    });
  }

  private refreshLater(sessionId: string): void {
    const room = this.room(sessionId);
    if (room.isRefreshDue) return;
    room.isRefreshDue = true;
    this.inOrderLater(sessionId, () => {
      room.isRefreshDue = false;
      return this.refresh(sessionId);
    });
  }

  /** Reads on from the last number of the copy, page by page, while somebody follows. */
  private async catchUp(sessionId: string): Promise<void> {
    for (;;) {
      const [someone] = this.occupants(sessionId);
      if (someone === undefined) return;
      const more = await this.fetchPage(sessionId, someone.publicKey);
      if (!more) return;
    }
  }

  /** Reads the page behind the copy. @returns whether there is more */
  private async fetchPage(sessionId: string, publicKey: string): Promise<boolean> {
    const line = this.index.lineOf(sessionId);
    const who = await this.index.who(sessionId, publicKey);
    if (line === null || who === null) return false;
    const after = await this.parts.copies.lastSeq(sessionId);
    const result = await line.call(who, { type: 'session-read', session_id: sessionId, after_seq: after });
    if (!result.ok || !Value.Check(TurnPage, result.value)) return false;
    const room = this.room(sessionId);
    room.hostSeq = Math.max(room.hostSeq, result.value.last_seq);
    // A page that brings nothing on would be the same when asked for again.
    const { gap, isNew } = await this.takeTurns(sessionId, result.value.turns);
    return !gap && isNew && (await this.parts.copies.lastSeq(sessionId)) < room.hostSeq;
  }

  /** Takes up everything that stands on a link that is back: seats, missed turns, turns that wait. */
  private async resume(peer: Peer): Promise<void> {
    for (const [sessionId] of this.rooms) {
      if (this.index.isOf(peer, sessionId)) await this.inOrder(sessionId, () => this.refresh(sessionId));
    }
    for (const author of await this.parts.held.authors(peer.publicKey)) this.posts.sender.flush(author);
  }

  /** Enters again for everybody who follows a session, and tells them what they missed. */
  private async refresh(sessionId: string): Promise<void> {
    const keys = new Set(this.occupants(sessionId).map(({ publicKey }) => publicKey));
    let latest: EnteredSession | null = null;
    for (const publicKey of keys) {
      const who = await this.index.who(sessionId, publicKey);
      const after = await this.parts.copies.lastSeq(sessionId);
      if (who === null) continue;
      const entered = await this.enterAtHost(who, { type: 'session-enter', session_id: sessionId, after_seq: after });
      if (entered.ok) latest = entered.value;
    }
    if (latest === null) return;
    const { head, participants, present } = latest;
    this.broadcast(sessionId, { type: 'session-changed', session_id: sessionId, head, participants });
    this.broadcast(sessionId, { type: 'session-present', session_id: sessionId, present });
    await this.catchUp(sessionId);
  }

  // Who follows what

  private room(sessionId: string): AwayRoom {
    const known = this.rooms.get(sessionId);
    if (known !== undefined) return known;
    const due = { isRefreshDue: false, isCatchUpDue: false };
    const room: AwayRoom = { occupants: new Set(), work: new Turnstile(), bytes: 0, ...due, hostSeq: 0 };
    this.rooms.set(sessionId, room);
    return room;
  }

  private occupants(sessionId: string): ParticipantConnection[] {
    return [...(this.rooms.get(sessionId)?.occupants ?? [])];
  }

  private broadcast(sessionId: string, event: CoordinatorMessage): void {
    const text = JSON.stringify(event);
    for (const one of this.occupants(sessionId)) one.sendText(text);
  }

  /** Somebody is no longer in a session. */
  private async left(sessionId: string, publicKey: string): Promise<void> {
    await this.parts.copies.markLeft(sessionId, publicKey);
    for (const one of this.occupants(sessionId)) {
      if (one.publicKey === publicKey) this.rooms.get(sessionId)?.occupants.delete(one);
    }
  }

  private unseat(connection: ParticipantConnection, sessionId: string): void {
    const room = this.rooms.get(sessionId);
    if (room?.occupants.delete(connection) !== true) return;
    const { publicKey } = connection;
    if (this.occupants(sessionId).some((one) => one.publicKey === publicKey)) return;
    this.inOrderLater(sessionId, async () => {
      const who = await this.index.who(sessionId, publicKey);
      const isBack = this.occupants(sessionId).some((one) => one.publicKey === publicKey);
      if (who !== null && !isBack)
        await this.index.lineOf(sessionId)?.call(who, { type: 'session-exit', session_id: sessionId });
    });
  }

  private inOrder<Value>(sessionId: string, work: () => Promise<Value>): Promise<Value> {
    return this.room(sessionId).work.run(work);
  }

  private inOrderLater(sessionId: string, work: () => Promise<void>): void {
    this.safely('something of a session elsewhere could not be done', () => this.inOrder(sessionId, work));
  }

  private safely(failed: string, work: () => Promise<void>): void {
    void work().catch((thrown: unknown) => this.parts.logger.error({ err: thrown }, failed));
  }
}

/** A call as it goes over the link, which has numbers of its own. */
function carriedOf<Called extends SessionCall>({ call_id: _id, ...call }: Called): CarriedCall {
  return call as unknown as CarriedCall;
}

function isAbout({ head, participant_id: id, participants }: EnteredSession, who: VouchedFor): boolean {
  const isTheSession = head.id === who.sessionId && head.agreement_ref === who.agreementId;
  return isTheSession && participants.some((each) => each.id === id && each.public_key === who.publicKey);
}
