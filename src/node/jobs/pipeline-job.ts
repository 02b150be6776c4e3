import type { Engine, ForwardInput, ForwardOutput } from '../../inference';
import { countFlops } from '../../protocol/compute/flops';
import { success, type Failure, type Result } from '../../protocol/result';
import { encodeActivationFrame, frameByteLength, type StepPurpose } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { PipelineMessage, PipelineReport } from '../coordinator-client/coordinator-client';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';
import { JOB_LIMITS, PROGRESS_EVERY_MS } from './job-limits';
import { wireTokenOf } from './wire-token';

export type OpenMessage = Extract<PipelineMessage, { type: 'pipeline-open' }>;
type BeginMessage = Extract<PipelineMessage, { type: 'pipeline-begin' }>;

/** How the jobs reach their coordinator. */
export interface JobSender {
  report(message: PipelineReport): void;
  /** Resolves when there is room for the next one. */
  sendActivation(bytes: Uint8Array): Promise<void>;
}

/** A way to the next node that does not lead over the coordinator. */
export interface OutgoingLink {
  /** Resolves when there is room for the next frame; false when the link failed, now or before. */
  send(bytes: Uint8Array): Promise<boolean>;
  /** Why it failed. */
  readonly problem: string;
  close(): void;
}

/** What a job needs around it. */
export interface JobSurroundings {
  readonly engine: Engine;
  readonly shard: ServedShard;
  readonly sender: JobSender;
  readonly logger: NodeLogger;
  onStep(flops: number): void;
  /** The job failed by itself and is over. */
  onFailed(job: PipelineJob, error: Failure): void;
}

/** One pass of the shard, as it arrives. */
export interface JobStep {
  readonly step: number;
  readonly purpose: StepPurpose;
  readonly position: number;
  readonly input: ForwardInput;
}

const STEP_NUMBERS = WIRE_LIMITS.maxStepNumber + 1;

/** Whether a step number comes before another; numbers begin again after the last. */
function isBefore(step: number, other: number): boolean {
  const distance = (other - step + STEP_NUMBERS) % STEP_NUMBERS;
  return distance > 0 && distance < STEP_NUMBERS / 2;
}

/** A promise with its resolver. */
class Arrival<Value> {
  settle: (value: Value) => void = () => undefined;
  readonly value = new Promise<Value>((resolve) => {
    this.settle = resolve;
  });
}

/**
 * One request on this shard. Steps run one after the other in the order they came; while the engine works on one, it has
 * the next one and the result of the one before is sent.
 *
 * ```
 * opened ──begin──▶ ready ──step──▶ ready … ──close, failure──▶ closed
 *                     ▲ route: other neighbours, earlier steps are void
 * ```
 */
export class PipelineJob {
  readonly requestId: string;
  hop: number;
  private hops: number;
  private closed = false;
  private waitingSteps = 0;
  /** Bytes of activations in the steps that wait. */
  waitingBytes = 0;
  private stepsDone = 0;
  private latestStep: number | null = null;
  /** Steps before it are void. */
  private firstStep: number | null = null;
  private link: OutgoingLink | null;
  private readonly begun = new Arrival<BeginMessage | null>();
  /** Guesses to verify, by step; they may come after the activation, which takes another way. */
  private readonly expected = new Map<number, Arrival<readonly number[] | null>>();
  private ready: Promise<Result<void>> | null = null;
  private tail: Promise<void> = Promise.resolve();
  /** Results on their way to whoever waits for them, in the order of their steps. */
  private passing: Promise<void> = Promise.resolve();
  /** Steps the engine was given, the one it works on first. */
  private readonly running = new Set<number>();
  /** One timer for all steps: making one costs more than a decode step has to spare. */
  private signs: NodeJS.Timeout | null = null;

  constructor(
    readonly open: OpenMessage,
    private readonly sequenceId: string,
    private readonly around: JobSurroundings,
    link: OutgoingLink | null,
  ) {
    this.requestId = open.request_id;
    this.hop = open.hop;
    this.hops = open.hops;
    this.link = link;
  }

  get hasWorked(): boolean {
    return this.stepsDone > 0;
  }

  /** Tokenizes where the pipeline begins, and says that the shard is there. */
  async announce(): Promise<void> {
    const { open } = this;
    if (this.hop > 0 || open.takes_over === true) {
      this.report({ type: 'pipeline-opened', request_id: this.requestId, hop: this.hop });
      return;
    }
    const { engine, shard } = this.around;
    const input = open.messages === undefined ? { prompt: open.prompt ?? '' } : { messages: open.messages };
    const tokenized = await engine.tokenize(shard.handle.shardKey, input);
    if (this.closed) return;
    if (!tokenized.ok) return this.fail(tokenized.error);
    const { inputIds } = tokenized.value;
    if (inputIds.length === 0 || inputIds.length > WIRE_LIMITS.maxInputTokens) {
      const text = `The prompt has ${inputIds.length} tokens; between 1 and ${WIRE_LIMITS.maxInputTokens} can be taken.`;
      return this.fail(nodeFailure('input-invalid', text).error);
    }
    this.report({ type: 'pipeline-opened', request_id: this.requestId, hop: 0, input_ids: inputIds });
  }

  /** The length is known: memory is reserved before the first step needs it. */
  begin(message: BeginMessage): void {
    if (this.ready !== null) return;
    this.begun.settle(message);
    this.ready = this.openInEngine(message);
    void this.ready.then((opened) => {
      if (!opened.ok) this.fail(opened.error);
    });
  }

  route(message: Extract<PipelineMessage, { type: 'pipeline-route' }>): void {
    this.hop = message.hop;
    this.hops = message.hops;
    this.firstStep = message.first_step;
    // What was repaired goes over the coordinator; the neighbour of the link may be another one now.
    this.link?.close();
    this.link = null;
  }

  /** The link to the next hop failed: the coordinator is told, and what is sent from now on goes to it. */
  linkLost(): void {
    const { link } = this;
    if (link === null || this.closed) return;
    this.link = null;
    link.close();
    this.report({
      type: 'pipeline-unlinked',
      request_id: this.requestId,
      hop: this.hop,
      reason: link.problem.slice(0, 2_000),
    });
  }

  expect(step: number, tokenIds: readonly number[]): void {
    this.expectation(step).settle(tokenIds);
  }

  /** Puts a step in line. Repeated and overtaken ones are dropped. */
  enqueue(step: JobStep): void {
    if (this.closed || this.isVoid(step.step)) return;
    if (this.latestStep !== null && !isBefore(this.latestStep, step.step)) return;
    if (this.waitingSteps >= JOB_LIMITS.maxWaitingSteps) {
      const text = `More than ${JOB_LIMITS.maxWaitingSteps} steps of one request wait.`;
      return this.fail(nodeFailure('too-many-steps', text).error);
    }
    this.latestStep = step.step;
    this.waitingSteps += 1;
    const bytes = 'activation' in step.input ? step.input.activation.byteLength : 0;
    this.waitingBytes += bytes;
    this.tail = this.tail.then(async () => {
      await this.run(step);
      this.waitingBytes -= bytes;
    });
  }

  fail(error: Failure): void {
    if (this.closed) return;
    this.close();
    this.around.logger.info('A pipeline request failed here', { requestId: this.requestId, code: error.code });
    this.report({
      type: 'pipeline-failed',
      request_id: this.requestId,
      hop: this.hop,
      code: error.code.slice(0, 100),
      message: error.message.slice(0, 2_000),
      retryable: error.retryable,
    });
    this.around.onFailed(this, error);
  }

  /** Frees what the request holds. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.signs !== null) clearInterval(this.signs);
    this.link?.close();
    this.begun.settle(null);
    for (const arrival of this.expected.values()) arrival.settle(null);
    const { engine, shard, logger } = this.around;
    // Cancels a forward under way as well. Again after the tail: the sequence may just be opening.
    const close = async (): Promise<void> => {
      const closed = await engine.closeSequence(shard.handle.shardKey, this.sequenceId);
      if (!closed.ok) logger.debug('A sequence was not closed', { code: closed.error.code });
    };
    void close();
    this.tail = this.tail.then(close);
  }

  private get isLast(): boolean {
    return this.hop === this.hops - 1;
  }

  private isVoid(step: number): boolean {
    return this.firstStep !== null && isBefore(step, this.firstStep);
  }

  private expectation(step: number): Arrival<readonly number[] | null> {
    const known = this.expected.get(step);
    if (known !== undefined) return known;
    const arrival = new Arrival<readonly number[] | null>();
    this.expected.set(step, arrival);
    // Steps that never came leave nothing behind.
    for (const oldest of this.expected.keys()) {
      if (this.expected.size <= JOB_LIMITS.maxWaitingSteps + 1) break;
      this.expected.delete(oldest);
    }
    return arrival;
  }

  private openInEngine({ positions, answered }: BeginMessage): Promise<Result<void>> {
    const { open } = this;
    const { engine, shard } = this.around;
    return engine.openSequence({
      shardKey: shard.handle.shardKey,
      sequenceId: this.sequenceId,
      maxPositions: Math.min(positions, shard.manifest.context_length),
      ...(open.repeatable === undefined ? {} : { isRepeatable: open.repeatable }),
      ...(open.reuse_scope === undefined ? {} : { reuseScope: open.reuse_scope }),
      ...(this.isLast && open.sampling !== undefined
        ? { sampling: open.sampling, maxNewTokens: open.max_new_tokens }
        : {}),
      ...(this.isLast && answered !== undefined
        ? { answered: { promptPositions: answered.input_tokens, tokenIds: answered.token_ids } }
        : {}),
    });
  }

  private async run(step: JobStep): Promise<void> {
    this.waitingSteps -= 1;
    const begun = await this.begun.value;
    const opened = await this.ready;
    if (begun === null || opened?.ok !== true || this.closed || this.isVoid(step.step)) return;
    const draftIds = step.purpose === 'verify' && this.isLast ? await this.expectation(step.step).value : null;
    this.expected.delete(step.step);
    if (this.closed || this.isVoid(step.step)) return;
    if ('inputIds' in step.input !== (this.hop === 0)) {
      const text = 'Token ids go to the first shard, activations to the others.';
      return this.fail(nodeFailure('hop-mismatch', text).error);
    }
    this.running.add(step.step);
    this.signs ??= setInterval(() => this.giveSign(), PROGRESS_EVERY_MS);
    const { engine, shard } = this.around;
    const output = engine.forward({
      shardKey: shard.handle.shardKey,
      sequenceId: this.sequenceId,
      position: step.position,
      input: step.input,
      ...(step.purpose === 'sample' || step.purpose === 'verify' ? {} : { sample: false }),
      ...(draftIds === null ? {} : { draftIds }),
    });
    // The engine has the next step while it works on this one, and this one's result travels meanwhile.
    const before = this.passing;
    this.passing = before.then(async () => this.finish(step, await output));
    await before;
  }

  private async finish(step: JobStep, output: Result<ForwardOutput>): Promise<void> {
    this.running.delete(step.step);
    if (this.closed || this.isVoid(step.step)) return;
    if (!output.ok) return this.fail(output.error);
    this.stepsDone += 1;
    this.around.onStep(this.flopsOf(step));
    await this.pass(step, output.value);
  }

  /** What a pass takes; the head is applied to the last position, or to every guess it verifies. */
  private flopsOf({ purpose, position, input }: JobStep): number {
    const { handle, manifest } = this.around.shard;
    const positions = 'inputIds' in input ? input.inputIds.length : input.positions;
    const logits = purpose === 'verify' ? positions : purpose === 'sample' ? 1 : 0;
    return countFlops(manifest.shape, handle.range, positions, position, logits);
  }

  /** Passes a result on: hidden states to the next hop, tokens to the coordinator, or only that it is done. */
  private async pass(step: JobStep, output: ForwardOutput): Promise<void> {
    if (output.kind === 'token') {
      const positions = 'inputIds' in step.input ? step.input.inputIds.length : step.input.positions;
      const guesses = step.purpose === 'verify' ? positions - 1 : 0;
      this.report({
        type: 'pipeline-token',
        request_id: this.requestId,
        step: step.step,
        position: step.position + positions - guesses,
        tokens: output.tokens.map(wireTokenOf),
        ...(output.finishReason === undefined ? {} : { finish_reason: output.finishReason }),
      });
      return;
    }
    if (output.kind === 'filled' || step.purpose === 'replay') return this.reportProgress(step.step, 'done');
    const frame = this.frameOf(step, output);
    if (!frame.ok) return this.fail(frame.error);
    if (await this.sendOverLink(frame.value)) return this.reportProgress(step.step, 'done');
    return this.around.sender.sendActivation(frame.value);
  }

  private frameOf(
    { step, purpose, position }: JobStep,
    { activation, positions }: Extract<ForwardOutput, { kind: 'activation' }>,
  ): Result<Uint8Array, NodeErrorCode> {
    const { activation_dtype: dtype } = this.open;
    const hiddenSize = this.around.shard.manifest.hidden_size;
    if (this.isLast || activation.length !== positions * hiddenSize) {
      return nodeFailure('shard-mismatch', 'The engine returned no token where the pipeline ends.');
    }
    if (frameByteLength(positions, hiddenSize, dtype) > WIRE_LIMITS.maxFrameBytes) {
      const text = `The hidden states of ${positions} positions do not fit into one frame; ask for fewer at once.`;
      return nodeFailure('activation-too-large', text);
    }
    const header = { requestId: this.requestId, hop: this.hop + 1, step, purpose, position, positions };
    return success(encodeActivationFrame({ ...header, hiddenSize, dtype, values: activation }));
  }

  /** False when the frame has to go over the coordinator: there is no link, or it failed, which the coordinator is told. */
  private async sendOverLink(frame: Uint8Array): Promise<boolean> {
    const { link } = this;
    if (link === null) return false;
    if (await link.send(frame)) return true;
    this.linkLost();
    return false;
  }

  private giveSign(): void {
    const [step] = this.running;
    if (step !== undefined) this.reportProgress(step, 'working');
  }

  private reportProgress(step: number, state: 'working' | 'done'): void {
    if (this.closed) return;
    this.report({ type: 'pipeline-progress', request_id: this.requestId, hop: this.hop, step, state });
  }

  private report(message: PipelineReport): void {
    this.around.sender.report(message);
  }
}
