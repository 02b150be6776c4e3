import { success, type Failure, type Result } from '../../protocol/result';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import {
  dropWaiting,
  lastSeq,
  queueTurn,
  receiveTurns,
  type SessionReplica,
} from '../../protocol/session/session-replica';
import type { PostedTurn } from '../../protocol/session/session-host';
import type { SessionEvent } from '../../protocol/wire/messages';
import {
  EnteredSession,
  PostedTurnReply,
  TurnPage,
  type Presence,
  type SessionHead,
  type StreamPiece,
} from '../../protocol/wire/session-messages';
import { timeText, type Clock } from '../clock';
import { BackOff } from '../coordinator-client/back-off';
import { nodeFailure } from '../errors';
import type { NodeLogger } from '../logger';
import type { ParticipantConnection } from './participant-connection';
import type { ReplicaFiles, StoredSession } from './replica-files';
import type { RefusedTurn, SessionRecord } from './session-record';
import { isSignedTurn } from './turn-signatures';

/** An answer being written by somebody's model. */
export interface RunningStream {
  readonly turnId: string;
  readonly participantId: string;
  readonly inReplyTo: string | null;
  readonly text: string;
}

/** What a change was about, so that a screen redraws no more than it has to. */
export type SessionChange =
  | { readonly kind: 'turns'; readonly added: readonly Turn[] }
  | { readonly kind: 'state' }
  | { readonly kind: 'presence' }
  | { readonly kind: 'stream'; readonly stream: RunningStream | null; readonly turnId: string };

/** Where the copy stands towards its host. */
export type SessionLink = 'offline' | 'catching-up' | 'current';

/** Answers that are shown while they are written, of everybody together: more than a screen has room for. */
const MAX_STREAMS = 256;

/** A host takes its last turn when its session is a byte short of full. */
const MAX_BYTES = SESSION_LIMITS.maxBytes + SESSION_LIMITS.maxTurnBytes;
const TOO_MUCH = 'Its host sends more than a session can hold. What came before is kept.';

/** A coordinator that was asked about one session and answered with another. */
export function answeredWithOtherSession(): Result<never> {
  return nodeFailure('answer-invalid', 'The coordinator answered with another session than the one it was asked for.');
}

function bytesOf(turns: readonly Turn[]): number {
  return turns.reduce((sum, turn) => sum + Buffer.byteLength(JSON.stringify(turn), 'utf8'), 0);
}

/** Codes after which sending a turn again can help; it then stays in the queue. */
function keepsWaiting(error: Failure): boolean {
  return error.retryable;
}

export interface FollowedSessionOptions {
  readonly files: ReplicaFiles;
  readonly clock: Clock;
  readonly logger: NodeLogger;
  readonly onChange: (session: FollowedSession, change: SessionChange) => void;
}

/**
 * One session as this computer follows it: a copy on disk that can be read and written to without a network, and its way
 * back in line with the host.
 *
 *   offline ──enter──▶ catching-up ──no page left──▶ current ──connection lost──▶ offline
 *                           ▲────────── a gap ──────────┘
 */
export class FollowedSession {
  link: SessionLink = 'offline';
  present: readonly Presence[] = [];
  readonly streams = new Map<string, RunningStream>();
  /** Turns whose signature does not hold, by id. */
  readonly unverified = new Set<string>();
  private replica: SessionReplica;
  private connection: ParticipantConnection | null = null;
  private saving: Promise<void> = Promise.resolve();
  /** A write of the record that has not begun. */
  private nextSave: Promise<Result<void>> | null = null;
  private syncing: Promise<void> | null = null;
  private syncWanted = false;
  private readonly backOff: BackOff;
  private cancelRetry: (() => void) | null = null;
  /** Waiting turns that the own coordinator keeps until it can reach their host. */
  private readonly kept = new Set<string>();

  constructor(
    private record: SessionRecord,
    turns: readonly Turn[],
    private readonly options: FollowedSessionOptions,
    /** Of the turns in JSON, as their host counts them. */
    private bytes = 0,
  ) {
    this.replica = { turns, waiting: record.waiting };
    this.backOff = new BackOff(options.clock);
    this.verify(turns);
  }

  static ofStored(stored: StoredSession, options: FollowedSessionOptions): FollowedSession {
    return new FollowedSession(stored.record, stored.turns, options, stored.bytes);
  }

  get id(): string {
    return this.record.head.id;
  }
  get head(): SessionHead {
    return this.record.head;
  }
  get hostUrl(): string {
    return this.record.hostUrl;
  }
  get participantId(): string {
    return this.record.participantId;
  }
  get participants(): readonly SessionParticipant[] {
    return this.record.participants;
  }
  get agreement(): SessionRecord['agreement'] {
    return this.record.agreement;
  }
  get turns(): readonly Turn[] {
    return this.replica.turns;
  }
  get waiting(): readonly PostedTurn[] {
    return this.replica.waiting;
  }
  get refused(): readonly RefusedTurn[] {
    return this.record.refused;
  }
  get ended(): string | null {
    return this.record.ended;
  }
  get readSeq(): number {
    return this.record.readSeq;
  }
  /** The host told two stories: one number for two turns, or two keys for one participant. The first is kept. */
  get conflict(): boolean {
    return this.record.conflict === true;
  }
  get me(): SessionParticipant | undefined {
    return this.participants.find(({ id }) => id === this.participantId);
  }

  /** Takes what the host said on entering. */
  async entered(connection: ParticipantConnection, entered: EnteredSession, hostUrl: string): Promise<void> {
    if (this.bytes > MAX_BYTES) return this.end(TOO_MUCH);
    this.connection = connection;
    this.kept.clear();
    this.present = entered.present;
    this.update({
      head: entered.head,
      hostUrl,
      participantId: entered.participant_id,
      ...this.withParticipants(entered.participants),
      agreement: entered.agreement,
      ended: null,
    });
    this.take(entered.turns);
    await this.sync();
  }

  /** Enters on a new connection and comes in line. */
  async enter(connection: ParticipantConnection, hostUrl: string): Promise<Result<void>> {
    const entered = await connection.call(
      { type: 'session-enter', session_id: this.id, after_seq: lastSeq(this.replica) },
      EnteredSession,
    );
    if (!entered.ok) {
      if (entered.error.code === 'session-unknown') this.update({ ended: entered.error.message.slice(0, 2_000) });
      return entered;
    }
    if (entered.value.head.id !== this.id) return answeredWithOtherSession();
    await this.entered(connection, entered.value, hostUrl);
    return success(undefined);
  }

  /** The connection is gone; what is here stays readable, and what is written waits. */
  lost(): void {
    this.connection = null;
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.link = 'offline';
    this.present = [];
    this.streams.clear();
    this.changed({ kind: 'state' });
  }

  /** Puts an own turn behind the others, on disk before anything is sent. */
  async post(turn: PostedTurn): Promise<Result<void>> {
    this.replica = queueTurn(this.replica, turn);
    const saved = await this.save();
    this.changed({ kind: 'state' });
    void this.sync();
    return saved;
  }

  /** Throws a refused turn away. */
  forgetRefused(turnId: string): void {
    this.update({ refused: this.refused.filter(({ turn }) => turn.id !== turnId) });
  }

  markRead(seq: number): void {
    if (seq > this.readSeq) this.update({ readSeq: Math.min(seq, this.turns.length) });
  }

  typing(typing: boolean): void {
    this.connection?.typing(this.id, typing);
  }

  /** Shows a piece of the own model's answer, to the others as well while there is a connection. */
  stream(piece: StreamPiece): void {
    this.connection?.stream(this.id, piece);
    this.receivePiece(this.participantId, piece);
  }

  /** A call about this session; refused while there is no connection. */
  get host(): ParticipantConnection | null {
    return this.connection;
  }

  receive(event: SessionEvent): void {
    switch (event.type) {
      case 'session-turns':
        return this.take(event.turns);
      case 'session-changed':
        this.update({
          // Under another id this session's record would be written over that of another one.
          head: event.head?.id === this.id ? event.head : this.head,
          ...this.withParticipants(event.participants ?? []),
        });
        return this.verify(this.turns.filter(({ id }) => this.unverified.has(id)));
      case 'session-present':
        this.present = event.present;
        return this.changed({ kind: 'presence' });
      case 'session-streamed':
        return this.receivePiece(event.participant_id, event.piece);
      case 'session-ended':
        return this.end(event.message);
      case 'session-returned':
        void this.takeBack(event.turn_id, { code: event.code, message: event.message, retryable: false });
        return undefined;
      case 'session-offered':
        // It is about a session this is not.
        return undefined;
    }
  }

  /** Resolves when everything so far is on disk. */
  settled(): Promise<void> {
    return this.saving;
  }

  private receivePiece(participantId: string, piece: StreamPiece): void {
    const { turn_id: turnId } = piece;
    if (piece.state !== 'writing') {
      this.streams.delete(turnId);
      return this.changed({ kind: 'stream', stream: null, turnId });
    }
    const before = this.streams.get(turnId);
    if (before === undefined ? this.streams.size >= MAX_STREAMS : before.participantId !== participantId) return;
    const text = before?.text ?? '';
    // Who comes in late has not seen the beginning; the finished turn brings all of it.
    const joined = piece.offset <= text.length ? text.slice(0, piece.offset) + piece.text : `${text}…${piece.text}`;
    if (joined.length > SESSION_LIMITS.maxStreamLength) return;
    const stream = { turnId, participantId, inReplyTo: piece.in_reply_to, text: joined };
    this.streams.set(turnId, stream);
    this.changed({ kind: 'stream', stream, turnId });
  }

  private take(turns: readonly Turn[]): void {
    const waitingBefore = this.replica.waiting.length;
    const received = receiveTurns(this.replica, turns);
    this.replica = received.replica;
    if (received.conflict && !this.conflict) {
      this.options.logger.warn('The host gave one number to two turns', { sessionId: this.id });
      this.update({ conflict: true });
    }
    if (received.gap) void this.sync();
    if (received.added.length === 0) return;
    for (const { id } of received.added) this.streams.delete(id);
    this.verify(received.added);
    this.queueSave(async () => {
      const saved = await this.options.files.appendTurns(this.id, received.added);
      if (!saved.ok) this.options.logger.warn('Turns could not be kept on disk', { code: saved.error.code });
    });
    this.bytes += bytesOf(received.added);
    const seq = lastSeq(this.replica);
    this.record = { ...this.record, head: { ...this.head, last_seq: Math.max(seq, this.head.last_seq) } };
    // The turns are on disk of their own; only a shorter queue is worth writing the record for.
    if (this.replica.waiting.length !== waitingBefore) void this.save();
    this.changed({ kind: 'turns', added: received.added });
    if (this.bytes > MAX_BYTES) this.end(TOO_MUCH);
  }

  /**
   * Participants as the host tells of them, each with the first key it gave them: with another one the host could write in
   * their name.
   */
  private withParticipants(told: readonly SessionParticipant[]): Pick<SessionRecord, 'participants' | 'conflict'> {
    const byId = new Map(this.participants.map((each) => [each.id, each]));
    let { conflict } = this;
    for (const participant of told) {
      // Whoever is beyond the limit is not there: a host lets nobody in then, and a longer list could not be read again.
      if (!byId.has(participant.id) && byId.size >= SESSION_LIMITS.maxParticipants) continue;
      const key = byId.get(participant.id)?.public_key ?? null;
      const isOther = key !== null && key !== participant.public_key;
      if (isOther && !conflict) {
        conflict = true;
        this.options.logger.warn('The host gave another key to a participant', { sessionId: this.id });
      }
      byId.set(participant.id, isOther ? { ...participant, public_key: key } : participant);
    }
    return { participants: [...byId.values()], conflict };
  }

  private verify(turns: readonly Turn[]): void {
    const byId = new Map(this.participants.map((each) => [each.id, each]));
    for (const turn of turns) {
      if (isSignedTurn(turn, byId.get(turn.participant_id), this.id)) this.unverified.delete(turn.id);
      else this.unverified.add(turn.id);
    }
  }

  /** Fetches what is missing and sends what waits. One round at a time; a wish for another is kept. */
  private sync(): Promise<void> {
    this.syncWanted = true;
    this.syncing ??= this.syncRounds().finally(() => {
      this.syncing = null;
    });
    return this.syncing;
  }

  private async syncRounds(): Promise<void> {
    while (this.syncWanted && this.connection !== null) {
      this.syncWanted = false;
      const { connection } = this;
      const isDone = (await this.catchUp(connection)) && (await this.sendWaiting(connection));
      if (isDone) this.backOff.reset();
      else if (this.connection === connection) return this.syncLater();
    }
  }

  /** The host could not do something now: another round follows, unless the connection is lost before. */
  private syncLater(): void {
    this.cancelRetry?.();
    this.cancelRetry = this.options.clock.schedule(this.backOff.nextDelayMs(), () => {
      this.cancelRetry = null;
      void this.sync();
    });
  }

  private async catchUp(connection: ParticipantConnection): Promise<boolean> {
    for (;;) {
      const before = lastSeq(this.replica);
      if (before >= this.head.last_seq && this.link === 'current') return true;
      if (this.link !== 'catching-up') {
        this.link = 'catching-up';
        this.changed({ kind: 'state' });
      }
      const page = await connection.call({ type: 'session-read', session_id: this.id, after_seq: before }, TurnPage);
      if (this.connection !== connection) return false;
      if (!page.ok) {
        if (page.error.code === 'session-unknown') this.end(page.error.message);
        return false;
      }
      this.take(page.value.turns);
      if (page.value.turns.length === 0 || lastSeq(this.replica) >= page.value.last_seq) {
        this.link = 'current';
        this.changed({ kind: 'state' });
        return true;
      }
      // A page that brings nothing on: asked again at once, it would be so for ever.
      if (lastSeq(this.replica) === before) return false;
    }
  }

  /**
   * Sends own turns in the order they were written. The same turn may be sent twice; the host takes it once.
   *
   * @returns whether none waits for the host
   */
  private async sendWaiting(connection: ParticipantConnection): Promise<boolean> {
    for (;;) {
      const turn = this.replica.waiting.find(({ id }) => !this.kept.has(id));
      if (this.connection !== connection) return false;
      if (turn === undefined) return true;
      const posted = await connection.call({ type: 'session-post', session_id: this.id, turn }, PostedTurnReply);
      if (posted.ok) {
        if (!this.replica.waiting.some(({ id }) => id === turn.id)) continue;
        if ('queued' in posted.value) {
          this.kept.add(turn.id);
          continue;
        }
        // Confirmed before it was told: it is fetched, so that the copy stays the host's own words.
        this.replica = dropWaiting(this.replica, turn.id);
        this.take([{ ...turn, seq: posted.value.seq }]);
        continue;
      }
      if (keepsWaiting(posted.error)) return false;
      await this.refuse(turn, posted.error);
    }
  }

  /** The own coordinator has kept a turn which its host will not number. */
  private async takeBack(turnId: string, error: Failure): Promise<void> {
    this.kept.delete(turnId);
    const turn = this.replica.waiting.find(({ id }) => id === turnId);
    if (turn === undefined) return;
    await this.refuse(turn, error);
    void this.sync();
  }

  private async refuse(turn: PostedTurn, error: Failure): Promise<void> {
    this.replica = dropWaiting(this.replica, turn.id);
    if (error.code === 'cost-unconfirmed' && turn.inference_cost !== undefined) {
      // The words are worth keeping, and the signature does not cover the cost.
      const { inference_cost: _cost, ...words } = turn;
      this.replica = { ...this.replica, waiting: [words, ...this.replica.waiting] };
      this.options.logger.warn('The host did not confirm a cost; the turn is sent without it', { turnId: turn.id });
    } else {
      this.record = {
        ...this.record,
        refused: [...this.refused, { turn, code: error.code, message: error.message.slice(0, 2_000) }],
      };
    }
    await this.save();
    this.changed({ kind: 'state' });
  }

  private end(why: string): void {
    this.lost();
    this.update({ ended: why.slice(0, 2_000) });
  }

  private update(change: Partial<SessionRecord>): void {
    this.record = { ...this.record, ...change };
    void this.save();
    this.changed({ kind: 'state' });
  }

  private changed(change: SessionChange): void {
    this.options.onChange(this, change);
  }

  /** Writes the record as it is when its turn comes, so that many changes at once cost one or two writes. */
  private save(): Promise<Result<void>> {
    if (this.nextSave !== null) return this.nextSave;
    let result: Result<void> = success(undefined);
    const done = this.queueSave(async () => {
      this.nextSave = null;
      const savedAt = timeText(this.options.clock.now());
      const record = { ...this.record, waiting: [...this.replica.waiting], savedAt };
      result = await this.options.files.saveRecord(record);
      if (!result.ok) this.options.logger.warn('A session could not be kept on disk', { code: result.error.code });
    });
    this.nextSave = done.then(() => result);
    return this.nextSave;
  }

  private queueSave(write: () => Promise<void>): Promise<void> {
    this.saving = this.saving.then(write);
    return this.saving;
  }
}
