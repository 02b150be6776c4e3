import type { FinishReason } from '../../protocol/compute/model';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { refuse } from '../errors';
import type { PlannedHop } from '../scheduling/scheduler';
import { AnswerStops } from './answer-stops';
import { DraftSource, type DraftSettings } from './draft-source';
import { HopChain, openHops, type ChainHop } from './hop-chain';
import { hopFailure, type HopFailure, type HopResult, type StepOutput } from './hop-driver';
import type { PipelineListener } from './pipeline-listener';
import {
  decodeStep,
  isRepairable,
  MAX_STEPS_UNDER_WAY,
  PREFILL_CHUNK_POSITIONS,
  prefillSteps,
  STEPS_BETWEEN_HOPS,
  withoutDrafts,
  type PipelineStep,
} from './pipeline-steps';
import { PipelineRepair, type RepairSources } from './pipeline-repair';
import { nextRequestState, type RequestEvent, type RequestState } from './request-state';
import type { SpanRecorder } from './span-recorder';

export interface PipelineLimits {
  /** Most tokens the prompt can honestly become. */
  readonly maximumInputTokens: number;
  readonly contextLength: number;
  readonly vocabularySize: number;
  readonly maxNewTokens: number;
  readonly modelName: string;
}

/** How a pipeline ended. `failedHop` says where, when it failed. */
export interface PipelineEnd {
  readonly state: Extract<RequestState, { kind: 'finished' | 'failed' }>;
  readonly text: string;
  readonly failedHop: HopFailure | null;
  /** The listener heard of this run, so it must not be tried again elsewhere. */
  readonly hasStarted: boolean;
  /** The hops that served it in the end. */
  readonly hops: readonly PlannedHop[];
}

export interface PipelineRunOptions {
  readonly hops: readonly ChainHop[];
  readonly limits: PipelineLimits;
  readonly listener: PipelineListener;
  readonly recorder: SpanRecorder;
  readonly repairs: RepairSources;
  readonly drafts: DraftSettings;
  /** Strings that end the answer. */
  readonly stops: readonly string[];
  readonly signal: AbortSignal;
}

/** Why what a node made of the prompt cannot be, or null. */
function tokensProblem(inputIds: readonly number[], nodeId: string, limits: PipelineLimits): HopFailure | null {
  const wrong = (message: string): HopFailure =>
    hopFailure(nodeId, 'answer-invalid', message, { isWrongAnswer: true }).error;
  if (inputIds.length === 0 || inputIds.length > limits.maximumInputTokens) {
    return wrong(
      `Node ${nodeId} turned the prompt into ${inputIds.length} tokens, where ${limits.maximumInputTokens} are possible at most.`,
    );
  }
  return inputIds.some((token) => token >= limits.vocabularySize)
    ? wrong(`Node ${nodeId} sent a token the vocabulary does not have.`)
    : null;
}

function openedEvent(inputIds: readonly number[], limits: PipelineLimits): RequestEvent {
  if (inputIds.length >= limits.contextLength) {
    const { error } = refuse(
      'prompt-too-long',
      `The prompt has ${inputIds.length} tokens; with room for an answer ${limits.modelName} takes ${limits.contextLength - 1}.`,
      { suggestion: 'Shorten the prompt or begin a new conversation.' },
    );
    return { kind: 'failed', failure: error };
  }
  return { kind: 'opened', inputIds, limit: Math.min(limits.maxNewTokens, limits.contextLength - inputIds.length) };
}

function failedEvent(error: HopFailure): RequestEvent {
  return error.code === 'cancelled' ? { kind: 'cancelled' } : { kind: 'failed', failure: error };
}

/**
 * Characters of one answer: the longest one with long tokens fits many times. What a node says with each token is bounded
 * too, but thousands of the longest ones would fill the memory.
 */
export const MAX_ANSWER_CHARACTERS = 16 * 1024 * 1024;

/** One request over its hops until the last token, a cancellation or a failure that nobody can repair. */
export class PipelineRun {
  private chain: HopChain;
  private state: RequestState = { kind: 'opening' };
  private readonly done: PipelineStep[] = [];
  /** Tokens of prompt and answer. */
  private readonly ids: number[] = [];
  private inputTokens = 0;
  private text = '';
  /** Characters that came, those that may begin a stop string included. */
  private characters = 0;
  private stepNumber = 0;
  private failedHop: HopFailure | null = null;
  private readonly drafts: DraftSource;
  private readonly stops: AnswerStops;
  private readonly repair: PipelineRepair;
  /** Ends the steps under way when one of them has failed; made anew by each repair. */
  private flight = new AbortController();

  constructor(private readonly options: PipelineRunOptions) {
    this.chain = new HopChain(options.hops);
    this.drafts = new DraftSource(options.drafts);
    this.stops = new AnswerStops(options.stops);
    this.repair = new PipelineRepair(options.repairs, options.recorder, options.listener);
  }

  /** Runs to the end. Every hop is closed in every case. */
  async run(): Promise<PipelineEnd> {
    const { signal, recorder } = this.options;
    const abort = (): void => this.flight.abort();
    signal.addEventListener('abort', abort);
    let closeReason: FinishReason = 'error';
    try {
      const hasStarted = await this.open();
      while (this.state.kind === 'running') await this.advance(this.state);
      const { state } = this;
      if (state.kind === 'opening') throw new Error('a pipeline ended without an end');
      if (state.kind === 'finished') closeReason = state.reason;
      const hops = this.chain.hops.map(({ planned }) => planned);
      return { state, text: this.text + this.stops.rest(), failedHop: this.failedHop, hasStarted, hops };
    } finally {
      signal.removeEventListener('abort', abort);
      recorder.clear();
      this.chain.close(closeReason);
    }
  }

  private async open(): Promise<boolean> {
    const { limits, listener, signal } = this.options;
    const [first] = this.chain.hops;
    if (first === undefined) throw new Error('a plan has at least one hop');
    const opened = await openHops(
      this.chain.hops.map(({ driver }) => driver),
      signal,
    );
    if (!opened.ok) {
      this.failedHop = opened.error;
      this.happened(failedEvent(opened.error));
      return false;
    }
    const { inputIds } = opened.value;
    const problem = tokensProblem(inputIds, first.planned.nodeId, limits);
    if (problem !== null) {
      this.failedHop = problem;
      this.happened(failedEvent(problem));
      return false;
    }
    this.happened(openedEvent(inputIds, limits));
    if (this.state.kind !== 'running') return false;
    this.inputTokens = inputIds.length;
    // One by one: a call takes no more than some hundred thousand arguments.
    for (const id of inputIds) this.ids.push(id);
    for (const { driver } of this.chain.hops) driver.begin(inputIds.length + this.state.limit, null);
    await listener.started(
      this.chain.hops.map(({ planned }) => planned),
      inputIds.length,
    );
    return true;
  }

  /** The prefill, or one decode step. */
  private async advance(state: Extract<RequestState, { kind: 'running' }>): Promise<void> {
    const { listener, signal } = this.options;
    if (signal.aborted) return this.happened({ kind: 'cancelled' });
    const { position, inputIds } = state.feed;
    const remainingTokens = state.limit - state.outputTokens;
    const isPrefill = position === 0;
    const guesses = isPrefill || !this.chain.isStreaming ? [] : this.drafts.guess(this.ids, remainingTokens - 1);
    const steps = isPrefill
      ? prefillSteps(inputIds, this.chain.isStreaming ? PREFILL_CHUNK_POSITIONS : inputIds.length)
      : [decodeStep(position, inputIds[0] ?? 0, guesses)];
    const startedAtMs = performance.now();
    const output = await this.execute(steps, remainingTokens);
    if (!output.ok) {
      this.failedHop = output.error;
      return this.happened(failedEvent(output.error));
    }
    if (!isPrefill) this.drafts.observe(guesses.length, output.value.tokens.length, performance.now() - startedAtMs);
    const { tokens, finishReason } = this.stops.cut(output.value, remainingTokens);
    const tokenIds = tokens.map((token) => token.id);
    this.happened({ kind: 'tokens', tokenIds, finishReason });
    for (const id of tokenIds) this.ids.push(id);
    for (const token of tokens) this.text += token.text;
    await listener.tokens(tokens, state.outputTokens);
  }

  /** Does steps in order, over repairs of the pipeline if need be, and returns the tokens of the last one. */
  private async execute(
    wanted: readonly PipelineStep[],
    remainingTokens: number,
  ): Promise<HopResult<Extract<StepOutput, { kind: 'tokens' }>>> {
    let steps = wanted;
    for (;;) {
      const before = this.done.length;
      const flown = await this.fly(steps, remainingTokens);
      if (flown.ok) return flown;
      steps = steps.slice(this.done.length - before);
      if (!isRepairable(flown.error)) return flown;
      if (flown.error.isLinkOnly === true && !this.options.signal.aborted) {
        this.flight = new AbortController();
        this.chain.relayAll(this.nextStepNumber());
        continue;
      }
      const repaired = await this.repairAfter(flown.error, remainingTokens);
      if (!repaired.ok) return repaired;
      if (!this.chain.isStreaming) steps = steps.map(withoutDrafts);
    }
  }

  /** Sends steps through the chain, several under way at once, and notes each that is done everywhere. */
  private async fly(
    steps: readonly PipelineStep[],
    remainingTokens: number,
  ): Promise<HopResult<Extract<StepOutput, { kind: 'tokens' }>>> {
    const { recorder } = this.options;
    const { chain, flight } = this;
    const most = chain.isStreaming ? Math.min(chain.hops.length + STEPS_BETWEEN_HOPS, MAX_STEPS_UNDER_WAY) : 1;
    const first = this.done.length;
    const underWay: Promise<HopResult<StepOutput>>[] = [];
    for (const [at, step] of steps.entries()) {
      while (underWay.length < steps.length && underWay.length - at < most) {
        const index = first + underWay.length;
        const next = steps[underWay.length] ?? step;
        const numbering = { step: this.nextStepNumber(), remainingTokens };
        underWay.push(
          chain.pass(next, numbering, (layer, frame) => recorder.record(layer, index, frame), flight.signal),
        );
      }
      const output = await underWay[at];
      if (output?.ok !== true) {
        flight.abort();
        await Promise.all(underWay);
        if (output === undefined) throw new Error('a step was not sent');
        return output;
      }
      if (output.value.kind === 'tokens') {
        const characters = output.value.tokens.reduce((sum, token) => sum + token.text.length, this.characters);
        if (characters > MAX_ANSWER_CHARACTERS) return this.saidTooMuch();
        this.characters = characters;
      }
      this.done.push(step);
      if (output.value.kind === 'tokens') return { ok: true, value: output.value };
    }
    throw new Error('the last step of a pass gives tokens');
  }

  private saidTooMuch(): HopResult<never> {
    const nodeId = this.chain.hops.at(-1)?.planned.nodeId ?? '';
    const message = `Node ${nodeId} sent more text than any answer has.`;
    return hopFailure(nodeId, 'answer-invalid', message, { isWrongAnswer: true });
  }

  private async repairAfter(failure: HopFailure, remainingTokens: number): Promise<HopResult<void>> {
    const { signal } = this.options;
    if (signal.aborted) return { ok: false, error: { ...failure, code: 'cancelled' } };
    this.flight = new AbortController();
    const answered = { inputTokens: this.inputTokens, tokenIds: this.ids.slice(this.inputTokens) };
    const repaired = await this.repair.run(this.chain, failure, {
      done: this.done,
      answered,
      positions: this.ids.length + remainingTokens,
      remainingTokens,
      nextStepNumber: () => this.nextStepNumber(),
      signal,
    });
    if (!repaired.ok) return repaired;
    this.chain = repaired.value;
    return { ok: true, value: undefined };
  }

  private nextStepNumber(): number {
    this.stepNumber = (this.stepNumber + 1) % (WIRE_LIMITS.maxStepNumber + 1);
    return this.stepNumber;
  }

  private happened(event: RequestEvent): void {
    this.state = nextRequestState(this.state, event);
  }
}
