import type { AnswerFacts, AnswerState, ChatDelta } from '../../../contract/chat';
import type { Timers } from '../timers';
import type { AnswerDetails } from './answer-record';
import type { AnswerListeners, AnswerOutcome } from './answer-source';

/** Text is sent to the window at most this often; faster would only redraw more than a screen can show. */
const DELTA_INTERVAL_MS = 40;
/** A crash loses at most this much of an answer. */
const SAVE_INTERVAL_MS = 1_000;

export interface RunningAnswerOptions {
  readonly conversationId: string;
  readonly entryId: string;
  readonly modelId: string;
  readonly turnsLeftOut: number;
  readonly timers: Timers;
  readonly onDelta: (delta: ChatDelta) => void;
  /** The state changed: its place in the line, from waiting to streaming, or to a pause. */
  readonly onStreaming: () => void;
  /** Time to save what arrived. */
  readonly onSaveDue: () => void;
}

/** One answer while it is being written: collects its text and facts and says when to send and save them. */
export class RunningAnswer {
  readonly conversationId: string;
  readonly entryId: string;
  readonly #options: RunningAnswerOptions;
  readonly #abort = new AbortController();
  #text = '';
  #sentLength = 0;
  #state: AnswerState = { kind: 'waiting' };
  #facts: AnswerFacts | null = null;
  /** Whether the facts are the coordinator's own, not what was counted here. */
  #settled = false;
  #pieces = 0;
  #firstPieceAtMs: number | null = null;
  #lastPieceAtMs: number | null = null;
  #cancelDelta: (() => void) | null = null;
  #cancelSave: (() => void) | null = null;

  constructor(options: RunningAnswerOptions) {
    this.conversationId = options.conversationId;
    this.entryId = options.entryId;
    this.#options = options;
  }

  get text(): string {
    return this.#text;
  }

  get details(): AnswerDetails {
    return { state: this.#state, facts: this.#facts, turnsLeftOut: this.#options.turnsLeftOut };
  }

  /** Whether the answer takes no more text. */
  get ended(): boolean {
    return this.#state.kind !== 'waiting' && this.#state.kind !== 'streaming';
  }

  listeners(): AnswerListeners {
    return {
      signal: this.#abort.signal,
      onStarted: ({ hops, inputTokens }) => {
        if (this.ended) return;
        this.#facts = { ...this.#emptyFacts(), hops, inputTokens };
        this.#beginStreaming();
      },
      onQueued: (position) => {
        if (this.#state.kind !== 'waiting') return;
        this.#state = { kind: 'waiting', position };
        this.#options.onStreaming();
      },
      onText: (text) => this.#receive(text),
      onAnew: () => this.#beginAnew(),
      onPaused: (paused) => {
        if (this.ended) return;
        this.#state = { kind: 'streaming', paused };
        this.#options.onStreaming();
      },
    };
  }

  /** Sends the text that the window does not have yet. */
  flush(): void {
    this.#cancelDelta?.();
    this.#cancelDelta = null;
    const text = this.#text.slice(this.#sentLength);
    if (text === '') return;
    const offset = this.#sentLength;
    this.#sentLength = this.#text.length;
    this.#options.onDelta({ conversationId: this.conversationId, entryId: this.entryId, offset, text });
  }

  /** Ends the answer in a final state; its text stays. */
  end(state: AnswerState): void {
    if (this.ended) return;
    this.flush();
    this.#cancelSave?.();
    this.#cancelSave = null;
    if (this.#facts !== null && !this.#settled) {
      this.#facts = { ...this.#facts, outputTokens: this.#pieces, tokensPerSecond: this.#tokensPerSecond() };
    }
    this.#state = state;
  }

  /** Ends the request; the answer keeps its text. */
  stop(): void {
    this.end({ kind: 'stopped' });
    this.#abort.abort();
  }

  /** Takes over the settled figures, also after the answer was stopped. */
  settle(outcome: AnswerOutcome): void {
    const speed = this.#tokensPerSecond();
    const wholeSpeed = outcome.durationMs > 0 ? (outcome.outputTokens * 1_000) / outcome.durationMs : null;
    if (!this.ended && outcome.text !== '') this.#text = outcome.text;
    this.#settled = true;
    this.#facts = {
      modelId: this.#options.modelId,
      hops: outcome.hops,
      ...(outcome.isFallback === true ? { isFallback: true } : {}),
      inputTokens: outcome.inputTokens,
      outputTokens: outcome.outputTokens,
      tokensPerSecond: speed ?? (outcome.outputTokens > 0 ? wholeSpeed : null),
      durationMs: outcome.durationMs,
      settledCost: outcome.settledCost,
      ...(outcome.servedBy === undefined ? {} : { servedBy: outcome.servedBy }),
    };
  }

  #receive(text: string): void {
    if (this.ended) return;
    const nowMs = this.#options.timers.now();
    this.#firstPieceAtMs ??= nowMs;
    this.#lastPieceAtMs = nowMs;
    this.#pieces += 1;
    this.#beginStreaming();
    if (text === '') return;
    this.#text += text;
    this.#cancelDelta ??= this.#options.timers.after(DELTA_INTERVAL_MS, () => this.flush());
    this.#cancelSave ??= this.#options.timers.after(SAVE_INTERVAL_MS, () => {
      this.#cancelSave = null;
      this.#options.onSaveDue();
    });
  }

  /** The coordinator lost the request and answers it from the start: what came of the first try is void. */
  #beginAnew(): void {
    if (this.ended || this.#text === '') return;
    this.#cancelDelta?.();
    this.#cancelDelta = null;
    this.#text = '';
    this.#sentLength = 0;
    this.#pieces = 0;
    this.#options.onStreaming();
  }

  #beginStreaming(): void {
    const isPaused = this.#state.kind === 'streaming' && this.#state.paused !== undefined;
    if (this.#state.kind !== 'waiting' && !isPaused) return;
    this.#state = { kind: 'streaming' };
    this.#options.onStreaming();
  }

  /** Decode speed: the first token is left out, since it waits for the whole prompt. */
  #tokensPerSecond(): number | null {
    if (this.#firstPieceAtMs === null || this.#lastPieceAtMs === null) return null;
    const durationMs = this.#lastPieceAtMs - this.#firstPieceAtMs;
    return this.#pieces > 1 && durationMs > 0 ? ((this.#pieces - 1) * 1_000) / durationMs : null;
  }

  #emptyFacts(): AnswerFacts {
    return {
      modelId: this.#options.modelId,
      hops: [],
      inputTokens: 0,
      outputTokens: 0,
      tokensPerSecond: null,
      durationMs: null,
      settledCost: null,
    };
  }
}
