import type { Engine } from '../../inference';
import type { Failure } from '../../protocol/result';
import { decodeActivationFrame } from '../../protocol/wire/activation-frame';
import type { DirectPeer } from '../../protocol/wire/pipeline-messages';
import type { PipelineMessage } from '../coordinator-client/coordinator-client';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';
import type { ServedShard } from '../shard/served-shard';
import { JOB_LIMITS } from './job-limits';
import { PipelineJob, type JobSender, type OpenMessage, type OutgoingLink } from './pipeline-job';

/** What happened, for the node's counters. */
export interface JobObserver {
  /** The number of open requests changed. */
  onActiveChanged(active: number): void;
  /** A shard pass that led to one token finished; `flops` by `countFlops`. */
  onStep(flops: number): void;
  onServed(): void;
  onFailed(error: Failure): void;
}

/** The node's own links to its neighbours in pipelines. */
export interface JobLinks {
  /** Begins to connect; frames sent meanwhile wait for it. */
  dial(requestId: string, peer: DirectPeer): OutgoingLink;
  /** The neighbour that holds this secret may deliver frames of this request. */
  admit(requestId: string, secret: string): void;
  /** The request ended. */
  revoke(requestId: string): void;
}

/**
 * The requests whose pipelines this node is part of. Steps of one request keep their order; different requests do not
 * wait for each other here.
 */
export class PipelineJobs {
  private readonly jobs = new Map<string, PipelineJob>();
  private accepting = true;
  private nextSequence = 1;

  constructor(
    private readonly engine: Engine,
    private readonly shard: ServedShard,
    private readonly sender: JobSender,
    private readonly observer: JobObserver,
    private readonly logger: NodeLogger,
    private readonly links: JobLinks | null = null,
    private readonly maxWaitingBytes: number = JOB_LIMITS.maxWaitingBytes,
  ) {}

  /** Opens or closes the door for new requests; those that are open go on in any case. */
  accept(accepting: boolean): void {
    this.accepting = accepting;
  }

  get active(): number {
    return this.jobs.size;
  }

  /** Handles a checked message of the coordinator. */
  handle(message: PipelineMessage): void {
    if (message.type === 'pipeline-open') return this.open(message);
    const job = this.jobs.get(message.request_id);
    if (job === undefined) {
      // Normal after a request was closed: its last messages were on the way already.
      this.logger.debug('A message for a request that is not open was dropped', { type: message.type });
      return undefined;
    }
    switch (message.type) {
      case 'pipeline-begin':
        return job.begin(message);
      case 'pipeline-route':
        return job.route(message);
      case 'pipeline-expect':
        return job.expect(message.step, message.token_ids);
      case 'pipeline-step': {
        const { step, purpose, position, input_ids: inputIds } = message;
        return job.enqueue({ step, purpose, position, input: { inputIds } });
      }
      case 'pipeline-close':
        return this.end(job, message.reason !== 'error');
    }
  }

  /**
   * Handles an activation frame; one that is malformed is reported to the request it names, if it names one.
   *
   * @param onlyOf - the one request whose frames may come this way, where the way is a neighbour's link
   */
  handleActivation(bytes: Uint8Array, onlyOf: string | null = null): void {
    const frame = decodeActivationFrame(bytes);
    if (!frame.ok) {
      this.logger.warn('An activation frame was refused', { code: frame.error.code, reason: frame.error.message });
      this.jobs.get(onlyOf ?? requestIdOf(bytes) ?? '')?.fail({ ...frame.error, retryable: false });
      return;
    }
    const { requestId, hop, step, purpose, position, positions, hiddenSize, values } = frame.value;
    const job = onlyOf === null || onlyOf === requestId ? this.jobs.get(requestId) : undefined;
    if (job === undefined) {
      this.logger.debug('An activation for a request that is not open was dropped', { requestId });
      return;
    }
    if (hop !== job.hop || hop === 0) {
      const text = `The frame is for hop ${hop}; this node is hop ${job.hop}.`;
      return job.fail(nodeFailure('hop-mismatch', text).error);
    }
    if (hiddenSize !== this.shard.manifest.hidden_size) {
      const text = `The activation is ${hiddenSize} wide; the model's hidden size is ${this.shard.manifest.hidden_size}.`;
      return job.fail(nodeFailure('input-invalid', text).error);
    }
    const waitingBytes = [...this.jobs.values()].reduce((sum, one) => sum + one.waitingBytes, values.byteLength);
    if (waitingBytes > this.maxWaitingBytes) {
      const text = `More than ${this.maxWaitingBytes} bytes of activations wait here.`;
      return job.fail(nodeFailure('too-many-steps', text, { retryable: true }).error);
    }
    job.enqueue({ step, purpose, position, input: { activation: values, positions } });
  }

  /** The link to the next hop of a request failed. */
  linkLost(requestId: string): void {
    this.jobs.get(requestId)?.linkLost();
  }

  /** Ends every request. With a failure the coordinator is told; without one nobody listens any more. */
  closeAll(failure: Failure | null): void {
    for (const job of this.jobs.values()) {
      if (failure === null) this.end(job, false);
      else job.fail(failure);
    }
  }

  private open(message: OpenMessage): void {
    const refused = this.refuse(message);
    if (refused !== null) {
      this.sender.report({
        type: 'pipeline-failed',
        request_id: message.request_id,
        hop: message.hop,
        code: refused.code,
        message: refused.message.slice(0, 2_000),
        retryable: refused.retryable,
      });
      this.observer.onFailed(refused);
      return;
    }
    const { request_id: requestId, next, previous_secret: secret } = message;
    if (secret !== undefined) this.links?.admit(requestId, secret);
    const link = next === undefined ? null : (this.links?.dial(requestId, next) ?? null);
    const { engine, shard, sender, logger } = this;
    const job = new PipelineJob(
      message,
      // A number of its own lets the same request come again while the old one closes.
      `${requestId}#${this.nextSequence}`,
      {
        engine,
        shard,
        sender,
        logger,
        onStep: (flops) => this.observer.onStep(flops),
        onFailed: (failed, error) => {
          this.forget(failed);
          this.observer.onFailed(error);
        },
      },
      link,
    );
    this.nextSequence += 1;
    this.jobs.set(requestId, job);
    this.observer.onActiveChanged(this.jobs.size);
    void job.announce();
  }

  /** Why a request cannot be taken, or null. */
  private refuse(message: OpenMessage): Failure<NodeErrorCode> | null {
    const { handle, manifest } = this.shard;
    if (!this.accepting) {
      return nodeFailure('not-serving', 'This node is about to pause.', { retryable: true }).error;
    }
    if (this.jobs.has(message.request_id)) {
      return nodeFailure('request-exists', 'This node already works on a request with this id.', { retryable: true })
        .error;
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
    const needsText = isFirst && message.takes_over !== true;
    if (needsText && (message.prompt === undefined) === (message.messages === undefined)) {
      return nodeFailure('input-invalid', 'The first shard needs either a prompt or messages.').error;
    }
    if (isLast && message.sampling === undefined) {
      return nodeFailure('input-invalid', 'The last shard needs to know how to sample.').error;
    }
    return null;
  }

  private end(job: PipelineJob, wellEnded: boolean): void {
    job.close();
    this.forget(job);
    if (wellEnded && job.hasWorked) this.observer.onServed();
  }

  private forget(job: PipelineJob): void {
    if (this.jobs.get(job.requestId) === job) this.jobs.delete(job.requestId);
    this.links?.revoke(job.requestId);
    this.observer.onActiveChanged(this.jobs.size);
  }
}

/** Request id of a frame whose header can be read far enough, so that its request can be failed. */
function requestIdOf(bytes: Uint8Array): string | null {
  if (bytes.byteLength < 24) return null;
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset + 8, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
