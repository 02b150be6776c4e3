import type { SessionParticipant } from '../../protocol/session/session';
import { allows, type SessionRole } from '../../protocol/session/session-host';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { CoordinatorMessage, MessageOf } from '../../protocol/wire/messages';
import type { Presence, SessionHead, StreamPiece } from '../../protocol/wire/session-messages';
import { NO_ROOM_LINE, type RoomLine } from './shared-rooms';

/** Changes of presence and participants are collected this long: a lecture hall that comes in is one message, not one each. */
const GATHER_MS = 100;

/** Somebody in a room, as far as the room needs them. */
export interface Occupant {
  readonly publicKey: string;
  /** Sends a message that was put into text once for the whole room. */
  sendText(text: string): void;
}

interface Seat {
  readonly participantId: string;
  role: SessionRole;
  typing: boolean;
  /** Length so far of the answers this occupant is streaming, by the id their turn will have. */
  readonly streams: Map<string, number>;
}

/**
 * Everybody who follows one session now: those connected to this process, and by name those at other replicas. Nothing of
 * it is kept; after a restart they enter again.
 */
export class Room {
  private readonly seats = new Map<Occupant, Seat>();
  private readonly changed = new Map<string, SessionParticipant>();
  private head: SessionHead | null = null;
  private presenceChanged = false;
  /** What changed is about the seats here, so the other replicas have to know. */
  private seatsChanged = false;
  private hasAsked = false;
  private timer: NodeJS.Timeout | null = null;
  /** Who is in the room at other replicas, by replica. */
  private readonly elsewhere = new Map<string, readonly Presence[]>();

  constructor(
    private readonly sessionId: string,
    private readonly line: RoomLine = NO_ROOM_LINE,
  ) {}

  get isEmpty(): boolean {
    return this.seats.size === 0;
  }

  enter(occupant: Occupant, participantId: string, role: SessionRole): void {
    if (!this.seats.has(occupant)) this.seats.set(occupant, { participantId, role, typing: false, streams: new Map() });
    this.noteSeats();
  }

  /** Takes somebody out; what they were streaming ends as failed. */
  exit(occupant: Occupant): void {
    const seat = this.seats.get(occupant);
    if (seat === undefined) return;
    this.seats.delete(occupant);
    for (const [turnId, offset] of seat.streams) {
      this.stream(seat.participantId, { turn_id: turnId, in_reply_to: null, offset, text: '', state: 'failed' });
    }
    this.noteSeats();
  }

  occupantsOf(publicKey: string): Occupant[] {
    return [...this.seats.keys()].filter((occupant) => occupant.publicKey === publicKey);
  }

  present(): Presence[] {
    const byId = new Map<string, boolean>();
    for (const { participant_id: id, typing } of [...this.presentHere(), ...[...this.elsewhere.values()].flat()]) {
      byId.set(id, typing || byId.get(id) === true);
    }
    return [...byId].map(([participantId, typing]) => ({ participant_id: participantId, typing }));
  }

  /** Those in the room at another replica, as it says. */
  setElsewhere(replicaId: string, present: readonly Presence[]): void {
    if (present.length === 0 && !this.elsewhere.has(replicaId)) return;
    if (present.length === 0) this.elsewhere.delete(replicaId);
    else this.elsewhere.set(replicaId, present);
    this.presenceChanged = true;
    this.gather();
  }

  /** Passes on what is being written at another replica. */
  takeStreamed(message: MessageOf<CoordinatorMessage, 'session-streamed'>): void {
    this.broadcast(message);
  }

  /** Tells the other replicas who is here. */
  announce(asks = false): void {
    this.line.tell({ kind: 'present', sessionId: this.sessionId, present: this.presentHere(), asks });
  }

  private presentHere(): Presence[] {
    return [...this.seats.values()].map(({ participantId, typing }) => ({ participant_id: participantId, typing }));
  }

  private noteSeats(): void {
    this.presenceChanged = true;
    this.seatsChanged = true;
    this.gather();
  }

  setTyping(occupant: Occupant, typing: boolean): void {
    const seat = this.seats.get(occupant);
    if (seat === undefined || seat.typing === typing || !allows(seat.role, 'post')) return;
    seat.typing = typing;
    this.noteSeats();
  }

  /** Passes a piece of an answer on, within the limits of its writer. False when it is refused. */
  takePiece(occupant: Occupant, piece: StreamPiece): boolean {
    const seat = this.seats.get(occupant);
    if (seat === undefined || !allows(seat.role, 'stream')) return false;
    const before = seat.streams.get(piece.turn_id);
    if (before === undefined && seat.streams.size >= SESSION_LIMITS.maxStreams) return false;
    const length = piece.offset + piece.text.length;
    if (length > SESSION_LIMITS.maxStreamLength) return false;
    if (piece.state === 'writing') seat.streams.set(piece.turn_id, length);
    else seat.streams.delete(piece.turn_id);
    this.stream(seat.participantId, piece, occupant);
    return true;
  }

  /** Tells new turns, already in order. A streamed answer that became one of them is no stream any more. */
  turns(turns: Extract<CoordinatorMessage, { type: 'session-turns' }>['turns']): void {
    for (const seat of this.seats.values()) for (const { id } of turns) seat.streams.delete(id);
    // Whoever reads the turns needs the keys of those who wrote them.
    if (this.changed.size > 0) this.flush();
    this.broadcast({ type: 'session-turns', session_id: this.sessionId, turns });
  }

  change(head: SessionHead | undefined, participants: readonly SessionParticipant[]): void {
    if (head !== undefined) this.head = head;
    for (const participant of participants) {
      this.changed.set(participant.id, participant);
      for (const seat of this.seats.values()) if (seat.participantId === participant.id) seat.role = participant.role;
    }
    this.gather();
  }

  /** Nobody is left here. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.hasAsked) this.announce();
  }

  private gather(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.flush();
    }, GATHER_MS);
  }

  private flush(): void {
    if (this.head !== null || this.changed.size > 0) {
      this.broadcast({
        type: 'session-changed',
        session_id: this.sessionId,
        ...(this.head === null ? {} : { head: this.head }),
        ...(this.changed.size === 0 ? {} : { participants: [...this.changed.values()] }),
      });
      this.head = null;
      this.changed.clear();
    }
    if (this.seatsChanged) {
      this.seatsChanged = false;
      this.announce(!this.hasAsked);
      this.hasAsked = true;
    }
    if (!this.presenceChanged) return;
    this.presenceChanged = false;
    this.broadcast({ type: 'session-present', session_id: this.sessionId, present: this.present() });
  }

  private stream(participantId: string, piece: StreamPiece, except?: Occupant): void {
    const message = {
      type: 'session-streamed',
      session_id: this.sessionId,
      participant_id: participantId,
      piece,
    } as const;
    this.broadcast(message, except);
    this.line.tell({ kind: 'streamed', sessionId: this.sessionId, message });
  }

  private broadcast(message: CoordinatorMessage, except?: Occupant): void {
    const text = JSON.stringify(message);
    for (const occupant of this.seats.keys()) if (occupant !== except) occupant.sendText(text);
  }
}
