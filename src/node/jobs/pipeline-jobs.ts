import type { Engine, ForwardInput, ForwardOutput } from '../../inference';
import { success, type Failure, type Result } from '../../protocol/result';
import { decodeActivationFrame, encodeActivationFrame, frameByteLength } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { PipelineMessage, PipelineReport } from '../coordinator-client/coordinator-client';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';

/** Limits on what a coordinator can make this node hold. */
export const JOB_LIMITS = {
  /** Each holds a KV cache; the engine's memory budget usually ends sooner. */
  maxOpenRequests: 64,
  /** Steps of one request that may wait for their turn: a pipeline normally has one on the way. */
  maxWaitingSteps: 8,
} as const;

/** How the jobs reach their coordinator. */
export interface JobSender {
  report(message: PipelineReport): void;
  sendActivation(bytes: Uint8Array): void;
}

/** What happened, for the node's counters. */
export interface JobObserver {
  /** The number of open requests changed. */
  onActiveChanged(active: number): void;
  /** A shard pass that led to one token finished. */
  onStep(): void;
  onServed(): void;
  onFailed(error: Failure): void;
}

type OpenMessage = Extract<PipelineMessage, { type: 'pipeline-open' }>;

interface Job {
  readonly open: OpenMessage;
  /** Names the KV cache in the engine; a number of its own lets the same request come again while the old one closes. */
  readonly sequenceId: string;
  /** Opened at the first step on every shard but the first, when the length of the prompt is known. */
  isOpenInEngine: boolean;
  closed: boolean;
  waitingSteps: number;
  steps: number;
  /** The last step in line: steps of one request run one after the other. */
  tail: Promise<void>;
}

/**
 * The requests whose pipelines this node is part of. Steps of one request keep their order; different requests do not
 * wait for each other here.
 */
export class PipelineJobs {
  private readonly jobs = new Map<string, Job>();
  private nextSequence = 1;

  constructor(
    private readonly engine: Engine,
    private readonly shard: ServedShard,
    private readonly sender: JobSender,
    private readonly observer: JobObserver,
    private readonly logger: NodeLogger,
  ) {}

  get active(): number {
    return this.jobs.size;
  }

  /** Handles a checked message of the coordinator. */
  handle(message: PipelineMessage): void {
    if (message.type === 'pipeline-open') this.open(message);
    else if (message.type === 'pipeline-step') {
      this.enqueue(message.request_id, message.position, () => success({ inputIds: message.input_ids }));
    } else this.close(message.request_id, message.reason !== 'error');
  }

  /** Handles an activation frame; one that is malformed is reported to the request it names, if it names one. */
  handleActivation(bytes: Uint8Array): void {
    const frame = decodeActivationFrame(bytes);
    if (!frame.ok) {
      this.logger.warn('An activation frame was refused', { code: frame.error.code, reason: frame.error.message });
      const requestId = requestIdOf(bytes);
      const job = requestId === null ? undefined : this.jobs.get(requestId);
      if (job !== undefined) this.fail(job, { ...frame.error, retryable: false });
      return;
    }
    const { requestId, hop, position, positions, hiddenSize, values } = frame.value;
    this.enqueue(requestId, position, (job) => {
      if (hop !== job.open.hop || hop === 0) {
        return nodeFailure('hop-mismatch', `The frame is for hop ${hop}; this node is hop ${job.open.hop}.`);
      }
      if (hiddenSize !== this.shard.manifest.hidden_size) {
        return nodeFailure(
          'input-invalid',
          `The activation is ${hiddenSize} wide; the model's hidden size is ${this.shard.manifest.hidden_size}.`,
        );
      }
      return success({ activation: values, positions });
    });
  }

  /** Ends every request. With a failure the coordinator is told; without one nobody listens any more. */
  closeAll(failure: Failure | null): void {
    for (const job of this.jobs.values()) {
      if (failure === null) this.release(job);
      else this.fail(job, failure);
    }
  }

  private open(message: OpenMessage): void {
    const refused = this.refuse(message);
    if (refused !== null) {
      this.sendFailure(message.request_id, message.hop, refused);
      this.observer.onFailed(refused);
      return;
    }
    const job: Job = {
      open: message,
      sequenceId: `${message.request_id}#${this.nextSequence}`,
      isOpenInEngine: false,
      closed: false,
      waitingSteps: 0,
      steps: 0,
      tail: Promise.resolve(),
    };
    this.nextSequence += 1;
    this.jobs.set(message.request_id, job);
    this.observer.onActiveChanged(this.jobs.size);
    if (message.hop === 0) job.tail = this.openFirst(job);
    else this.sender.report({ type: 'pipeline-opened', request_id: message.request_id, hop: message.hop });
  }

  /** Why a request cannot be taken, or null. */
  private refuse(message: OpenMessage): Failure<NodeErrorCode> | null {
    const { handle, manifest } = this.shard;
    if (this.jobs.has(message.request_id)) {
      return nodeFailure('request-exists', 'This node already works on a request with this id.').error;
    }
    if (this.jobs.size >= JOB_LIMITS.maxOpenRequests) {
      const text = `This node works on ${JOB_LIMITS.maxOpenRequests} requests already.`;
      return nodeFailure('too-many-requests', text, { retryable: true }).error;
    }
    const { layer_start: start, layer_end: end } = handle.range;
    const same =
      message.model_id === manifest.model_id &&
      (message.manifest_hash === null || message.manifest_hash === handle.manifestHash) &&
      message.layer_start === start &&
      message.layer_end === end;
    if (!same) {
      const text = `This node serves layers ${start} to ${end} of ${manifest.model_id} (manifest ${handle.manifestHash.slice(0, 12)}); the request asks for layers ${message.layer_start} to ${message.layer_end} of ${message.model_id}.`;
      return nodeFailure('shard-mismatch', text, { retryable: true }).error;
    }
    const isFirst = message.hop === 0;
    const isLast = message.hop === message.hops - 1;
    if (message.hop >= message.hops || isFirst !== (start === 0) || isLast !== (end === handle.totalLayers - 1)) {
      const text = `Hop ${message.hop} of ${message.hops} does not fit layers ${start} to ${end} of ${handle.totalLayers}.`;
      return nodeFailure('hop-mismatch', text).error;
    }
    if (isFirst && (message.prompt === undefined) === (message.messages === undefined)) {
      return nodeFailure('input-invalid', 'The first shard needs either a prompt or messages.').error;
    }
    if (isLast && message.sampling === undefined) {
      return nodeFailure('input-invalid', 'The last shard needs to know how to sample.').error;
    }
    return null;
  }

  private async openFirst(job: Job): Promise<void> {
    const { open } = job;
    const input = open.messages === undefined ? { prompt: open.prompt ?? '' } : { messages: open.messages };
    const tokenized = await this.engine.tokenize(this.shard.handle.shardKey, input);
    if (job.closed) return;
    if (!tokenized.ok) return this.fail(job, tokenized.error);
    const { inputIds } = tokenized.value;
    if (inputIds.length === 0 || inputIds.length > WIRE_LIMITS.maxPositionsPerFrame) {
      const text = `The prompt has ${inputIds.length} tokens; between 1 and ${WIRE_LIMITS.maxPositionsPerFrame} can be taken.`;
      return this.fail(job, nodeFailure('input-invalid', text).error);
    }
    const opened = await this.openInEngine(job, inputIds.length);
    if (job.closed) return;
    if (!opened.ok) return this.fail(job, opened.error);
    this.sender.report({ type: 'pipeline-opened', request_id: open.request_id, hop: 0, input_ids: inputIds });
  }

  private async openInEngine(job: Job, inputPositions: number): Promise<Result<void>> {
    const { open } = job;
    job.isOpenInEngine = true;
    return this.engine.openSequence({
      shardKey: this.shard.handle.shardKey,
      sequenceId: job.sequenceId,
      // Reserving the whole context would fill the memory with a few requests.
      maxPositions: Math.min(inputPositions + open.max_new_tokens, this.shard.manifest.context_length),
      ...(open.hop === open.hops - 1 && open.sampling !== undefined
        ? { sampling: open.sampling, maxNewTokens: open.max_new_tokens }
        : {}),
    });
  }

  private enqueue(requestId: string, position: number, read: (job: Job) => Result<ForwardInput, NodeErrorCode>): void {
    const job = this.jobs.get(requestId);
    if (job === undefined) {
      // Normal after a request was closed: its last messages were on the way already.
      this.logger.debug('A step for a request that is not open was dropped', { requestId });
      return;
    }
    if (job.waitingSteps >= JOB_LIMITS.maxWaitingSteps) {
      const text = `More than ${JOB_LIMITS.maxWaitingSteps} steps of one request wait.`;
      this.fail(job, nodeFailure('too-many-steps', text).error);
      return;
    }
    const input = read(job);
    if (!input.ok) {
      this.fail(job, input.error);
      return;
    }
    job.waitingSteps += 1;
    job.tail = job.tail.then(() => this.step(job, position, input.value));
  }

  private async step(job: Job, position: number, input: ForwardInput): Promise<void> {
    job.waitingSteps -= 1;
    if (job.closed) return;
    if ('inputIds' in input !== (job.open.hop === 0)) {
      return this.fail(
        job,
        nodeFailure('hop-mismatch', 'Token ids go to the first shard, activations to the others.').error,
      );
    }
    const positions = 'inputIds' in input ? input.inputIds.length : input.positions;
    if (!job.isOpenInEngine) {
      const opened = await this.openInEngine(job, position + positions);
      if (job.closed) return;
      if (!opened.ok) return this.fail(job, opened.error);
    }
    const output = await this.engine.forward({
      shardKey: this.shard.handle.shardKey,
      sequenceId: job.sequenceId,
      position,
      input,
    });
    if (job.closed) return;
    if (!output.ok) return this.fail(job, output.error);
    job.steps += 1;
    this.observer.onStep();
    this.pass(job, position, positions, output.value);
  }

  /** Passes a result on: hidden states to the next hop, a token to the coordinator. */
  private pass(job: Job, position: number, positions: number, output: ForwardOutput): void {
    const { request_id: requestId, hop, hops, activation_dtype: dtype } = job.open;
    if (output.kind === 'filled') return;
    if (output.kind === 'token') {
      const [token] = output.tokens;
      if (token === undefined) return;
      this.sender.report({
        type: 'pipeline-token',
        request_id: requestId,
        position: position + positions,
        token_id: token.tokenId,
        text: token.text,
        ...(output.finishReason === undefined ? {} : { finish_reason: output.finishReason }),
      });
      return;
    }
    const hiddenSize = this.shard.manifest.hidden_size;
    if (hop === hops - 1 || output.activation.length !== output.positions * hiddenSize) {
      this.fail(job, nodeFailure('shard-mismatch', 'The engine returned no token where the pipeline ends.').error);
      return;
    }
    if (frameByteLength(output.positions, hiddenSize, dtype) > WIRE_LIMITS.maxFrameBytes) {
      const text = `The hidden states of ${output.positions} positions do not fit into one frame; ask for fewer at once.`;
      this.fail(job, nodeFailure('activation-too-large', text).error);
      return;
    }
    this.sender.sendActivation(
      encodeActivationFrame({
        requestId,
        hop: hop + 1,
        position,
        positions: output.positions,
        hiddenSize,
        dtype,
        values: output.activation,
      }),
    );
  }

  private close(requestId: string, wellEnded: boolean): void {
    const job = this.jobs.get(requestId);
    if (job === undefined) return;
    this.release(job);
    if (wellEnded && job.steps > 0) this.observer.onServed();
  }

  private fail(job: Job, error: Failure): void {
    if (job.closed) return;
    this.release(job);
    this.sendFailure(job.open.request_id, job.open.hop, error);
    this.observer.onFailed(error);
  }

  private sendFailure(requestId: string, hop: number, error: Failure): void {
    this.logger.info('A pipeline request failed here', { requestId, code: error.code });
    this.sender.report({
      type: 'pipeline-failed',
      request_id: requestId,
      hop,
      code: error.code.slice(0, 100),
      message: error.message.slice(0, 2_000),
      retryable: error.retryable,
    });
  }

  private release(job: Job): void {
    job.closed = true;
    if (this.jobs.get(job.open.request_id) === job) this.jobs.delete(job.open.request_id);
    this.observer.onActiveChanged(this.jobs.size);
    // Cancels a forward under way as well. After the tail: the sequence may just be opening.
    const close = async (): Promise<void> => {
      const closed = await this.engine.closeSequence(this.shard.handle.shardKey, job.sequenceId);
      if (!closed.ok) this.logger.debug('A sequence was not closed', { code: closed.error.code });
    };
    void close();
    job.tail = job.tail.then(close);
  }
}

/** Request id of a frame whose header can be read far enough, so that its request can be failed. */
function requestIdOf(bytes: Uint8Array): string | null {
  if (bytes.byteLength < 24) return null;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + 8, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
