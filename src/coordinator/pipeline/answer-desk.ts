import { createHash } from 'node:crypto';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import { AnswerRecord, type AnswerReader } from './answer-record';
import type { GenerateRequest, GenerateService } from './generate-service';

/** Answers kept after their end for requesters that come back; each is as large as its text. */
const MAX_KEPT_ANSWERS = 256;

interface Kept {
  readonly record: AnswerRecord;
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

  /**
   * @param graceMs - how long a running request goes on with nobody there, and an ended one is kept
   */
  constructor(
    private readonly generation: Pick<GenerateService, 'generate'>,
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
    if (known === undefined)
      return this.readFrom(key, this.begin(key, fingerprint, request), { ...reader, from: 0 }, false);
    if (known.fingerprint !== fingerprint) {
      return refuse('request-id-used', 'Another request with this id was made already.');
    }
    if (known.record.isRead && !resumes) return refuse('request-id-used', 'A request with this id is running already.');
    return this.readFrom(key, known, reader, true);
  }

  /** Nobody is waited for any more. */
  stop(): void {
    for (const { timer } of this.kept.values()) if (timer !== null) clearTimeout(timer);
    this.kept.clear();
  }

  private begin(key: string, fingerprint: string, request: GenerateRequest): Kept {
    const stop = new AbortController();
    const entry: Kept = { record: new AnswerRecord(), fingerprint, stop, timer: null };
    this.kept.set(key, entry);
    const run = async (): Promise<void> => {
      try {
        entry.record.end(await this.generation.generate(request, entry.record, stop.signal));
      } catch (thrown) {
        this.logger.error({ err: thrown }, 'a request failed');
        entry.record.end(refuse('coordinator-internal', 'The coordinator made an error.', { retryable: true }));
      }
    };
    void run();
    return entry;
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
