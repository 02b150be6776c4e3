import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { GenerateOutcome, PipelineHop } from '../../protocol/wire/messages';
import type { CoordinatorResult } from '../errors';
import type { QueuePlace } from './admission-queue';
import type { GenerateListener } from './generate-service';

/** Tokens an answer may be ahead of the requester that takes them; beyond it the pipeline waits. */
const MAX_TOKENS_AHEAD = 64;

export interface KeptToken {
  readonly id: number;
  readonly text: string;
  readonly logProbabilities?: TokenLogProbabilities | undefined;
}

/** Something to say that is not a token: said once, to whoever listens at that moment; the newest is what counts. */
type News = (listener: GenerateListener) => void;

/** What has come of an answer so far. */
export interface KeptAnswer {
  readonly start: { readonly pipeline: readonly PipelineHop[]; readonly inputTokens: number } | null;
  readonly tokens: readonly KeptToken[];
}

/** How a requester takes an answer. */
export interface AnswerReader {
  readonly listener: GenerateListener;
  /** Aborted when the requester is gone. */
  readonly signal: AbortSignal;
  /** Tokens before this one have arrived. */
  readonly from: number;
}

/**
 * An answer as it grows: its tokens with their numbers, kept so that a requester can lose its connection and take the rest
 * over another one. At most one reader takes it at a time; while nobody does, it grows without waiting.
 */
export class AnswerRecord implements GenerateListener {
  private start: KeptAnswer['start'] = null;
  private readonly tokens: KeptToken[] = [];
  private news: News | null = null;
  private outcome: CoordinatorResult<GenerateOutcome> | null = null;
  private reader: AnswerReader | null = null;
  /** Tokens the reader has taken. */
  private taken = 0;
  private readonly sleepers: (() => void)[] = [];

  get isRead(): boolean {
    return this.reader !== null && !this.reader.signal.aborted;
  }

  get isEnded(): boolean {
    return this.outcome !== null;
  }

  /** A copy of what has come. */
  get kept(): KeptAnswer {
    return { start: this.start, tokens: [...this.tokens] };
  }

  /** Goes on with what has come at another process. */
  restore(kept: KeptAnswer): void {
    this.start = kept.start;
    this.tokens.splice(0, this.tokens.length, ...kept.tokens);
    this.changed();
  }

  async started(pipeline: readonly PipelineHop[], inputTokens: number): Promise<void> {
    this.start = { pipeline, inputTokens };
    // A place in the line that nobody heard of is of no interest any more.
    this.news = null;
    this.changed();
  }

  async token(index: number, tokenId: number, text: string, logProbabilities?: TokenLogProbabilities): Promise<void> {
    this.tokens[index] = { id: tokenId, text, logProbabilities };
    this.changed();
    while (this.isRead && this.tokens.length - this.taken > MAX_TOKENS_AHEAD) await this.change();
  }

  waiting(layersMissing: readonly number[], seconds: number): void {
    this.news = (listener) => listener.waiting(layersMissing, seconds);
    this.changed();
  }

  queued(place: QueuePlace): void {
    this.news = (listener) => listener.queued(place);
    this.changed();
  }

  end(outcome: CoordinatorResult<GenerateOutcome>): void {
    this.outcome = outcome;
    this.changed();
  }

  /**
   * Gives a reader everything from its token on, until the answer ends or the reader is gone.
   *
   * @returns the end of the answer, or null when the reader left before it
   */
  async read(reader: AnswerReader, isResumed: boolean): Promise<CoordinatorResult<GenerateOutcome> | null> {
    this.reader = reader;
    this.taken = Math.min(reader.from, this.tokens.length);
    const wake = (): void => this.changed();
    reader.signal.addEventListener('abort', wake);
    try {
      let hasStarted = false;
      while (this.reader === reader && !reader.signal.aborted) {
        if (!hasStarted && this.start !== null) {
          hasStarted = true;
          await reader.listener.started(this.start.pipeline, this.start.inputTokens, isResumed);
        } else if (this.taken < this.tokens.length) {
          const { id, text, logProbabilities } = this.tokens[this.taken] ?? { id: 0, text: '' };
          await reader.listener.token(this.taken, id, text, logProbabilities);
          this.taken += 1;
          this.changed();
        } else if (this.news !== null) {
          const tell = this.news;
          this.news = null;
          tell(reader.listener);
        } else if (this.outcome !== null) {
          return this.outcome;
        } else {
          await this.change();
        }
      }
      return null;
    } finally {
      reader.signal.removeEventListener('abort', wake);
      if (this.reader === reader) this.reader = null;
      this.changed();
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.sleepers.push(resolve));
  }

  private changed(): void {
    for (const wake of this.sleepers.splice(0)) wake();
  }
}
