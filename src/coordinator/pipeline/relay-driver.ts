import type { FinishReason } from '../../protocol/compute/model';
import { waitFor } from './deadline';
import {
  frameProblem,
  hopFailure,
  type HopContext,
  type HopDriver,
  type HopResult,
  type StepInput,
  type StepOutput,
} from './hop-driver';
import type { NodeLinks, RelayEvent, RelayListener, RelayRouter } from './relay-router';

/** Events a node may send before they are asked for: one failure, one answer. More is not honest traffic. */
const MAX_WAITING_EVENTS = 8;

/** A hop over the node's own connection to the coordinator: KV caches stay at the node, only new positions travel. */
export class RelayHop implements HopDriver, RelayListener {
  readonly nodeId: string;
  readonly pipelineId: string;
  private waiting: ((event: RelayEvent) => void) | null = null;
  private readonly arrived: RelayEvent[] = [];
  private isOpen = false;

  constructor(
    private readonly context: HopContext,
    private readonly links: NodeLinks,
    private readonly router: RelayRouter,
  ) {
    this.nodeId = context.nodeId;
    this.pipelineId = context.pipelineId;
  }

  take(event: RelayEvent): void {
    const settle = this.waiting;
    this.waiting = null;
    if (settle !== null) settle(event);
    else if (this.arrived.length < MAX_WAITING_EVENTS) this.arrived.push(event);
  }

  async open(signal: AbortSignal): Promise<HopResult<{ inputIds: readonly number[] | null }>> {
    const { context } = this;
    this.router.add(this);
    this.isOpen = true;
    const isFirst = context.hop === 0;
    const isLast = context.hop === context.hops - 1;
    const text = 'prompt' in context.text ? context.text : { messages: [...context.text.messages] };
    const sent = await this.links.linkTo(this.nodeId)?.send({
      type: 'pipeline-open',
      request_id: context.pipelineId,
      hop: context.hop,
      hops: context.hops,
      model_id: context.model.manifest.model_id,
      manifest_hash: context.manifestHash,
      layer_start: context.range.layer_start,
      layer_end: context.range.layer_end,
      activation_dtype: context.dtype,
      max_new_tokens: context.maxNewTokens,
      ...(isFirst ? text : {}),
      ...(isLast ? { sampling: context.sampling } : {}),
    });
    if (sent !== true) return this.lost();
    const event = await this.nextEvent(context.openTimeoutMs, signal);
    if (!event.ok) return event;
    if (event.value.kind !== 'opened' || event.value.message.hop !== context.hop) {
      return this.wrong('something other than its readiness');
    }
    const inputIds = event.value.message.input_ids ?? null;
    if (isFirst && inputIds === null) return this.wrong('no token ids for the prompt');
    return { ok: true, value: { inputIds: isFirst ? inputIds : null } };
  }

  async step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const link = this.links.linkTo(this.nodeId);
    const sent = await (input.kind === 'ids'
      ? link?.send({
          type: 'pipeline-step',
          request_id: this.pipelineId,
          position: input.position,
          input_ids: [...input.inputIds],
        })
      : link?.sendFrame(input.bytes));
    if (sent !== true) return this.lost();
    const event = await this.nextEvent(this.context.stepTimeoutMs, signal);
    if (!event.ok) return event;
    const position = input.kind === 'ids' ? input.position : input.header.position;
    const positions = input.kind === 'ids' ? input.inputIds.length : input.header.positions;
    return this.context.hop === this.context.hops - 1
      ? this.readToken(event.value, position + positions)
      : this.readFrame(event.value, position, positions);
  }

  close(reason: FinishReason): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.router.remove(this);
    // A node that is gone has nothing to close.
    void this.links.linkTo(this.nodeId)?.send({ type: 'pipeline-close', request_id: this.pipelineId, reason });
  }

  private readToken(event: RelayEvent, position: number): HopResult<StepOutput> {
    if (event.kind !== 'token') return this.wrong('something other than a token');
    const { message } = event;
    if (message.position !== position) {
      return this.wrong(`a token for position ${message.position} where position ${position} was due`);
    }
    if (message.token_id >= this.context.model.manifest.vocab_size) {
      return this.wrong(`the token ${message.token_id}, which the model's vocabulary does not have`);
    }
    return {
      ok: true,
      value: {
        kind: 'tokens',
        tokenIds: [message.token_id],
        text: message.text,
        finishReason: message.finish_reason ?? null,
      },
    };
  }

  private readFrame(event: RelayEvent, position: number, positions: number): HopResult<StepOutput> {
    if (event.kind !== 'frame') return this.wrong('something other than an activation');
    const { header, bytes } = event;
    if (header.hop !== this.context.hop + 1) {
      return this.wrong(`an activation for hop ${header.hop} where hop ${this.context.hop + 1} comes next`);
    }
    const problem = frameProblem(header, {
      position,
      positions,
      hiddenSize: this.context.model.manifest.hidden_size,
      dtype: this.context.dtype,
    });
    return problem === null ? { ok: true, value: { kind: 'activation', header, bytes } } : this.wrong(problem);
  }

  private async nextEvent(timeoutMs: number, signal: AbortSignal): Promise<HopResult<RelayEvent>> {
    const waited = await waitFor<RelayEvent>(timeoutMs, signal, (settle) => {
      const arrived = this.arrived.shift();
      if (arrived !== undefined) settle(arrived);
      else this.waiting = settle;
    });
    this.waiting = null;
    if (waited.kind === 'aborted') return hopFailure(this.nodeId, 'cancelled', 'The request was cancelled.');
    if (waited.kind === 'timeout') {
      return hopFailure(
        this.nodeId,
        'node-timeout',
        `Node ${this.nodeId} (layers ${this.layers()}) did not answer within ${timeoutMs / 1_000} s.`,
      );
    }
    const event = waited.value;
    if (event.kind === 'lost') return this.lost();
    if (event.kind === 'failed') {
      return hopFailure(
        this.nodeId,
        'node-failed',
        `Node ${this.nodeId} (layers ${this.layers()}) could not go on: ${event.message.message}`,
        { retryable: event.message.retryable },
      );
    }
    return { ok: true, value: event };
  }

  private layers(): string {
    return `${this.context.range.layer_start}-${this.context.range.layer_end}`;
  }

  private lost(): HopResult<never> {
    return hopFailure(
      this.nodeId,
      'node-lost',
      `The connection to node ${this.nodeId} (layers ${this.layers()}) was lost.`,
    );
  }

  private wrong(what: string): HopResult<never> {
    return hopFailure(this.nodeId, 'frame-invalid', `Node ${this.nodeId} (layers ${this.layers()}) sent ${what}.`, {
      isWrongAnswer: true,
    });
  }
}
