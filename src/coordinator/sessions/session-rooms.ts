import { success, type Result } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { refuseInSession, unknownSession, type SessionResult } from '../../protocol/session/session-host';
import type { CoordinatorMessage, MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import type { EnteredSession } from '../../protocol/wire/session-messages';
import type { Clock } from '../clock';
import { CLOSE_REASONS, type CloseReason } from '../hub/close-reason';
import { Turnstile } from '../turnstile';
import type { Logger } from '../logger';
import { StorageError } from '../storage/storage-error';
import type { GroupSessionService } from './group-session-service';
import type { InvitationService } from './invitation-service';
import type { Guest } from './guest';
import { Room, type Occupant } from './room';
import type { SessionNews } from './session-news';
import type { SessionsAway } from './sessions-away';
import { NO_ROOM_LINE, type RoomLine, type RoomNews } from './shared-rooms';

/** A participant's connection, as the rooms use it. */
export interface ParticipantSocket {
  send(message: CoordinatorMessage): Promise<boolean>;
  sendText(text: string): void;
  reply(message: MessageOf<CoordinatorMessage, 'reply'>): void;
  close(reason: CloseReason): void;
}

type ParticipantCall = Extract<ParticipantMessage, { call_id: number }>;

const MINUTE_MS = 60_000;

/** Counts what somebody does in a minute. */
class MinuteBudget {
  private startedAtMs = 0;
  private used = 0;

  constructor(
    private readonly limit: number,
    private readonly clock: Clock,
  ) {}

  take(): boolean {
    const nowMs = this.clock.nowMs();
    if (nowMs - this.startedAtMs >= MINUTE_MS) {
      this.startedAtMs = nowMs;
      this.used = 0;
    }
    this.used += 1;
    return this.used <= this.limit;
  }
}

/** One connection of somebody who takes part in sessions. */
export class ParticipantConnection implements Occupant {
  readonly rooms = new Set<string>();
  readonly calls = new Turnstile();
  readonly signals: MinuteBudget;
  readonly posts: MinuteBudget;
  /** The connection is gone; calls that were made before may still be under way. */
  isLost = false;

  constructor(
    readonly publicKey: string,
    readonly socket: ParticipantSocket,
    clock: Clock,
    /** Whom another coordinator answers for; null for those who proved their key here. */
    readonly guest: Guest | null = null,
  ) {
    this.signals = new MinuteBudget(SESSION_LIMITS.maxSignalsPerMinute, clock);
    this.posts = new MinuteBudget(SESSION_LIMITS.maxTurnsPerMinute, clock);
  }

  sendText(text: string): void {
    this.socket.sendText(text);
  }
}

/** The connected participants: takes their calls and signals, and tells everybody in a room what happens in it. */
export class SessionRooms {
  private readonly rooms = new Map<string, Room>();
  private readonly connections = new Map<string, Set<ParticipantConnection>>();
  private away: SessionsAway | null = null;
  private watcher: (news: SessionNews) => void = () => undefined;

  constructor(
    private readonly sessions: GroupSessionService,
    private readonly invitations: InvitationService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly line: RoomLine = NO_ROOM_LINE,
  ) {}

  /** Sessions of other coordinators are answered over the links to them. */
  connectAway(away: SessionsAway): void {
    this.away = away;
  }

  /** Hears of everything that was committed, here or at another replica. */
  watch(watcher: (news: SessionNews) => void): void {
    this.watcher = watcher;
  }

  /** A seat for a guest; it counts as no connection of the key, and hears of nothing but its session. */
  openGuest(publicKey: string, socket: ParticipantSocket, guest: Guest): ParticipantConnection {
    return new ParticipantConnection(publicKey, socket, this.clock, guest);
  }

  /** Sends something to every connection of a key. */
  tell(publicKey: string, message: CoordinatorMessage): void {
    const text = JSON.stringify(message);
    for (const connection of this.connections.get(publicKey) ?? []) connection.sendText(text);
  }

  /** Takes over a connection whose key was proved; null when the key has too many, and the connection is closed. */
  open(publicKey: string, socket: ParticipantSocket): ParticipantConnection | null {
    const own = this.connections.get(publicKey) ?? new Set();
    if (own.size >= SESSION_LIMITS.maxConnectionsPerKey) {
      socket.close(CLOSE_REASONS.tooManyConnections);
      return null;
    }
    const connection = new ParticipantConnection(publicKey, socket, this.clock);
    this.connections.set(publicKey, own.add(connection));
    return connection;
  }

  /** The connection is gone. */
  lost(connection: ParticipantConnection): void {
    connection.isLost = true;
    for (const sessionId of connection.rooms) this.leaveRoom(connection, sessionId);
    this.away?.lost(connection);
    const own = this.connections.get(connection.publicKey);
    own?.delete(connection);
    if (own?.size === 0) this.connections.delete(connection.publicKey);
  }

  connectedKeys(): readonly string[] {
    return [...this.connections.keys()];
  }

  /** Ends every connection of a key that was shut out. */
  expel(publicKey: string, reason: CloseReason): void {
    for (const connection of this.connections.get(publicKey) ?? []) connection.socket.close(reason);
  }

  /** A signal is passed on at once; a call is answered after the ones before it. */
  receive(connection: ParticipantConnection, message: ParticipantMessage): void {
    if (!('call_id' in message)) {
      this.signal(connection, message);
      return;
    }
    void connection.calls.run(async () => {
      const result = await this.answerSafely(connection, message);
      connection.socket.reply(
        result.ok
          ? { type: 'reply', call_id: message.call_id, ok: true, value: result.value }
          : { type: 'reply', call_id: message.call_id, ok: false, error: { ...result.error } },
      );
    });
  }

  /** Tells everybody in a room what was committed here, whichever replica they are connected to. */
  committed(news: SessionNews): void {
    this.deliver(news);
    this.line.tell({ kind: 'committed', news });
  }

  /**
   * Takes what another replica says. Turns committed at two replicas may arrive out of order; a client that sees a gap asks
   * for what is missing, and the database has it.
   */
  takeFromReplica(replicaId: string, news: RoomNews): void {
    switch (news.kind) {
      case 'committed':
        this.deliver(news.news);
        return;
      case 'streamed':
        this.rooms.get(news.sessionId)?.takeStreamed(news.message);
        return;
      case 'present': {
        const room = this.rooms.get(news.sessionId);
        room?.setElsewhere(replicaId, news.present);
        if (news.asks) room?.announce();
      }
    }
  }

  /** Another replica is gone, and with it everybody who followed sessions there. */
  replicaGone(replicaId: string): void {
    for (const room of this.rooms.values()) room.setElsewhere(replicaId, []);
  }

  /** Another replica came or came back: it has to know who is here. */
  replicaCame(): void {
    for (const room of this.rooms.values()) room.announce();
  }

  private deliver(news: SessionNews): void {
    this.watcher(news);
    if (news.offered !== undefined) {
      const { offer, publicKeys } = news.offered;
      const text = JSON.stringify({ type: 'session-offered', session_id: news.sessionId, offer });
      for (const key of publicKeys) for (const each of this.connections.get(key) ?? []) each.sendText(text);
    }
    const room = this.rooms.get(news.sessionId);
    if (room === undefined) return;
    if (news.turns !== undefined) room.turns([...news.turns]);
    if (news.head !== undefined || news.participants !== undefined) room.change(news.head, news.participants ?? []);
    for (const { publicKey, message } of news.ended ?? []) {
      const text = JSON.stringify({ type: 'session-ended', session_id: news.sessionId, message });
      for (const occupant of room.occupantsOf(publicKey)) {
        occupant.sendText(text);
        this.leaveRoom(occupant, news.sessionId);
      }
    }
  }

  stop(): void {
    for (const room of this.rooms.values()) room.close();
  }

  private signal(
    connection: ParticipantConnection,
    message: MessageOf<ParticipantMessage, 'session-typing' | 'session-stream'>,
  ): void {
    if (!connection.signals.take()) {
      connection.socket.close(CLOSE_REASONS.tooManyCalls);
      return;
    }
    if (connection.guest === null && this.away?.hosts(message.session_id) === true) {
      this.away.signal(connection, message);
      return;
    }
    // A signal for a room one is not in, or not allowed to speak in, has no answer; nothing of it reaches anybody.
    const room = connection.rooms.has(message.session_id) ? this.rooms.get(message.session_id) : undefined;
    if (message.type === 'session-typing') room?.setTyping(connection, message.typing);
    else room?.takePiece(connection, message.piece);
  }

  private async answerSafely(connection: ParticipantConnection, call: ParticipantCall): Promise<Result<unknown>> {
    try {
      return await this.answer(connection, call);
    } catch (thrown) {
      if (thrown instanceof StorageError) return { ok: false, error: thrown.failure };
      this.logger.error({ err: thrown, call: call.type }, 'a call of a participant failed');
      const message = 'The coordinator made an error.';
      return { ok: false, error: { code: 'coordinator-internal', message, retryable: true } };
    }
  }

  private answer(connection: ParticipantConnection, call: ParticipantCall): Promise<Result<unknown>> {
    const { publicKey, guest } = connection;
    if (call.type === 'session-post' && !connection.posts.take()) {
      const message = 'You are posting faster than anybody can read.';
      return Promise.resolve(refuseInSession('limit-reached', message, { retryable: true }));
    }
    if (guest === null && 'session_id' in call && this.away?.hosts(call.session_id) === true) {
      return this.away.answer(connection, call);
    }
    switch (call.type) {
      case 'session-create':
        return this.into(connection, this.sessions.create(publicKey, call));
      case 'session-join':
        return this.into(connection, this.sessions.join(publicKey, call, guest));
      case 'session-enter':
        return this.enter(connection, call.session_id, call.after_seq);
      case 'session-list':
        return this.withAway(this.sessions.list(publicKey), this.away?.list(publicKey));
      case 'session-offers':
        return this.withAway(this.sessions.offers(publicKey), this.away?.offers(publicKey));
      case 'session-read':
        return this.sessions.read(publicKey, call.session_id, call.after_seq);
      case 'session-exit':
        this.leaveRoom(connection, call.session_id);
        return Promise.resolve(success(null));
      case 'session-post':
        return this.sessions.post(publicKey, call.session_id, call.turn, guest);
      case 'session-change':
        return this.sessions.alter(publicKey, call);
      case 'session-profile':
        return this.sessions.setProfile(publicKey, call);
      case 'session-role':
        return this.sessions.setRole(publicKey, call);
      case 'session-leave':
        return this.sessions.leave(publicKey, call.session_id);
      case 'session-invite':
        return this.invitations.make(publicKey, call);
      case 'session-invitations':
        return this.invitations.list(publicKey, call.session_id);
      case 'session-withdraw':
        return this.invitations.withdraw(publicKey, call.session_id, call.invitation_id);
      case 'session-costs':
        return this.sessions.costs(publicKey, call.session_id);
    }
  }

  /** What is here, and behind it what is elsewhere. */
  private async withAway<Entry>(
    here: Promise<SessionResult<Entry[]>>,
    away: Promise<readonly Entry[]> | undefined,
  ): Promise<SessionResult<Entry[]>> {
    const found = await here;
    return found.ok && away !== undefined ? success([...found.value, ...(await away)]) : found;
  }

  /**
   * Enters a room. The seat is taken before the turns are read, so a turn posted meanwhile is in the page or told after
   * it, or both: a client takes it once.
   */
  private async enter(
    connection: ParticipantConnection,
    sessionId: string,
    afterSeq: number,
  ): Promise<SessionResult<EnteredSession>> {
    const reader = await this.sessions.reader(connection.publicKey, sessionId);
    if (!reader.ok) return reader;
    // Nobody would free the seat of a connection that has gone meanwhile.
    if (connection.isLost) return unknownSession();
    const { participant } = reader.value;
    const room = this.takeSeat(connection, sessionId, participant.id, participant.role);
    const entered = await this.sessions.enter(connection.publicKey, sessionId, afterSeq);
    if (!entered.ok) this.leaveRoom(connection, sessionId);
    return entered.ok ? success({ ...entered.value, present: room.present() }) : entered;
  }

  private async into(
    connection: ParticipantConnection,
    made: Promise<SessionResult<EnteredSession>>,
  ): Promise<SessionResult<EnteredSession>> {
    const result = await made;
    return result.ok ? this.enter(connection, result.value.head.id, 0) : result;
  }

  private takeSeat(
    connection: ParticipantConnection,
    sessionId: string,
    participantId: string,
    role: 'owner' | 'member' | 'observer',
  ): Room {
    const room = this.rooms.get(sessionId) ?? new Room(sessionId, this.line);
    this.rooms.set(sessionId, room);
    connection.rooms.add(sessionId);
    room.enter(connection, participantId, role);
    return room;
  }

  private leaveRoom(occupant: Occupant, sessionId: string): void {
    if (occupant instanceof ParticipantConnection) occupant.rooms.delete(sessionId);
    const room = this.rooms.get(sessionId);
    room?.exit(occupant);
    if (room?.isEmpty !== true) return;
    room.close();
    this.rooms.delete(sessionId);
  }
}
