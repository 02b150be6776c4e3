import { Compile } from 'typebox/compile';
import { WebSocket, type RawData } from 'ws';
import { SEAL_BYTES } from '../../keys/sealed-frames';
import { parseShallowJson } from '../../protocol/documents/shallow-json';
import { isActivationFrame } from '../../protocol/wire/activation-frame';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import { FederationMessage, type FederationDraft } from '../../protocol/federation/messages';
import { holdsNul } from '../api/unstorable-text';
import type { Clock } from '../clock';
import { CLOSE_REASONS, withDetail, type CloseReason } from '../hub/close-reason';

const messageChecker = Compile(FederationMessage);
const PROBE_MS = 10_000;

/** Why a link between coordinators is closed, beside the reasons every connection has. */
export const LINK_CLOSE_REASONS = {
  ...CLOSE_REASONS,
  forged: { code: 4400, reason: 'a frame was forged, repeated or out of order' },
  notNumbered: { code: 4400, reason: 'a message was repeated, left out or out of order' },
  flooded: { code: 4429, reason: 'too many messages' },
  noAgreement: { code: 4403, reason: 'no agreement is in force' },
  cut: { code: 4403, reason: 'the link was cut by the administrator' },
  renewed: { code: 4403, reason: 'the agreement was renewed' },
  otherLink: { code: 4409, reason: 'another link of the two coordinators stands' },
} as const satisfies Record<string, CloseReason>;

export interface LinkEvents {
  message(message: FederationMessage): void;
  /** An activation frame; its header and its values are not read yet. */
  frame(bytes: Uint8Array): void;
  /** The peer broke the protocol; the link ends because of it. */
  misbehaved(code: string, message: string): void;
  /** An error of this program while a message was handled. */
  failed(thrown: unknown): void;
  /** Once, at the end, whoever ended it. */
  closed(reason: string): void;
}

export interface LinkTraffic {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** What a greeting ended in. */
export interface LinkKeys {
  readonly seal: (frame: Uint8Array) => Buffer;
  readonly open: (sealed: Uint8Array) => Buffer | null;
}

/**
 * A standing link: sealed, numbered messages over one WebSocket. A frame that does not open, a number that is not the next
 * one, a message outside the schema or a flood ends it.
 */
export class SealedLink {
  readonly traffic: LinkTraffic = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  private isOpen = true;
  private sequenceIn = 0;
  private sequenceOut = 0;
  private allowance: number = FEDERATION_LIMITS.burstMessages;
  private countedAtMs: number;
  private heardAtMs: number;
  /** Bytes the other side has taken in, and when it last took in some or none waited for it. */
  private takenBytes = 0;
  private takenAtMs: number;
  private readonly probe: NodeJS.Timeout;
  private endReason = 'the connection was lost';

  constructor(
    private readonly socket: WebSocket,
    private readonly keys: LinkKeys,
    readonly dialerKey: string,
    private readonly events: LinkEvents,
    private readonly clock: Clock,
  ) {
    this.countedAtMs = clock.nowMs();
    this.heardAtMs = this.countedAtMs;
    this.takenAtMs = this.countedAtMs;
    socket.on('message', (data: RawData, isBinary: boolean) => {
      try {
        this.receive(data, isBinary);
      } catch (thrown) {
        this.events.failed(thrown);
        this.close(LINK_CLOSE_REASONS.internal);
      }
    });
    socket.on('pong', () => {
      this.heardAtMs = this.clock.nowMs();
    });
    socket.on('close', (_code: number, reason: Buffer) => {
      if (this.isOpen && reason.length > 0) this.endReason = `the other side closed it: ${reason.toString('utf8')}`;
      this.end();
    });
    this.probe = setInterval(() => this.lookForLife(), PROBE_MS);
    this.probe.unref();
  }

  get stands(): boolean {
    return this.isOpen;
  }

  /** Sends a message; resolves at once while the peer keeps up, else when it was written. False when it cannot be sent. */
  send(draft: FederationDraft): Promise<boolean> {
    if (!this.isOpen || this.socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    const text = Buffer.from(JSON.stringify({ ...draft, sequence: this.sequenceOut + 1 }), 'utf8');
    if (text.byteLength > FEDERATION_LIMITS.maxMessageBytes) return Promise.resolve(false);
    this.sequenceOut += 1;
    return this.sendSealed(text);
  }

  /** Sends an activation frame, which has no number of its own: the seal counts. Resolves as `send` does. */
  sendFrame(frame: Uint8Array): Promise<boolean> {
    if (!this.isOpen || this.socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
    if (frame.byteLength > FEDERATION_LIMITS.maxFrameBytes) return Promise.resolve(false);
    return this.sendSealed(frame);
  }

  private sendSealed(content: Uint8Array): Promise<boolean> {
    const sealed = this.keys.seal(content);
    this.traffic.messagesOut += 1;
    this.traffic.bytesOut += sealed.byteLength;
    if (this.socket.bufferedAmount > FEDERATION_LIMITS.maxBufferedBytes) {
      this.close(LINK_CLOSE_REASONS.tooSlow);
      return Promise.resolve(false);
    }
    if (this.socket.bufferedAmount < FEDERATION_LIMITS.highWaterBytes) {
      this.socket.send(sealed);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      this.socket.send(sealed, (error) => resolve(error === undefined || error === null));
    });
  }

  close(reason: CloseReason): void {
    if (!this.isOpen) return;
    this.endReason = reason.reason;
    this.socket.close(reason.code, reason.reason);
    this.end();
    // A peer that does not answer the close would keep the socket for long.
    setTimeout(() => this.socket.terminate(), 2_000).unref();
  }

  private end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    clearInterval(this.probe);
    this.events.closed(this.endReason);
  }

  private lookForLife(): void {
    const nowMs = this.clock.nowMs();
    const waitingBytes = this.socket.bufferedAmount;
    const takenBytes = this.traffic.bytesOut - waitingBytes;
    if (takenBytes > this.takenBytes || waitingBytes < FEDERATION_LIMITS.highWaterBytes) {
      this.takenBytes = takenBytes;
      this.takenAtMs = nowMs;
    }
    const isSilent = nowMs - this.heardAtMs > FEDERATION_LIMITS.silenceMs;
    // Who speaks and does not listen would have everybody wait who has something to send.
    if (isSilent || nowMs - this.takenAtMs > FEDERATION_LIMITS.silenceMs) {
      this.endReason = isSilent
        ? 'the other side has fallen silent'
        : 'the other side takes in nothing of what is sent';
      this.socket.terminate();
      this.end();
    } else if (this.socket.readyState === WebSocket.OPEN) this.socket.ping();
  }

  private fail(reason: CloseReason, code: string, detail: string): void {
    this.events.misbehaved(code, detail);
    this.close(withDetail(reason, detail));
  }

  private receive(data: RawData, isBinary: boolean): void {
    if (!this.isOpen) return;
    const bytes = Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
    this.traffic.messagesIn += 1;
    this.traffic.bytesIn += bytes.byteLength;
    this.heardAtMs = this.clock.nowMs();
    if (!this.takeAllowance())
      return this.fail(LINK_CLOSE_REASONS.flooded, 'flood', 'more messages than a link may have');
    if (!isBinary || bytes.byteLength > FEDERATION_LIMITS.maxFrameBytes + SEAL_BYTES) {
      return this.fail(LINK_CLOSE_REASONS.badMessage, 'message-invalid', 'it is no sealed message of this size');
    }
    const content = this.keys.open(bytes);
    if (content === null) {
      return this.fail(LINK_CLOSE_REASONS.forged, 'frame-forged', 'a frame was forged, repeated or out of order');
    }
    if (isActivationFrame(content)) return this.events.frame(content);
    if (content.byteLength > FEDERATION_LIMITS.maxMessageBytes) {
      return this.fail(LINK_CLOSE_REASONS.badMessage, 'message-invalid', 'it is no sealed message of this size');
    }
    return this.receiveText(content.toString('utf8'));
  }

  private receiveText(text: string): void {
    let message: unknown;
    try {
      message = parseShallowJson(text, FEDERATION_LIMITS.maxDepth);
    } catch {
      return this.fail(LINK_CLOSE_REASONS.badMessage, 'message-invalid', 'it is not JSON, or nested too deeply');
    }
    const { type, sequence } = headOf(message);
    if (sequence !== this.sequenceIn + 1) {
      const detail = `message ${String(sequence).slice(0, 20)} where ${this.sequenceIn + 1} was due`;
      return this.fail(LINK_CLOSE_REASONS.notNumbered, 'message-replayed', detail);
    }
    this.sequenceIn += 1;
    if (!messageChecker.Check(message)) {
      // Messages of a family that a newer version may have more of.
      if (type.startsWith('session-') && !isKnown(type)) {
        void this.send({ type: 'unsupported', of: type.slice(0, 100) });
        return;
      }
      return this.fail(LINK_CLOSE_REASONS.badMessage, 'message-invalid', problemOf(message, type));
    }
    // A model may write the character; its tokens are passed on and never stored.
    const isToken = message.type === 'request-token' || message.type === 'hop-token';
    if (text.includes('\\u0000') && !isToken && holdsNul(message)) {
      return this.fail(LINK_CLOSE_REASONS.badMessage, 'message-invalid', 'it holds U+0000, which cannot be stored');
    }
    this.events.message(message);
  }

  private takeAllowance(): boolean {
    const nowMs = this.clock.nowMs();
    const grown = ((nowMs - this.countedAtMs) / 1_000) * FEDERATION_LIMITS.messagesPerSecond;
    this.allowance = Math.min(FEDERATION_LIMITS.burstMessages, this.allowance + Math.max(0, grown));
    this.countedAtMs = nowMs;
    this.allowance -= 1;
    return this.allowance >= 0;
  }
}

function headOf(message: unknown): { readonly type: string; readonly sequence: unknown } {
  if (typeof message !== 'object' || message === null) return { type: '', sequence: null };
  const { type, sequence } = message as { readonly type?: unknown; readonly sequence?: unknown };
  return { type: typeof type === 'string' ? type : '', sequence };
}

function isKnown(type: string): boolean {
  return FederationMessage.anyOf.some((member) => member.properties.type.const === type);
}

/** Says which field of a refused message is wrong; the schema is a union, so the errors of its other members are noise. */
function problemOf(message: unknown, type: string): string {
  const known = FederationMessage.anyOf.find((member) => member.properties.type.const === type);
  if (known === undefined) return `unknown type ${type.slice(0, 40)}`;
  const [first] = Compile(known).Errors(message);
  return `${type} ${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim();
}
