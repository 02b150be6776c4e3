import type { FinishReason, LayerRange } from '../../protocol/compute/model';
import type { HopAnswer, OfferedLayers } from '../../protocol/federation/hop-messages';
import type { FederationDraft } from '../../protocol/federation/messages';
import type { ActivationFrameHeader } from '../../protocol/wire/activation-frame';
import type { Answered, HopContext, HopDriver, HopResult, StepInput, StepOutput } from '../pipeline/hop-driver';
import { RelayHop } from '../pipeline/relay-driver';
import type { NodeLink, PipelineCommand } from '../pipeline/relay-router';
import type { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import type { AskedRow } from './settlement-store';
import type { Booking } from './settlement-desk';

/** Ends of a hop after which the same layers may be asked for again: the peer lost a node, or has none just now. */
const TRY_AGAIN: ReadonlySet<string> = new Set(['node-lost', 'pipeline-unavailable', 'coordinator-stopping']);

/** What a hop at a peer needs of its coordinator. */
export interface ForeignHopDesk {
  /**
   * Writes down what is asked, before it is sent, and listens for what comes.
   *
   * @returns the link the hop lives and ends with; null where these layers are not offered over one now
   */
  opened(hop: ForeignHop, asked: AskedRow): Promise<SealedLink | null>;
  /** The hop was closed and so much was sent to it: no more can be settled. */
  closed(hop: ForeignHop, sent: SentWork): Promise<void>;
  /** Books what the peer says it did; null where that fails here, and the peer tells it again. */
  settle(peer: Peer, settlement: unknown): Promise<Booking | null>;
}

/** The most a peer can have done of a hop. */
export interface SentWork {
  positions: number;
  tokens: number;
}

/**
 * A hop that a peer does. Towards the pipeline it is a node's hop over its connection (`RelayHop`) whose connection is the
 * link: what such a hop says to its node is said to the peer, and what the peer answers is what the node would.
 */
export class ForeignHop implements HopDriver, NodeLink {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly isStreaming = true;
  private readonly relay: RelayHop;
  private link: SealedLink | null = null;
  private hop: number;
  private isClosed = false;
  private readonly sent: SentWork = { positions: 0, tokens: 0 };
  private narrowed: Promise<void> | null = null;
  private end: (booking: Booking | null) => void = () => undefined;
  /** What the hop came to; null where nothing was settled, or not yet. */
  readonly settled: Promise<Booking | null>;

  constructor(
    readonly hopId: string,
    readonly peer: Peer,
    readonly offer: OfferedLayers,
    private readonly context: HopContext,
    private readonly asked: AskedRow,
    private readonly desk: ForeignHopDesk,
  ) {
    this.nodeId = context.nodeId;
    this.range = context.range;
    this.hop = context.hop;
    // The link alone says who is spoken to, so nothing is to be routed.
    const router = { add: () => undefined, remove: () => undefined };
    const links = { linkTo: () => (this.link === null ? null : this) };
    this.relay = new RelayHop({ ...context, pipelineId: hopId, timed: () => undefined }, links, router);
    this.settled = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async open(signal: AbortSignal): Promise<HopResult<{ inputIds: readonly number[] | null }>> {
    this.link = await this.desk.opened(this, this.asked);
    return this.relay.open(signal);
  }

  begin(positions: number, answered: Answered | null): void {
    this.relay.begin(positions, answered);
  }

  route(hop: number, hops: number, firstStep: number): void {
    this.hop = hop;
    this.relay.route(hop, hops, firstStep);
  }

  async step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const gives = this.isLast && (input.purpose === 'sample' || input.purpose === 'verify');
    const mayGive = gives ? input.draftIds.length + 1 : 0;
    this.sent.positions = Math.max(this.sent.positions, input.position + input.positions);
    this.sent.tokens += mayGive;
    const result = await this.relay.step(input, signal);
    if (result.ok && result.value.kind === 'tokens') this.sent.tokens += result.value.tokens.length - mayGive;
    return result;
  }

  close(reason: FinishReason): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.relay.close(reason);
    // A hop that was never asked for has no end that could come.
    if (this.link === null) this.end(null);
    void this.narrow();
  }

  /** What `RelayHop` tells its node. */
  async send(command: PipelineCommand): Promise<boolean> {
    if (command.type === 'pipeline-close') await this.narrow();
    return (await this.link?.send(this.translated(command))) === true;
  }

  sendFrame(bytes: Uint8Array): Promise<boolean> {
    return this.link?.sendFrame(bytes) ?? Promise.resolve(false);
  }

  /** What the peer says about the hop. */
  take(answer: HopAnswer): void {
    const { hop_id: requestId } = answer;
    if (answer.type === 'hop-ended') return this.ended(answer);
    if (this.isClosed) return;
    switch (answer.type) {
      case 'hop-opened': {
        const ids = answer.input_ids === undefined ? {} : { input_ids: answer.input_ids };
        const message = { type: 'pipeline-opened' as const, request_id: requestId, hop: this.hop, ...ids };
        this.relay.take({ kind: 'opened', message });
        return;
      }
      case 'hop-token': {
        const { step, position, tokens, finish_reason: reason } = answer;
        const end = reason === undefined ? {} : { finish_reason: reason };
        const message = { type: 'pipeline-token' as const, request_id: requestId, step, position, tokens, ...end };
        this.relay.take({ kind: 'token', message });
        return;
      }
      case 'hop-progress': {
        const { step, state } = answer;
        const message = { type: 'pipeline-progress' as const, request_id: requestId, hop: this.hop, step, state };
        this.relay.take({ kind: 'progress', message });
      }
    }
  }

  takeFrame(header: ActivationFrameHeader, bytes: Uint8Array): void {
    if (!this.isClosed) this.relay.take({ kind: 'frame', header: { ...header, hop: this.hop + 1 }, bytes });
  }

  /** The peer sent something that cannot be worked with. */
  spoiled(message: string): void {
    this.fail('hop-invalid', message, true);
  }

  /** The link is gone, or the peer does not end the hop. */
  lost(): void {
    if (!this.isClosed) this.relay.take({ kind: 'lost' });
    this.end(null);
  }

  private get isLast(): boolean {
    return this.range.layer_end === this.context.model.manifest.total_layers - 1;
  }

  private ended({ error, settlement }: Extract<HopAnswer, { type: 'hop-ended' }>): void {
    if (!this.isClosed) {
      // A repair may come before the lost hop was released at the peer; an opening says why it is refused.
      const waits = error?.code === 'terms-refused' && error.retryable && this.context.text === null;
      if (error === null || waits || TRY_AGAIN.has(error.code)) this.relay.take({ kind: 'lost' });
      else this.fail(error.code, error.message, error.retryable);
    }
    if (settlement === null) {
      this.end(null);
      return;
    }
    void this.narrow()
      .then(() => this.desk.settle(this.peer, settlement))
      .then((booking) => this.end(booking));
  }

  private fail(code: string, message: string, retryable: boolean): void {
    const facts = { type: 'pipeline-failed' as const, request_id: this.hopId, hop: this.hop };
    this.relay.take({ kind: 'failed', message: { ...facts, code, message, retryable } });
  }

  private narrow(): Promise<void> {
    this.narrowed ??= this.desk.closed(this, this.sent);
    return this.narrowed;
  }

  private translated(command: PipelineCommand): FederationDraft {
    const { hopId } = this;
    switch (command.type) {
      case 'pipeline-open':
        return {
          type: 'hop-open',
          hop_id: hopId,
          offer_id: this.offer.offer_id,
          activation_dtype: command.activation_dtype,
          max_positions: this.asked.maxInputTokens,
          max_new_tokens: command.max_new_tokens,
          ...(command.takes_over === undefined ? {} : { takes_over: command.takes_over }),
          ...(command.prompt === undefined ? {} : { prompt: command.prompt }),
          ...(command.messages === undefined ? {} : { messages: command.messages }),
          ...(command.sampling === undefined ? {} : { sampling: command.sampling }),
        };
      case 'pipeline-begin': {
        const answered = command.answered === undefined ? {} : { answered: command.answered };
        return { type: 'hop-begin', hop_id: hopId, positions: command.positions, ...answered };
      }
      case 'pipeline-route':
        return { type: 'hop-route', hop_id: hopId, first_step: command.first_step };
      case 'pipeline-expect':
        return { type: 'hop-expect', hop_id: hopId, step: command.step, token_ids: command.token_ids };
      case 'pipeline-step': {
        const { step, purpose, position, input_ids: ids } = command;
        return { type: 'hop-step', hop_id: hopId, step, purpose, position, input_ids: ids };
      }
      case 'pipeline-close':
        return { type: 'hop-close', hop_id: hopId, reason: command.reason };
    }
  }
}
