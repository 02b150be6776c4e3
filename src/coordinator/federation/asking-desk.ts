import { maximumInputTokens, type PromptText } from '../ledger/pricing';
import { settlementTermsOf } from '../../protocol/federation/grant';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { FEDERATION_LIMITS } from '../../protocol/federation/limits';
import type { FederationMessageOf } from '../../protocol/federation/messages';
import { success } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { Clock, Random } from '../clock';
import { refuse, type CoordinatorErrorCode, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import type { Cashier, Hold, Settled } from '../pipeline/cashier';
import type { GenerateListener, GenerateRequest } from '../pipeline/generate-service';
import type { PeerModel } from './offers';
import type { Peer } from './peer';
import type { BookWith, SettlementDesk } from './settlement-desk';
import type { SettlementStore } from './settlement-store';

type Message = FederationMessageOf<'request-started' | 'request-token' | 'request-waiting' | 'request-ended'>;
/** Ends that no message brings: the link was lost, or more came than can have been asked for. */
type End = { readonly type: 'lost'; readonly reason: string } | { readonly type: 'too-long' };
type Arrival = Message | End;

const lengthOf = (arrival: Arrival): number => (arrival.type === 'request-token' ? arrival.text.length : 0);

/** Messages of one request in the order they came. At most a token for each one asked for, and a few more. */
class Mailbox {
  private readonly waiting: Arrival[] = [];
  private characters = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly limit: number) {}

  /** False: more came than can have been asked for. */
  put(message: Message): boolean {
    if (this.waiting.length >= this.limit) return false;
    if (this.characters + lengthOf(message) > FEDERATION_LIMITS.maxWaitingCharacters) return false;
    this.characters += lengthOf(message);
    this.add(message);
    return true;
  }

  /** There is always room for the end, which is behind everything that came. */
  end(end: End): void {
    this.add(end);
  }

  async next(): Promise<Arrival> {
    for (;;) {
      const first = this.waiting.shift();
      if (first !== undefined) {
        this.characters -= lengthOf(first);
        return first;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  private add(arrival: Arrival): void {
    this.waiting.push(arrival);
    this.wake?.();
  }
}

interface Asked {
  readonly peer: Peer;
  readonly mailbox: Mailbox;
}

interface Answering {
  readonly peer: Peer;
  readonly requestId: string;
  readonly request: GenerateRequest;
  readonly hold: Hold;
  readonly shape: PeerModel['model']['shape'];
  readonly startedAtMs: number;
  /** The most tokens the prompt can have. */
  readonly maxInput: number;
  inputTokens: number;
  tokens: number;
  text: string;
}

/** Codes of a peer's failures that mean the same here; everything else is a failure at the peer. */
const KNOWN_CODES: ReadonlySet<string> = new Set<CoordinatorErrorCode>([
  'terms-refused',
  'pipeline-unavailable',
  'model-unknown',
  'prompt-missing',
  'prompt-too-long',
  'too-many-requests',
  'coordinator-busy',
  'request-id-used',
  'coordinator-stopping',
]);

/** Room beside one message for each token. */
const MAILBOX_SLACK = 1_024;

/** Requests of the own people that a peer answers. */
export class AskingDesk {
  private readonly asked = new Map<string, Asked>();

  constructor(
    private readonly cashier: Cashier,
    private readonly settlements: SettlementDesk,
    private readonly store: SettlementStore,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly noteRefusal: (peer: Peer, code: string, message: string) => void,
  ) {}

  runningAt(peer: Peer): number {
    return [...this.asked.values()].filter((one) => one.peer === peer).length;
  }

  /** Whether a peer still answers a request. */
  isAnswering(peer: Peer, requestId: string): boolean {
    return this.asked.get(requestId)?.peer === peer;
  }

  /** Something of a request has come. */
  take(peer: Peer, message: Message): void {
    const asked = this.asked.get(message.request_id);
    if (asked === undefined || asked.peer !== peer) {
      // The end of a request nobody waits for any more may carry its settlement.
      if (message.type === 'request-ended' && message.settlement !== null) {
        void this.settlements.take(peer, message.settlement, null).catch((thrown: unknown) => {
          this.logger.error({ err: thrown, peer: peer.name }, 'a request could not be settled');
        });
      }
      return;
    }
    if (asked.mailbox.put(message)) return;
    this.asked.delete(message.request_id);
    asked.mailbox.end({ type: 'too-long' });
  }

  /** The link is gone, and with it what was under way. */
  dropAll(peer: Peer, reason: string): void {
    for (const [requestId, { peer: other, mailbox }] of this.asked) {
      if (other !== peer) continue;
      this.asked.delete(requestId);
      mailbox.end({ type: 'lost', reason });
    }
  }

  /** Asks a peer. Fails like every request, with `peer-unavailable`, `peer-lost` and `terms-refused` beside. */
  async generate(
    { peer, model }: PeerModel,
    request: GenerateRequest,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const startedAtMs = this.clock.nowMs();
    const text = textOf(request, model.template_bytes);
    if (text === null) return refuse('prompt-missing', 'The request has neither a prompt nor messages.');
    const maxInput = Math.min(maximumInputTokens(text), model.shape.context_length);
    const hold = await this.cashier.hold(request, model.shape, maxInput);
    if (!hold.ok) return hold;
    const requestId = this.random.uuid();
    const mailbox = new Mailbox(request.maxNewTokens + MAILBOX_SLACK);
    // The next link may stand under another agreement than the one that is written down.
    const { link } = peer;
    try {
      await this.store.noteAsked(peer.publicKey, requestId, {
        agreementId: peer.agreementId,
        nodeId: request.nodeId,
        modelId: request.modelId,
        maxInputTokens: maxInput,
        maxNewTokens: request.maxNewTokens,
        shape: model.shape,
        layers: null,
      });
      this.asked.set(requestId, { peer, mailbox });
      const isSent = await link?.send({
        type: 'request',
        request_id: requestId,
        model_id: request.modelId,
        ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
        ...(request.messages === undefined ? {} : { messages: [...request.messages] }),
        max_new_tokens: request.maxNewTokens,
        sampling: request.sampling,
        precision: request.precision,
      });
      if (isSent !== true)
        return refuse('peer-unavailable', `There is no link to ${peer.name} now.`, { retryable: true });
      const answering: Answering = {
        peer,
        requestId,
        request,
        hold: hold.value,
        shape: model.shape,
        startedAtMs,
        maxInput,
        inputTokens: 0,
        tokens: 0,
        text: '',
      };
      return await this.follow(answering, mailbox, listener, signal);
    } finally {
      this.asked.delete(requestId);
      await hold.value.release();
    }
  }

  private async follow(
    answering: Answering,
    mailbox: Mailbox,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const { peer, requestId } = answering;
    let timer: NodeJS.Timeout | undefined;
    let silence: NodeJS.Timeout | undefined;
    const heard = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        void peer.send({ type: 'request-cancel', request_id: requestId });
        mailbox.end({ type: 'lost', reason: 'nothing of the answer came for long' });
      }, FEDERATION_LIMITS.answerSilenceMs);
    };
    const cancel = (): void => {
      void peer.send({ type: 'request-cancel', request_id: requestId });
      const reason = 'it did not end the request after the cancellation';
      timer = setTimeout(() => mailbox.end({ type: 'lost', reason }), FEDERATION_LIMITS.endAfterCancelMs);
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    heard();
    try {
      for (;;) {
        const arrival = await mailbox.next();
        switch (arrival.type) {
          case 'request-started':
            answering.inputTokens = arrival.input_tokens;
            await listener.started([], arrival.input_tokens);
            heard();
            break;
          case 'request-token':
            // Numbers count up from 0; anything else is not a growing answer.
            if (arrival.index !== answering.tokens) break;
            if (answering.tokens >= answering.request.maxNewTokens) return this.tooLong(answering);
            answering.tokens += 1;
            answering.text += arrival.text;
            await listener.token(arrival.index, arrival.token_id, arrival.text);
            heard();
            break;
          case 'request-waiting':
            listener.waiting([], arrival.seconds);
            break;
          case 'request-ended':
            return await this.ended(answering, arrival);
          case 'too-long':
            return this.tooLong(answering);
          case 'lost':
            return refuse('peer-lost', `The link to ${peer.name} was lost (${arrival.reason}); nothing was charged.`, {
              retryable: true,
              suggestion: 'Ask again when the link stands.',
            });
        }
      }
    } finally {
      clearTimeout(timer);
      clearTimeout(silence);
      signal.removeEventListener('abort', cancel);
    }
  }

  private tooLong({ peer, requestId }: Answering): ReturnType<typeof refuse> {
    void peer.send({ type: 'request-cancel', request_id: requestId });
    this.noteRefusal(peer, 'answer-too-long', 'More of an answer came than was asked for.');
    return refuse('peer-failed', `${peer.name} answered with more than was asked for; nothing was charged.`);
  }

  private async ended(
    answering: Answering,
    end: FederationMessageOf<'request-ended'>,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const { peer } = answering;
    if (end.settlement === null) {
      if (end.error !== null) {
        const { code, message, retryable } = end.error;
        const known = KNOWN_CODES.has(code) ? (code as CoordinatorErrorCode) : 'peer-failed';
        return refuse(known, `${peer.name}: ${message}`.slice(0, 2_000), { retryable });
      }
      return success(await this.outcome(answering, end.finish_reason, null, null));
    }
    let charged: Settled | null = null;
    const bookWith: BookWith = async (settlement, write) => {
      const { request, hold, shape, startedAtMs } = answering;
      const settled = await this.cashier.settle(
        request,
        {
          requesterId: request.nodeId,
          requestId: request.requestId,
          shape,
          precision: settlement.precision,
          inputTokens: settlement.input_tokens,
          outputTokens: settlement.output_tokens,
          served: [],
          note: `Served by ${peer.name} under the agreement ${peer.agreementId}, booked there as ${settlement.server_ref}`,
        },
        { reason: endReason(settlement.finish_reason), pipeline: [], startedAtMs, hold },
        write,
      );
      if (!settled.ok) return settled.error.message;
      charged = settled.value;
      return null;
    };
    // Over one link everything comes in its order: behind the end there are no more tokens.
    if (Number(end.settlement['output_tokens']) > answering.tokens) {
      const { requestId, maxInput, tokens } = answering;
      await this.store.noteSent(peer.publicKey, requestId, { positions: maxInput, tokens });
    }
    const booking = await this.settlements.take(peer, end.settlement, bookWith);
    if (booking.kind === 'refused') {
      return refuse('peer-failed', `${peer.name} settled the request wrongly: ${booking.problem.message}`, {
        suggestion: 'Nothing was charged; tell your administrator, who finds it under Peers.',
      });
    }
    return success(await this.outcome(answering, booking.settlement.finish_reason, charged, booking));
  }

  private async outcome(
    { peer, request, text, tokens, inputTokens, startedAtMs }: Answering,
    finishReason: GenerateOutcome['finish_reason'],
    charged: Settled | null,
    booked: {
      readonly entry: { readonly entry_ref: string; readonly booked_at: string };
      readonly settlement: {
        readonly amount: number;
        readonly unit: string;
        readonly server_ref: string;
        readonly input_tokens: number;
        readonly output_tokens: number;
      };
    } | null,
  ): Promise<GenerateOutcome> {
    const balance = charged?.balanceMicroGft ?? null;
    return {
      request_id: request.requestId,
      text,
      finish_reason: finishReason,
      tokens: booked?.settlement.output_tokens ?? tokens,
      input_tokens: booked?.settlement.input_tokens ?? inputTokens,
      gft_deducted: toWireGft(charged?.priceMicroGft ?? 0),
      new_balance: balance === null ? null : toWireGft(balance),
      backend: 'federated',
      pipeline: [],
      latency_ms: Math.max(0, this.clock.nowMs() - startedAtMs),
      model_id: request.modelId,
      ledger_ref: charged?.ledgerRef ?? booked?.entry.entry_ref ?? null,
      confirmed_at: charged?.confirmedAt ?? booked?.entry.booked_at ?? null,
      federation: {
        coordinator: peer.name,
        agreement_id: peer.agreementId,
        amount: booked?.settlement.amount ?? 0,
        unit: booked?.settlement.unit ?? settlementTermsOf(peer.settings.agreement).unit,
        entry_ref: booked?.entry.entry_ref ?? null,
        peer_ledger_ref: booked?.settlement.server_ref ?? null,
      },
    };
  }
}

function endReason(reason: GenerateOutcome['finish_reason']): 'stop' | 'length' | 'cancelled' {
  return reason === 'error' ? 'cancelled' : reason;
}

function textOf(request: GenerateRequest, templateBytes: number): PromptText | null {
  if (request.messages !== undefined) return { messages: request.messages, chatTemplate: ' '.repeat(templateBytes) };
  return request.prompt === undefined || request.prompt === '' ? null : { prompt: request.prompt };
}
