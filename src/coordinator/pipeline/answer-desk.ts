import { createHash } from 'node:crypto';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import { AnswerRecord, type AnswerReader, type KeptAnswer } from './answer-record';
import type { GenerateRequest, GenerateService } from './generate-service';

/** Answers kept after their end for requesters that come back; each is as large as its text. */
const MAX_KEPT_ANSWERS = 256;

/** Names an answer: whose it is, its id, and a hash of everything that was asked. */
export interface AnswerName {
  readonly nodeId: string;
  readonly requestId: string;
  readonly fingerprint: string;
}

/** Answers that are written at other processes of this coordinator. */
export interface AnswersElsewhere {
  /**
   * Looks for an answer and from then on fills the record with it.
   *
   * @param signal - aborted when nobody here wants it any more
   * @returns whether somebody has it
   */
  find(name: AnswerName, record: AnswerRecord, signal: AbortSignal): Promise<boolean>;
  /** Stops the request; false when it runs nowhere. */
  cancel(nodeId: string, requestId: string): Promise<boolean>;
}

/** An answer of this process, for another one. */
export interface HeldAnswer {
  readonly kept: KeptAnswer;
  /** Gives the rest to a reader, in place of the one before; null: it was replaced in turn. */
  read(reader: Omit<AnswerReader, 'from'>): Promise<CoordinatorResult<GenerateOutcome> | null>;
}

interface Kept {
  readonly record: AnswerRecord;
  /** It is written at another process, which also keeps it. */
  isBorrowed: boolean;
  /** Of everything asked for: the same id with another question is not the same request. */
  readonly fingerprint: string;
  readonly stop: AbortController;
  /** Ends the request, or forgets its answer, when nobody comes back for it. */
  timer: NodeJS.Timeout | null;
}

function fingerprintOf(request: GenerateRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex');
}

/**
 * Where connected requesters get their answers. A request belongs to its id and not to a connection: it goes on for a
 * while when the connection is lost, the requester takes the rest over the next one, and asking twice under one id runs
 * and costs it once.
 */
export class AnswerDesk {
  private readonly kept = new Map<string, Kept>();
  private elsewhere: AnswersElsewhere | null = null;

  /**
   * @param graceMs - how long a running request goes on with nobody there, and an ended one is kept
   */
  constructor(
    private readonly generation: Pick<GenerateService, 'generate' | 'cancel'>,
    private readonly graceMs: number,
    private readonly logger: Logger,
  ) {}

  /** The answer from `reader.from` on. Null: the reader left before its end. */
  async answer(
    request: GenerateRequest,
    reader: AnswerReader,
    resumes: boolean,
  ): Promise<CoordinatorResult<GenerateOutcome> | null> {
    const key = `${request.nodeId} ${request.requestId}`;
    const fingerprint = fingerprintOf(request);
    const known = this.kept.get(key);
    if (known === undefined) {
      const entry = this.keep(key, fingerprint);
      if (resumes && (await this.borrow(entry, request))) return this.readFrom(key, entry, reader, true);
      this.begin(entry, request);
      return this.readFrom(key, entry, { ...reader, from: 0 }, false);
    }
    if (known.fingerprint !== fingerprint) {
      return refuse('request-id-used', 'Another request with this id was made already.');
    }
    if (known.record.isRead && !resumes) return refuse('request-id-used', 'A request with this id is running already.');
    return this.readFrom(key, known, reader, true);
  }

  /** Whom to ask for an answer somebody comes back for and that is not here. */
  askElsewhere(elsewhere: AnswersElsewhere): void {
    this.elsewhere = elsewhere;
  }

  /** An answer that is written here, running or ended a moment ago; null when there is none of that name. */
  holding({ nodeId, requestId, fingerprint }: AnswerName): HeldAnswer | null {
    const key = `${nodeId} ${requestId}`;
    const known = this.kept.get(key);
    if (known === undefined || known.isBorrowed || known.fingerprint !== fingerprint) return null;
    const { kept } = known.record;
    return { kept, read: (reader) => this.readFrom(key, known, { ...reader, from: kept.tokens.length }, true) };
  }

  /** Stops a running request, wherever it runs. False when there is none. */
  async cancel(nodeId: string, requestId: string): Promise<boolean> {
    if (this.generation.cancel(nodeId, requestId)) return true;
    const isBorrowed = this.kept.get(`${nodeId} ${requestId}`)?.isBorrowed === true;
    return isBorrowed && (await this.elsewhere?.cancel(nodeId, requestId)) === true;
  }

  /** Nobody is waited for any more. */
  stop(): void {
    for (const { timer } of this.kept.values()) if (timer !== null) clearTimeout(timer);
    this.kept.clear();
  }

  private keep(key: string, fingerprint: string): Kept {
    const stop = new AbortController();
    const entry: Kept = { record: new AnswerRecord(), isBorrowed: false, fingerprint, stop, timer: null };
    this.kept.set(key, entry);
    return entry;
  }

  /** Whether the answer comes from another process, which goes on writing it. */
  private async borrow(entry: Kept, { nodeId, requestId }: GenerateRequest): Promise<boolean> {
    if (this.elsewhere === null) return false;
    entry.isBorrowed = true;
    const name = { nodeId, requestId, fingerprint: entry.fingerprint };
    entry.isBorrowed = await this.elsewhere.find(name, entry.record, entry.stop.signal);
    return entry.isBorrowed;
  }

  private begin(entry: Kept, request: GenerateRequest): void {
    const run = async (): Promise<void> => {
      try {
        entry.record.end(await this.generation.generate(request, entry.record, entry.stop.signal));
      } catch (thrown) {
        this.logger.error({ err: thrown }, 'a request failed');
        entry.record.end(refuse('coordinator-internal', 'The coordinator made an error.', { retryable: true }));
      }
    };
    void run();
  }

  private async readFrom(
    key: string,
    entry: Kept,
    reader: AnswerReader,
    isResumed: boolean,
  ): Promise<CoordinatorResult<GenerateOutcome> | null> {
    if (entry.timer !== null) clearTimeout(entry.timer);
    entry.timer = null;
    const end = await entry.record.read(reader, isResumed);
    // A failure costs nothing and may be tried again; a success is kept in case its end never arrived.
    if (end?.ok === false) this.forget(key, entry);
    else if (!entry.record.isRead) this.keepForAWhile(key, entry);
    return end;
  }

  private keepForAWhile(key: string, entry: Kept): void {
    // Two readers may have left one after the other; the clock of the first must not end what a third one takes.
    if (entry.timer !== null) clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      entry.stop.abort();
      this.forget(key, entry);
    }, this.graceMs);
    entry.timer.unref();
    for (const [oldestKey, oldest] of this.kept) {
      if (this.kept.size <= MAX_KEPT_ANSWERS) break;
      if (oldest.record.isEnded && !oldest.record.isRead) this.forget(oldestKey, oldest);
    }
  }

  private forget(key: string, entry: Kept): void {
    if (entry.timer !== null) clearTimeout(entry.timer);
    entry.timer = null;
    if (this.kept.get(key) === entry) this.kept.delete(key);
  }
}
