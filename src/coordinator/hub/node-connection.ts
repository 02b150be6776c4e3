import { Compile } from 'typebox/compile';
import { WebSocket, type RawData } from 'ws';
import { parseShallowJson } from '../../protocol/documents/shallow-json';
import { decodeFrameHeader, type ActivationFrameHeader } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import {
  NodeMessage,
  type CoordinatorMessage,
  type MessageOf,
  type ParticipantMessage,
} from '../../protocol/wire/messages';
import { holdsNul } from '../api/unstorable-text';
import type { NodeLink } from '../pipeline/relay-router';
import { CLOSE_REASONS, withDetail, type CloseReason } from './close-reason';

/** Bytes waiting to leave after which the peer counts as too slow: one largest frame on the way, one behind it. */
const MAX_BUFFERED_BYTES = 2 * WIRE_LIMITS.maxFrameBytes + WIRE_LIMITS.maxTextBytes;
/** Bytes waiting to leave after which senders wait for each message to be written. */
const HIGH_WATER_BYTES = 1024 * 1024;

const messageChecker = Compile(NodeMessage);

export type NodeCall = Exclude<Extract<NodeMessage, { call_id: number }>, ParticipantMessage>;
export type PipelineReport = MessageOf<
  NodeMessage,
  'pipeline-opened' | 'pipeline-token' | 'pipeline-progress' | 'pipeline-unlinked' | 'pipeline-failed'
>;

/** What a connection tells its owner. */
export interface ConnectionEvents {
  authenticate(message: MessageOf<NodeMessage, 'authenticate'>): void;
  call(call: NodeCall): void;
  /** Something of a participant of group sessions. */
  participant(message: ParticipantMessage): void;
  pipeline(report: PipelineReport): void;
  frame(header: ActivationFrameHeader, bytes: Uint8Array): void;
  /** An error of this program while a message was handled or a reply written. */
  failed(thrown: unknown): void;
  closed(): void;
  /** The time a sign of life took that was asked for. */
  roundTrip(elapsedMs: number): void;
}

function isOfParticipant(message: NodeMessage): message is ParticipantMessage {
  return message.type.startsWith('session-');
}

/** Says which field of a refused message is wrong; the schema is a union, so the errors of its other members are noise. */
function problemOf(message: unknown): string {
  if (typeof message !== 'object' || message === null || !('type' in message)) return 'it has no type';
  const type = String(message.type).slice(0, 40);
  const known = NodeMessage.anyOf.find((member) => member.properties.type.const === message.type);
  if (known === undefined) return `unknown type ${type}`;
  const [first] = Compile(known).Errors(message);
  return `${type} ${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim();
}

/**
 * One WebSocket of a node: takes messages apart, checks them, and closes with a clear reason what is not tore.v1.
 *
 *   greeted ──authenticate──▶ proving ──accepted──▶ authenticated ──▶ closed
 */
export class NodeConnection implements NodeLink {
  private state: 'greeted' | 'proving' | 'authenticated' | 'closed' = 'greeted';
  private isAlive = true;
  private pendingCalls = 0;
  private probedAtMs: number | null = null;
  /** Writes that have not left. */
  private leaving = 0;
  /** Runs while something waits to leave; begins anew whenever something has left. */
  private stallTimer: NodeJS.Timeout | null = null;

  /**
   * @param takeInMs - a peer that takes nothing in for so long, while something waits for it, is cut off: its signs of life
   *   say nothing of that, and whoever waits for a write would wait without end
   */
  constructor(
    private readonly socket: WebSocket,
    private readonly takeInMs: number,
    private readonly events: ConnectionEvents,
  ) {
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        this.receive(data, isBinary);
      } catch (thrown) {
        this.events.failed(thrown);
        this.close(CLOSE_REASONS.internal);
      }
    });
    socket.on('pong', () => {
      this.isAlive = true;
      if (this.probedAtMs !== null) this.events.roundTrip(performance.now() - this.probedAtMs);
      this.probedAtMs = null;
    });
    // The close that follows says everything; without a listener an error event would end the process.
    socket.on('error', () => undefined);
    socket.on('close', () => this.end());
  }

  accept(): void {
    if (this.state === 'proving') this.state = 'authenticated';
  }

  get isAuthenticated(): boolean {
    return this.state === 'authenticated';
  }

  /** Sends a message; resolves at once while the peer keeps up, else when it was written. False when it cannot be sent. */
  async send(message: CoordinatorMessage): Promise<boolean> {
    if (!this.isOpen()) return false;
    if (this.socket.bufferedAmount < HIGH_WATER_BYTES) {
      this.socket.send(JSON.stringify(message));
      return true;
    }
    return this.write(JSON.stringify(message));
  }

  /** Sends a message that was put into text already; a peer that takes nothing in is cut off. */
  sendText(text: string): void {
    if (this.isOpen()) void this.write(text);
  }

  sendFrame(bytes: Uint8Array): Promise<boolean> {
    return this.isOpen() ? this.write(bytes) : Promise.resolve(false);
  }

  /** The reply to a call, which is then no longer pending. */
  reply(message: MessageOf<CoordinatorMessage, 'reply'>): void {
    this.pendingCalls -= 1;
    this.send(message).catch((thrown: unknown) => {
      this.events.failed(thrown);
      const error = { code: 'coordinator-internal', message: 'The coordinator made an error.', retryable: true };
      void this.send({ type: 'reply', call_id: message.call_id, ok: false, error });
    });
  }

  /** Asks for a sign of life; a peer that gave none since the last time is cut off. */
  probe(): void {
    if (!this.isAlive) {
      this.socket.terminate();
      return;
    }
    this.isAlive = false;
    this.measure();
  }

  /** Measures the way to the peer and back; its answer is told to the owner. */
  measure(): void {
    if (!this.isOpen()) return;
    this.probedAtMs ??= performance.now();
    this.socket.ping();
  }

  close(reason: CloseReason): void {
    if (this.state === 'closed') return;
    this.socket.close(reason.code, reason.reason);
    this.end();
    // A peer that does not answer the close would keep the socket for long.
    setTimeout(() => this.socket.terminate(), 2_000).unref();
  }

  private isOpen(): boolean {
    return this.state !== 'closed' && this.socket.readyState === WebSocket.OPEN;
  }

  private write(data: string | Uint8Array): Promise<boolean> {
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.close(CLOSE_REASONS.tooSlow);
      return Promise.resolve(false);
    }
    this.leaving += 1;
    this.stallTimer ??= this.untilStalled();
    return new Promise((resolve) => {
      this.socket.send(data, (error) => {
        this.left();
        resolve(error === undefined || error === null);
      });
    });
  }

  /** A write has left, or never will. */
  private left(): void {
    this.leaving -= 1;
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
    this.stallTimer = this.leaving === 0 || this.state === 'closed' ? null : this.untilStalled();
  }

  private untilStalled(): NodeJS.Timeout {
    return setTimeout(() => this.close(CLOSE_REASONS.tooSlow), this.takeInMs);
  }

  private end(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
    this.stallTimer = null;
    this.events.closed();
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (this.state === 'closed') return;
    this.isAlive = true;
    const bytes = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
    if (isBinary) this.receiveFrame(bytes);
    else if (bytes.byteLength > WIRE_LIMITS.maxTextBytes) this.close(CLOSE_REASONS.tooLarge);
    else this.receiveText(bytes);
  }

  private receiveFrame(bytes: Buffer): void {
    if (this.state !== 'authenticated') {
      this.close(CLOSE_REASONS.notAuthenticated);
      return;
    }
    const header = decodeFrameHeader(bytes);
    if (header.ok) this.events.frame(header.value, bytes);
    else this.close(withDetail(CLOSE_REASONS.badMessage, header.error.message));
  }

  private receiveText(bytes: Buffer): void {
    const text = bytes.toString('utf8');
    let message: unknown;
    try {
      message = parseShallowJson(text, WIRE_LIMITS.maxDepth);
    } catch {
      this.close(withDetail(CLOSE_REASONS.badMessage, 'it is not JSON, or nested too deeply'));
      return;
    }
    if (!messageChecker.Check(message)) {
      this.close(withDetail(CLOSE_REASONS.badMessage, problemOf(message)));
      return;
    }
    // Only an escape can bring U+0000 into JSON, so that most messages need not be searched. A model may write the
    // character; its tokens are passed on and never stored.
    if (text.includes('\\u0000') && message.type !== 'pipeline-token' && holdsNul(message)) {
      this.close(withDetail(CLOSE_REASONS.badMessage, 'it holds U+0000, which cannot be stored'));
      return;
    }
    this.dispatch(message);
  }

  private dispatch(message: NodeMessage): void {
    if (message.type === 'authenticate') {
      if (this.state !== 'greeted') {
        this.close(withDetail(CLOSE_REASONS.badMessage, 'authenticate is sent once'));
        return;
      }
      this.state = 'proving';
      this.events.authenticate(message);
      return;
    }
    if (this.state !== 'authenticated') {
      this.close(CLOSE_REASONS.notAuthenticated);
      return;
    }
    if (!('call_id' in message)) {
      if (isOfParticipant(message)) this.events.participant(message);
      else this.events.pipeline(message);
      return;
    }
    if (this.pendingCalls >= WIRE_LIMITS.maxPendingCalls) {
      this.close(CLOSE_REASONS.tooManyCalls);
      return;
    }
    this.pendingCalls += 1;
    if (isOfParticipant(message)) this.events.participant(message);
    else this.events.call(message);
  }
}
