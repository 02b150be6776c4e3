import { nodeCryptography } from '../../keys/ed25519';
import {
  credentialProblem,
  readCostConfirmation,
  readCredential,
  type SessionCostConfirmation,
  type SessionCredential,
} from '../../protocol/federation/session-credential';
import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import type { CarriedCall, SessionMessageOf } from '../../protocol/federation/session-messages';
import { isShallow } from '../../protocol/documents/shallow-json';
import { toEpochMs } from '../../protocol/documents/time';
import { failure, type Failure, type Result } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { ParticipantMessage } from '../../protocol/wire/messages';
import type { Clock } from '../clock';
import type { Logger } from '../logger';
import type { PeerSessions } from '../sessions/peer-sessions';
import type { Guest } from '../sessions/guest';
import type { ParticipantConnection, SessionRooms } from '../sessions/session-rooms';
import { Turnstile } from '../turnstile';
import { LinkOutlet, MessageBudget } from './link-outlet';
import { barring, type Peer } from './peer';
import type { SealedLink } from './sealed-link';

type SessionEventOf = SessionMessageOf<'session-told'>['event'];

/** A participant of a peer, as long as the peer answers for them. */
interface GuestSeat {
  credential: SessionCredential;
  readonly connection: ParticipantConnection;
  readonly sessionId: string;
  readonly publicKey: string;
  /** What the peer's ledger has confirmed for turns that are on their way, by turn id. */
  readonly confirmations: Map<string, SessionCostConfirmation>;
  readonly calls: Turnstile;
}

/** What one link has of the sessions here. */
interface PeerRoom {
  readonly outlet: LinkOutlet;
  readonly budget: MessageBudget;
  readonly seats: Map<string, GuestSeat>;
  /** Events of this moment, by their text: whoever hears the same is told once. */
  readonly due: Map<string, { readonly sessionId: string; readonly publicKeys: string[] }>;
  /** Sessions of which something was left out. */
  readonly behind: Set<string>;
  calls: number;
  isFlushDue: boolean;
}

/** What the desk needs of its coordinator. */
export interface SessionHostParts {
  readonly coordinatorId: string;
  readonly sessions: PeerSessions;
  readonly rooms: SessionRooms;
  readonly isBlocked: (publicKey: string) => Promise<boolean>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly noteRefusal: (peer: Peer, code: string, message: string) => void;
}

const seatKey = (sessionId: string, publicKey: string): string => `${sessionId} ${publicKey}`;

/**
 * Sessions hosted here, for people of the other side: offers them, seats whom the peer answers for, carries their calls to
 * the rooms as if they were connected here, and what happens there back.
 */
export class SessionHostDesk {
  private readonly open = new Map<Peer, PeerRoom>();
  /** The agreement of a session never changes. */
  private readonly agreementHashes = new Map<string, string | null>();

  constructor(private readonly parts: SessionHostParts) {}

  up(peer: Peer, link: SealedLink): void {
    const room: PeerRoom = {
      outlet: new LinkOutlet(link, () => this.tellBehind(room)),
      budget: new MessageBudget(),
      seats: new Map(),
      due: new Map(),
      behind: new Set(),
      calls: 0,
      isFlushDue: false,
    };
    this.open.set(peer, room);
  }

  down(peer: Peer): void {
    const room = this.open.get(peer);
    this.open.delete(peer);
    for (const { connection } of room?.seats.values() ?? []) this.parts.rooms.lost(connection);
  }

  /** Tells a peer which sessions its people may join. */
  async offer(peer: Peer): Promise<void> {
    const room = this.open.get(peer);
    if (room === undefined) return;
    const held = peer.agreements.filter((one) => barring(one, this.parts.clock.nowMs()) === null);
    const lists = await Promise.all(
      held.map(({ agreement, agreementHash }) => this.parts.sessions.offersUnder(agreement.id, agreementHash)),
    );
    const offers = lists
      .flat()
      .sort((a, b) => b.created_at.localeCompare(a.created_at))
      .slice(0, SESSION_LIMITS.maxOffers);
    await room.outlet.link.send({ type: 'session-hosted', offers });
  }

  /** Seats whose time is over are given up. */
  sweep(): void {
    for (const [peer, room] of this.open) {
      for (const [key, seat] of room.seats) {
        if (this.seatProblem(peer, seat) === null) continue;
        room.seats.delete(key);
        this.parts.rooms.lost(seat.connection);
      }
    }
  }

  takeVouch(peer: Peer, { session_id: sessionId, credential: value }: SessionMessageOf<'session-vouch'>): void {
    const room = this.open.get(peer);
    if (room === undefined || !this.takes(peer, room)) return;
    const refuse = (code: string, message: string): void => {
      this.note(peer, code, message);
      void room.outlet.send({ type: 'session-unvouched', session_id: sessionId, code, message }, 500);
    };
    const read = readCredential(value, nodeCryptography);
    if (!read.ok) return refuse('credential-invalid', read.error.message);
    const credential = read.value;
    const found = credentialProblem(credential, {
      issuedBy: peer.publicKey,
      sessionId,
      agreementProblem: (id) => this.agreementProblem(peer, id),
      nowMs: this.parts.clock.nowMs(),
    });
    if (found !== null) return refuse(found.code, found.message);
    const key = seatKey(sessionId, credential.public_key);
    const seat = room.seats.get(key);
    if (seat !== undefined && seat.credential.agreement_id === credential.agreement_id) {
      seat.credential = credential;
      return;
    }
    if (seat !== undefined) this.parts.rooms.lost(seat.connection);
    if (seat === undefined && room.seats.size >= SESSION_LINK_LIMITS.maxGuests) {
      return refuse('session-limit', 'More participants than one coordinator may answer for at once.');
    }
    room.seats.set(key, this.newSeat(peer, room, sessionId, credential));
  }

  takeCall(peer: Peer, message: SessionMessageOf<'session-call'>): void {
    const room = this.open.get(peer);
    if (room === undefined) return;
    const { call_id: callId, call, public_key: publicKey } = message;
    const refuse = (error: Failure): void => this.reply(room, callId, { ok: false, error });
    if (!this.takes(peer, room)) return refuse(busy('Too many messages of sessions; slower, please.'));
    if (room.calls >= SESSION_LINK_LIMITS.maxCallsAtOnce) {
      this.note(peer, 'session-flood', 'More calls at once than a link may have.');
      return refuse(busy('Too many calls at once.'));
    }
    if (room.outlet.isFull) return refuse(busy('The link is behind; what was asked comes too early.'));
    const seat = room.seats.get(seatKey(call.session_id, publicKey));
    const problem = seat === undefined ? 'no credential was shown' : this.seatProblem(peer, seat);
    if (seat === undefined || problem !== null) {
      const words = `Nobody answers for this participant: ${problem ?? ''}.`;
      this.note(peer, 'session-unvouched', words);
      return refuse(failure('session-unvouched', words, { retryable: true }).error);
    }
    room.calls += 1;
    this.takeConfirmation(peer, seat, message);
    // One after the other, so that nobody leaves after having come back.
    void seat.calls
      .run(() => this.admits(peer, seat, call))
      .then((refused) => {
        if (refused === null)
          this.parts.rooms.receive(seat.connection, { ...call, call_id: callId } as ParticipantMessage);
        else {
          this.note(peer, refused.code, refused.message);
          room.calls -= 1;
          refuse(refused);
        }
      })
      .catch((thrown: unknown) => {
        this.parts.logger.error({ err: thrown, peer: peer.name }, 'a call of a guest failed');
        room.calls -= 1;
        refuse(failure('coordinator-internal', 'The coordinator made an error.', { retryable: true }).error);
      });
  }

  takeSignal(peer: Peer, { public_key: publicKey, signal }: SessionMessageOf<'session-signal'>): void {
    const room = this.open.get(peer);
    const seat = room?.seats.get(seatKey(signal.session_id, publicKey));
    if (room === undefined || !this.takes(peer, room)) return;
    if (seat !== undefined && this.seatProblem(peer, seat) === null) this.parts.rooms.receive(seat.connection, signal);
  }

  /** Counts a message; a flood is refused, and noted now and then. */
  private takes(peer: Peer, room: PeerRoom): boolean {
    if (room.budget.take(this.parts.clock.nowMs())) return true;
    this.note(peer, 'session-flood', 'More messages of sessions than a link may have.');
    return false;
  }

  private agreementProblem(peer: Peer, agreementId: string): string | null {
    const held = peer.agreement(agreementId);
    return held === undefined ? 'there is no such agreement with this peer' : barring(held, this.parts.clock.nowMs());
  }

  /** Why a seat is none any more. */
  private seatProblem(peer: Peer, { credential }: GuestSeat): string | null {
    if (toEpochMs(credential.expires_at) <= this.parts.clock.nowMs()) return 'the credential has expired';
    return this.agreementProblem(peer, credential.agreement_id);
  }

  /** Whether a call of a seat may reach the session: it stands on this agreement, and the key is nobody else's here. */
  private async admits(peer: Peer, seat: GuestSeat, call: CarriedCall): Promise<Failure | null> {
    const { sessionId, publicKey, credential } = seat;
    const expected = peer.agreement(credential.agreement_id)?.agreementHash;
    if (expected === undefined || (await this.agreementHashOf(sessionId)) !== expected) {
      return failure('session-unknown', 'No session under this agreement has this id here.').error;
    }
    const answerer = await this.parts.sessions.answererOf(sessionId, publicKey);
    if (answerer !== undefined && answerer !== peer.publicKey) {
      const words = 'This participant did not come over this link, and is not the peer’s to answer for.';
      return failure('credential-foreign', words).error;
    }
    if (await this.parts.isBlocked(publicKey)) return failure('access-blocked', 'This key is shut out here.').error;
    const isNamed =
      call.type === 'session-join' ? call.me.display_name : 'display_name' in call ? call.display_name : null;
    if (isNamed !== null && isNamed.trim() !== credential.display_name.trim()) {
      return failure('credential-name', 'The credential has another name for this participant.').error;
    }
    return null;
  }

  private async agreementHashOf(sessionId: string): Promise<string | null> {
    const known = this.agreementHashes.get(sessionId);
    if (known !== undefined) return known;
    const hash = await this.parts.sessions.agreementHashOf(sessionId);
    // Unknown ones are not kept: a peer could make up as many as it likes, and one may be opened later.
    if (hash !== null) this.agreementHashes.set(sessionId, hash);
    return hash;
  }

  /** Keeps what the peer's ledger says of a turn, if it says it of this turn of this participant. */
  private takeConfirmation(peer: Peer, seat: GuestSeat, message: SessionMessageOf<'session-call'>): void {
    const { call, confirmation: value } = message;
    if (value === undefined || call.type !== 'session-post') return;
    const read = readCostConfirmation(value, nodeCryptography);
    if (!read.ok) return this.note(peer, 'cost-invalid', read.error.message);
    const { value: confirmed } = read;
    const isMeant =
      confirmed.issued_by === peer.publicKey &&
      confirmed.agreement_id === seat.credential.agreement_id &&
      confirmed.session_id === seat.sessionId &&
      confirmed.public_key === seat.publicKey &&
      confirmed.turn_id === call.turn.id;
    if (!isMeant || confirmed.coordinator_id === this.parts.coordinatorId) {
      return this.note(peer, 'cost-foreign', 'The confirmed cost is of another turn, participant or coordinator.');
    }
    // Those of turns that were refused before anybody asked for the cost.
    if (seat.confirmations.size >= SESSION_LINK_LIMITS.maxCallsAtOnce) seat.confirmations.clear();
    seat.confirmations.set(confirmed.turn_id, confirmed);
  }

  private newSeat(peer: Peer, room: PeerRoom, sessionId: string, credential: SessionCredential): GuestSeat {
    const { public_key: publicKey, agreement_id: agreementId } = credential;
    const confirmations = new Map<string, SessionCostConfirmation>();
    const guest: Guest = {
      peerKey: peer.publicKey,
      agreementHash: peer.agreement(agreementId)?.agreementHash ?? '',
      confirmationOf: ({ id }) => {
        const found = confirmations.get(id) ?? null;
        confirmations.delete(id);
        return found;
      },
    };
    const hear = (text: string): void => this.hear(room, sessionId, publicKey, text);
    const connection = this.parts.rooms.openGuest(
      publicKey,
      {
        send: (message) => {
          hear(JSON.stringify(message));
          return Promise.resolve(true);
        },
        sendText: hear,
        reply: ({ call_id: callId, ...answer }) => {
          room.calls -= 1;
          this.reply(room, callId, answer.ok ? { ok: true, value: answer.value } : { ok: false, error: answer.error });
        },
        close: ({ reason }) => {
          room.seats.delete(seatKey(sessionId, publicKey));
          this.parts.rooms.lost(connection);
          this.note(peer, 'session-flood', `The seat of a guest was taken away: ${reason}`);
        },
      },
      guest,
    );
    return { credential, connection, sessionId, publicKey, confirmations, calls: new Turnstile() };
  }

  private reply(room: PeerRoom, callId: number, result: Result<unknown>): void {
    const tooLarge = failure('answer-too-large', 'The answer is larger or nested deeper than a link carries.');
    if (result.ok && !isShallow(result.value)) return this.reply(room, callId, tooLarge);
    const size = result.ok ? JSON.stringify(result.value).length : 1_000;
    void room.outlet.send({ type: 'session-reply', call_id: callId, result: wireResult(result) }, size).then((sent) => {
      if (!sent && result.ok && room.outlet.link.stands) this.reply(room, callId, tooLarge);
    });
  }

  /** Collects what the guests of this moment hear. */
  private hear(room: PeerRoom, sessionId: string, publicKey: string, text: string): void {
    const due = room.due.get(text);
    if (due === undefined) room.due.set(text, { sessionId, publicKeys: [publicKey] });
    else if (!due.publicKeys.includes(publicKey)) due.publicKeys.push(publicKey);
    if (room.isFlushDue) return;
    room.isFlushDue = true;
    queueMicrotask(() => {
      room.isFlushDue = false;
      this.flush(room);
    });
  }

  private flush(room: PeerRoom): void {
    for (const [text, { sessionId, publicKeys }] of room.due) {
      const event = JSON.parse(text) as SessionEventOf;
      if (room.outlet.isFull && event.type !== 'session-ended') {
        // What is shown and not kept is left out; of the rest the peer reads on when there is room.
        if (event.type === 'session-turns' || event.type === 'session-changed') room.behind.add(sessionId);
        continue;
      }
      void room.outlet.send(
        { type: 'session-told', session_id: sessionId, public_keys: publicKeys, event },
        text.length + publicKeys.length * 50,
      );
    }
    room.due.clear();
    if (!room.outlet.isFull) this.tellBehind(room);
  }

  private tellBehind(room: PeerRoom): void {
    const sessions = [...room.behind];
    room.behind.clear();
    for (const sessionId of sessions) void room.outlet.send({ type: 'session-behind', session_id: sessionId }, 200);
  }

  private readonly notedAtMs = new Map<string, number>();

  private note(peer: Peer, code: string, message: string): void {
    const nowMs = this.parts.clock.nowMs();
    const key = `${peer.publicKey} ${code}`;
    const before = this.notedAtMs.get(key);
    if (before !== undefined && nowMs - before < SESSION_LINK_LIMITS.noteEveryMs) return;
    this.notedAtMs.set(key, nowMs);
    this.parts.noteRefusal(peer, code, message);
  }
}

function busy(message: string): Failure {
  return failure('limit-reached', message, { retryable: true }).error;
}

function wireResult(result: Result<unknown>): SessionMessageOf<'session-reply'>['result'] {
  if (result.ok) return { ok: true, value: result.value };
  const { code, message, retryable, suggestion } = result.error;
  return { ok: false, error: { code, message, retryable, ...(suggestion === undefined ? {} : { suggestion }) } };
}
