import type { FinishReason, LayerRange } from '../../protocol/compute/model';
import { readdressFrame } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { waitFor } from './deadline';
import {
  frameProblem,
  hopFailure,
  type Answered,
  type HopContext,
  type HopDriver,
  type HopFailure,
  type HopResult,
  type StepFacts,
  type StepInput,
  type StepOutput,
} from './hop-driver';
import type { NodeLinks, RelayEvent, RelayListener, RelayRouter } from './relay-router';
import { readSentTokens } from './token-log-probabilities';

const STEP_NUMBERS = WIRE_LIMITS.maxStepNumber + 1;

/** Whether `step` was asked for before `other`; numbers begin again after the last. */
export function isEarlierStep(step: number, other: number): boolean {
  const distance = (other - step + STEP_NUMBERS) % STEP_NUMBERS;
  return distance > 0 && distance < STEP_NUMBERS / 2;
}

interface WaitingStep {
  readonly facts: StepFacts;
  readonly startedAtMs: number;
  readonly settle: (result: HopResult<StepOutput>) => void;
}

/** A hop over the node's own connection to the coordinator: KV caches stay at the node, only new positions travel. */
export class RelayHop implements HopDriver, RelayListener {
  readonly nodeId: string;
  readonly pipelineId: string;
  readonly range: LayerRange;
  readonly isStreaming = true;
  private hop: number;
  private hops: number;
  private isOpen = false;
  /** The first thing that went wrong; nothing goes right after it. */
  private failure: { readonly ok: false; readonly error: HopFailure } | null = null;
  private opening: ((event: HopResult<readonly number[] | null>) => void) | null = null;
  private readonly steps = new Map<number, WaitingStep>();
  private latestStep: number | null = null;
  private expectedStep: number | null = null;
  private lastSignMs = 0;
  private timer: NodeJS.Timeout | null = null;
  /** Told when the node's own link failed and its frames come to the coordinator. */
  readonly unlinkedListeners = new Set<() => void>();

  constructor(
    private readonly context: HopContext,
    private readonly links: NodeLinks,
    private readonly router: Pick<RelayRouter, 'add' | 'remove'>,
  ) {
    this.nodeId = context.nodeId;
    this.pipelineId = context.pipelineId;
    this.range = context.range;
    this.hop = context.hop;
    this.hops = context.hops;
  }

  async open(signal: AbortSignal): Promise<HopResult<{ inputIds: readonly number[] | null }>> {
    const { context } = this;
    const tokenizes = this.hop === 0 && context.text !== null;
    this.router.add(this);
    this.isOpen = true;
    const waited = waitFor<HopResult<readonly number[] | null>>(context.openTimeoutMs, signal, (settle) => {
      this.opening = settle;
    });
    const leaving = this.links.linkTo(this.nodeId)?.send({
      type: 'pipeline-open',
      request_id: context.pipelineId,
      hop: this.hop,
      hops: this.hops,
      model_id: context.model.manifest.model_id,
      manifest_hash: context.manifestHash,
      layer_start: context.range.layer_start,
      layer_end: context.range.layer_end,
      activation_dtype: context.dtype,
      max_new_tokens: context.maxNewTokens,
      ...(context.reuseScope === null ? {} : { reuse_scope: context.reuseScope }),
      ...(context.isRepeatable ? {} : { repeatable: false }),
      ...(context.text === null ? { takes_over: true } : {}),
      ...(tokenizes && context.text !== null
        ? 'prompt' in context.text
          ? context.text
          : { messages: [...context.text.messages] }
        : {}),
      ...(this.isLast ? { sampling: context.sampling } : {}),
      ...(context.links.next === null ? {} : { next: context.links.next }),
      ...(context.links.previousSecret === null ? {} : { previous_secret: context.links.previousSecret }),
    });
    if (leaving === undefined) this.lose();
    // Not waited for: a node that takes nothing in is given up in time like one that does not answer.
    void leaving?.then((sent) => {
      if (!sent) this.lose();
    });
    const answer = await waited;
    this.opening = null;
    if (answer.kind === 'aborted') return hopFailure(this.nodeId, 'cancelled', 'The request was cancelled.');
    if (answer.kind === 'timeout') return this.fail(this.timeout(context.openTimeoutMs));
    if (!answer.value.ok) return answer.value;
    if (tokenizes && answer.value.value === null) return this.wrong('no token ids for the prompt');
    return { ok: true, value: { inputIds: tokenizes ? answer.value.value : null } };
  }

  begin(positions: number, answered: Answered | null): void {
    void this.links.linkTo(this.nodeId)?.send({
      type: 'pipeline-begin',
      request_id: this.pipelineId,
      positions,
      ...(answered === null || !this.isLast
        ? {}
        : { answered: { input_tokens: answered.inputTokens, token_ids: [...answered.tokenIds] } }),
    });
  }

  route(hop: number, hops: number, firstStep: number): void {
    this.hop = hop;
    this.hops = hops;
    for (const step of this.steps.values()) {
      step.settle(hopFailure(this.nodeId, 'cancelled', 'The step was given up for a repair.'));
    }
    this.steps.clear();
    void this.links.linkTo(this.nodeId)?.send({
      type: 'pipeline-route',
      request_id: this.pipelineId,
      hop,
      hops,
      first_step: firstStep,
    });
  }

  async step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const startedAtMs = performance.now();
    const answer = this.receive(input, signal);
    this.send(input);
    const result = await answer;
    // Several steps on the way wait for each other, and a replay says nothing of decoding.
    if (result.ok && this.steps.size === 0 && (input.purpose === 'sample' || input.purpose === 'verify')) {
      this.context.timed(input.positions, performance.now() - startedAtMs);
    }
    return result;
  }

  /** Sends a step's input; that it could not be sent shows at whoever waits for the answer. */
  send(input: StepInput): void {
    const link = this.links.linkTo(this.nodeId);
    if (link === null || this.failure !== null) {
      this.lose();
      return;
    }
    const { step, purpose, position } = input;
    if (this.expectedStep !== step) this.expect(input);
    const leaving =
      input.kind === 'ids'
        ? link.send({
            type: 'pipeline-step',
            request_id: this.pipelineId,
            step,
            purpose,
            position,
            input_ids: [...input.inputIds],
          })
        : link.sendFrame(readdressFrame(input.bytes, { requestId: this.pipelineId, hop: this.hop, step, purpose }));
    void leaving.then((sent) => {
      if (!sent) this.lose();
    });
  }

  /** Tells the last shard which guesses a step will ask it to verify. Does nothing at other hops. */
  expect({ step, draftIds }: StepFacts): void {
    if (!this.isLast || draftIds.length === 0) return;
    this.expectedStep = step;
    void this.links.linkTo(this.nodeId)?.send({
      type: 'pipeline-expect',
      request_id: this.pipelineId,
      step,
      token_ids: [...draftIds],
    });
  }

  /** Waits for what a step leads to at this node; asked for before the step is sent. */
  receive(facts: StepFacts, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    if (this.failure !== null) return Promise.resolve(this.failure);
    this.latestStep = facts.step;
    return new Promise((resolve) => {
      const startedAtMs = performance.now();
      const settle = (result: HopResult<StepOutput>): void => {
        signal.removeEventListener('abort', abort);
        this.steps.delete(facts.step);
        resolve(result);
      };
      const abort = (): void => settle(hopFailure(this.nodeId, 'cancelled', 'The request was cancelled.'));
      this.steps.set(facts.step, { facts, startedAtMs, settle });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      this.watch();
    });
  }

  /** Nobody waits for this step any more; whatever still comes of it is dropped. */
  forget(step: number): void {
    this.steps.get(step)?.settle({ ok: true, value: { kind: 'done' } });
  }

  take(event: RelayEvent): void {
    this.lastSignMs = performance.now();
    switch (event.kind) {
      case 'lost':
        return this.lose();
      case 'failed': {
        const { message, retryable } = event.message;
        this.fail(
          hopFailure(
            this.nodeId,
            'node-failed',
            `Node ${this.nodeId} (layers ${this.layers()}) could not go on: ${message}`,
            { retryable },
          ),
        );
        return;
      }
      case 'opened':
        if (this.opening === null || event.message.hop !== this.hop) this.wrong('something other than its readiness');
        else this.opening({ ok: true, value: event.message.input_ids ?? null });
        return;
      case 'unlinked':
        for (const tell of this.unlinkedListeners) tell();
        return;
      case 'progress':
        if (event.message.state === 'done') this.finish(event.message.step, (facts) => this.readDone(facts));
        return;
      case 'token':
        return this.finish(event.message.step, (facts) => this.readTokens(facts, event));
      case 'frame':
        return this.finish(event.header.step, (facts) => this.readFrame(facts, event));
    }
  }

  close(reason: FinishReason): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.router.remove(this);
    // A node that is gone has nothing to close.
    void this.links.linkTo(this.nodeId)?.send({ type: 'pipeline-close', request_id: this.pipelineId, reason });
  }

  private get isLast(): boolean {
    return this.hop === this.hops - 1;
  }

  private finish(step: number, read: (facts: StepFacts) => HopResult<StepOutput>): void {
    const waiting = this.steps.get(step);
    if (waiting !== undefined) {
      waiting.settle(read(waiting.facts));
      return;
    }
    // Answers to steps that were given up are late; answers to steps nobody asked for are not honest traffic.
    if (this.opening !== null) this.wrong('something other than its readiness');
    else if (this.latestStep === null || !(step === this.latestStep || isEarlierStep(step, this.latestStep)))
      this.wrong(`an answer to step ${step}, which it was not given`);
  }

  private readDone(facts: StepFacts): HopResult<StepOutput> {
    const answersWithTokens = this.isLast && (facts.purpose === 'sample' || facts.purpose === 'verify');
    return answersWithTokens ? this.wrong('something other than a token') : { ok: true, value: { kind: 'done' } };
  }

  private readTokens(facts: StepFacts, event: Extract<RelayEvent, { kind: 'token' }>): HopResult<StepOutput> {
    const { tokens, position, finish_reason: finishReason } = event.message;
    if (!this.isLast || facts.purpose === 'fill' || facts.purpose === 'replay') {
      return this.wrong('a token where none was due');
    }
    const first = facts.position + facts.positions - facts.draftIds.length;
    if (position !== first) return this.wrong(`a token for position ${position} where position ${first} was due`);
    const { vocab_size: vocabulary } = this.context.model.manifest;
    const stray = tokens.find((token) => token.id >= vocabulary);
    if (stray !== undefined) return this.wrong(`the token ${stray.id}, which the model's vocabulary does not have`);
    const wrong = tokens.slice(0, -1).findIndex((token, index) => token.id !== facts.draftIds[index]);
    if (wrong >= 0 || tokens.length > facts.draftIds.length + 1)
      return this.wrong(`${tokens.length} tokens that do not follow from the ${facts.draftIds.length} guessed ones`);
    const topCount = this.context.sampling.top_logprobs;
    const read = readSentTokens(tokens, { topCount, vocabularySize: vocabulary });
    if ('problem' in read) return this.wrong(read.problem);
    return { ok: true, value: { kind: 'tokens', tokens: read.tokens, finishReason: finishReason ?? null } };
  }

  private readFrame(facts: StepFacts, event: Extract<RelayEvent, { kind: 'frame' }>): HopResult<StepOutput> {
    const { header, bytes } = event;
    if (this.isLast || facts.purpose === 'replay') return this.wrong('an activation where none was due');
    if (header.hop !== this.hop + 1) {
      return this.wrong(`an activation for hop ${header.hop} where hop ${this.hop + 1} comes next`);
    }
    const problem = frameProblem(header, {
      position: facts.position,
      positions: facts.positions,
      hiddenSize: this.context.model.manifest.hidden_size,
      dtype: this.context.dtype,
    });
    return problem === null ? { ok: true, value: { kind: 'activation', bytes } } : this.wrong(problem);
  }

  /** Keeps one timer for the moment at which the node would have been silent, or a step under way, for too long. */
  private watch(): void {
    if (this.timer !== null) return;
    const { stepTimeoutMs, stepLimitMs } = this.context;
    const check = (): void => {
      this.timer = null;
      const [oldest] = this.steps.values();
      if (oldest === undefined || !this.isOpen) return;
      const nowMs = performance.now();
      const silentUntil = Math.max(this.lastSignMs, oldest.startedAtMs) + stepTimeoutMs;
      const due = Math.min(silentUntil, oldest.startedAtMs + stepLimitMs);
      if (nowMs >= due) this.fail(this.timeout(due === silentUntil ? stepTimeoutMs : stepLimitMs));
      else this.timer = setTimeout(check, Math.ceil(due - nowMs));
    };
    this.timer = setTimeout(check, Math.ceil(Math.min(stepTimeoutMs, stepLimitMs)));
  }

  private fail(failed: { readonly ok: false; readonly error: HopFailure }): { readonly ok: false; error: HopFailure } {
    this.failure ??= failed;
    this.opening?.(failed);
    for (const step of this.steps.values()) step.settle(failed);
    return failed;
  }

  private layers(): string {
    return `${this.range.layer_start}-${this.range.layer_end}`;
  }

  private timeout(timeoutMs: number): { readonly ok: false; readonly error: HopFailure } {
    return hopFailure(
      this.nodeId,
      'node-timeout',
      `Node ${this.nodeId} (layers ${this.layers()}) did not answer within ${timeoutMs / 1_000} s.`,
    );
  }

  private lose(): void {
    this.fail(
      hopFailure(this.nodeId, 'node-lost', `The connection to node ${this.nodeId} (layers ${this.layers()}) was lost.`),
    );
  }

  private wrong(what: string): { readonly ok: false; readonly error: HopFailure } {
    return this.fail(
      hopFailure(this.nodeId, 'frame-invalid', `Node ${this.nodeId} (layers ${this.layers()}) sent ${what}.`, {
        isWrongAnswer: true,
      }),
    );
  }
}
