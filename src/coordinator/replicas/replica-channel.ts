import type { Logger } from '../logger';
import type { ReplicaBus } from './replica-bus';
import type { ReplicaMessage } from './replica-message';

/** NATS takes messages of 1 MiB unless told otherwise; larger ones go in parts. */
const PART_BYTES = 512 * 1024;
/** Bytes of one message put together from parts; a largest activation frame with room. */
const MAX_MESSAGE_BYTES = 80 * 1024 * 1024;
/** A message that needs an answer fails when none came in this time: as long as the slowest node may take in a frame. */
const ANSWER_TIMEOUT_MS = 60_000;
/** Bytes before a part's header: its length. */
const LENGTH_BYTES = 4;

/** Travels before every part. */
interface PartHeader {
  readonly from: string;
  /** Counts the messages of a sender. */
  readonly id: number;
  readonly part: number;
  readonly parts: number;
  /** Bytes of JSON at the beginning of the whole message; the rest is its payload. */
  readonly textBytes: number;
  readonly needsAnswer?: boolean;
  /** This is the answer to a message of that id. */
  readonly answers?: number;
  readonly ok?: boolean;
}

/** What a replica does with a message; the answer tells the sender whether it was possible. */
export type TakeMessage = (from: string, message: ReplicaMessage, payload: Uint8Array) => Promise<boolean> | void;

interface Waiting {
  readonly replicaId: string;
  settle(ok: boolean): void;
}

const EMPTY = new Uint8Array(0);

function encodePart(header: PartHeader, body: Uint8Array): Uint8Array {
  const text = Buffer.from(JSON.stringify(header), 'utf8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.byteLength);
  return Buffer.concat([length, text, body]);
}

function decodePart(bytes: Uint8Array): { header: PartHeader; body: Buffer } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = LENGTH_BYTES + buffer.readUInt32BE(0);
  const header = JSON.parse(buffer.subarray(LENGTH_BYTES, end).toString('utf8')) as PartHeader;
  return { header, body: buffer.subarray(end) };
}

/** Messages between replicas over a bus: to all or to one, of any size, with an answer where one is needed. */
export class ReplicaChannel {
  private nextId = 1;
  private readonly waiting = new Map<number, Waiting>();
  /** Parts of the message each sender is in the middle of; a sender sends its parts one after another. */
  private readonly partial = new Map<string, Buffer[]>();
  private readonly everybody: string;
  private readonly own: string;

  constructor(
    private readonly bus: ReplicaBus,
    private readonly coordinatorId: string,
    readonly replicaId: string,
    private readonly take: TakeMessage,
    private readonly logger: Logger,
  ) {
    this.everybody = `tore.v1.${coordinatorId}.all`;
    this.own = this.subjectOf(replicaId);
  }

  open(): void {
    this.bus.subscribe(this.everybody, (bytes) => this.receive('all', bytes));
    this.bus.subscribe(this.own, (bytes) => this.receive('one', bytes));
  }

  tellAll(message: ReplicaMessage): void {
    this.publish(this.everybody, message, EMPTY, {});
  }

  tell(replicaId: string, message: ReplicaMessage, payload: Uint8Array = EMPTY): void {
    this.publish(this.subjectOf(replicaId), message, payload, {});
  }

  /** Resolves with what the other replica answered, false when it did not. */
  ask(replicaId: string, message: ReplicaMessage, payload: Uint8Array = EMPTY): Promise<boolean> {
    const id = this.nextId;
    return new Promise((resolve) => {
      const settle = (ok: boolean): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(ok);
      };
      const timer = setTimeout(() => settle(false), ANSWER_TIMEOUT_MS);
      this.waiting.set(id, { replicaId, settle });
      this.publish(this.subjectOf(replicaId), message, payload, { needsAnswer: true });
    });
  }

  /** A replica is gone: nothing it was asked will be answered, and nothing it began will end. */
  forget(replicaId: string): void {
    for (const waiting of this.waiting.values()) if (waiting.replicaId === replicaId) waiting.settle(false);
    for (const lane of ['all', 'one']) this.partial.delete(`${lane} ${replicaId}`);
  }

  close(): void {
    for (const waiting of this.waiting.values()) waiting.settle(false);
  }

  private subjectOf(replicaId: string): string {
    return `tore.v1.${this.coordinatorId}.one.${replicaId}`;
  }

  private publish(
    subject: string,
    message: ReplicaMessage,
    payload: Uint8Array,
    more: Pick<PartHeader, 'needsAnswer'>,
  ): void {
    const id = this.nextId;
    this.nextId += 1;
    const text = Buffer.from(JSON.stringify(message), 'utf8');
    const whole = Buffer.concat([text, payload]);
    const parts = Math.max(1, Math.ceil(whole.byteLength / PART_BYTES));
    for (let part = 0; part < parts; part += 1) {
      const header: PartHeader = { from: this.replicaId, id, part, parts, textBytes: text.byteLength, ...more };
      this.bus.publish(subject, encodePart(header, whole.subarray(part * PART_BYTES, (part + 1) * PART_BYTES)));
    }
  }

  private receive(lane: string, bytes: Uint8Array): void {
    try {
      const { header, body } = decodePart(bytes);
      if (header.from === this.replicaId) return;
      if (header.answers !== undefined) this.waiting.get(header.answers)?.settle(header.ok === true);
      else this.assemble(`${lane} ${header.from}`, header, body);
    } catch (thrown) {
      this.logger.warn({ err: thrown }, 'a message of another replica cannot be read');
    }
  }

  private assemble(lane: string, header: PartHeader, body: Buffer): void {
    const parts = header.part === 0 ? [] : (this.partial.get(lane) ?? []);
    // A part is missing when the bus was away; the rest of the message is worth nothing then.
    if (parts.length !== header.part || header.parts * PART_BYTES > MAX_MESSAGE_BYTES) return;
    parts.push(body);
    if (parts.length < header.parts) {
      this.partial.set(lane, parts);
      return;
    }
    this.partial.delete(lane);
    const whole = parts.length === 1 ? body : Buffer.concat(parts);
    const message = JSON.parse(whole.subarray(0, header.textBytes).toString('utf8')) as ReplicaMessage;
    const taken = this.take(header.from, message, whole.subarray(header.textBytes));
    if (header.needsAnswer !== true) return;
    void Promise.resolve(taken).then((ok) => this.answer(header, ok === true));
  }

  private answer(header: PartHeader, ok: boolean): void {
    const answer: PartHeader = {
      from: this.replicaId,
      id: 0,
      part: 0,
      parts: 1,
      textBytes: 0,
      answers: header.id,
      ok,
    };
    this.bus.publish(this.subjectOf(header.from), encodePart(answer, EMPTY));
  }
}
