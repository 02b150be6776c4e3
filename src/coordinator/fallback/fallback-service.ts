import { toWireGft } from '../../protocol/compute/micro-gft';
import { success } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { Clock } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { maximumInputTokens } from '../ledger/pricing';
import type { Logger } from '../logger';
import { unknownNode } from '../nodes/node-service';
import type { NodeStore } from '../nodes/node-store';
import type { Cashier } from '../pipeline/cashier';
import type { Elsewhere, GenerateListener, GenerateRequest } from '../pipeline/generate-service';
import { streamCompletion, type CompletionEnd } from './completion-stream';

export type FallbackSettings = Pick<
  CoordinatorConfig,
  | 'fallbackBaseUrl'
  | 'fallbackKey'
  | 'fallbackModels'
  | 'fallbackMicroGftPerToken'
  | 'fallbackTimeoutSeconds'
  | 'fallbackUse'
>;

/** What the ledger says beside the charge. */
const LEDGER_REASON = 'Answered by the fallback server, not by nodes';

/** `model=name there` pairs as a map; a model without `=` has the same name there. */
export function fallbackNames(pairs: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, pair] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/**
 * Answers by a server outside the cooperative, with the chat completions interface of OpenAI: where the operator set one,
 * for the models named, when it is asked for by `force_backend` or, if the operator wants that, when no pipeline can
 * answer. Such answers say so (`backend: "fallback"`), have no nodes, earn nobody anything and cost a price per token.
 */
export class FallbackService {
  private readonly names: ReadonlyMap<string, string>;

  constructor(
    private readonly settings: FallbackSettings,
    private readonly nodes: Pick<NodeStore, 'find'>,
    private readonly cashier: Pick<Cashier, 'holdPrice' | 'settlePrice'>,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.names = fallbackNames(settings.fallbackModels);
  }

  /** What a token of prompt or answer costs, in micro-GFT; null where the fallback does not answer for a model. */
  pricePerToken(modelId: string): number | null {
    const { fallbackBaseUrl, fallbackMicroGftPerToken } = this.settings;
    return fallbackBaseUrl !== null && this.names.has(modelId) ? fallbackMicroGftPerToken : null;
  }

  /** For a request that nobody here can answer. */
  readonly whenUnavailable: Elsewhere = (request) =>
    this.settings.fallbackUse === 'unavailable' ? this.forced(request) : null;

  /** For a request that asks for it. */
  readonly forced: Elsewhere = (request) => {
    const { fallbackBaseUrl: baseUrl } = this.settings;
    const name = this.names.get(request.modelId);
    if (baseUrl === null || name === undefined) return null;
    return (listener, signal) => this.answer({ request, baseUrl, name }, listener, signal);
  };

  private async answer(
    asked: { readonly request: GenerateRequest; readonly baseUrl: string; readonly name: string },
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const { request, baseUrl, name } = asked;
    const node = await this.nodes.find(request.nodeId);
    if (node === undefined || node.status === 'deregistered') return unknownNode(request.nodeId);
    const { messages, prompt = '' } = request;
    if (messages === undefined && prompt === '') {
      return refuse('prompt-missing', 'The request has neither a prompt nor messages.');
    }
    const startedAtMs = this.clock.nowMs();
    const maximumInput = maximumInputTokens(messages === undefined ? { prompt } : { messages, chatTemplate: null });
    const price = this.settings.fallbackMicroGftPerToken;
    const hold = await this.cashier.holdPrice(request, price * (maximumInput + request.maxNewTokens));
    if (!hold.ok) return hold;
    try {
      let index = 0;
      const ended = await streamCompletion(
        { baseUrl, key: this.settings.fallbackKey, timeoutMs: this.settings.fallbackTimeoutSeconds * 1_000 },
        {
          model: name,
          messages: messages ?? [{ role: 'user', content: prompt }],
          maxNewTokens: request.maxNewTokens,
          sampling: request.sampling,
        },
        async (text) => {
          // Not before: a server that refuses leaves the requester with a plain failure.
          if (index === 0) await listener.started([], 0);
          await listener.token(index, 0, text);
          index += 1;
        },
        signal,
      );
      if (!ended.ok) {
        this.logger.warn({ code: ended.error.code, modelId: request.modelId }, 'the fallback server did not answer');
        return refuse('backend-unavailable', `The fallback server did not answer. ${ended.error.message}`, {
          retryable: ended.error.retryable,
          suggestion: 'Nothing was charged. Wait for nodes of this model, or tell the operator of the coordinator.',
        });
      }
      const inputTokens = Math.min(maximumInput, ended.value.usage?.inputTokens ?? 0);
      const outputTokens = Math.min(request.maxNewTokens, ended.value.usage?.outputTokens ?? ended.value.pieces);
      const settled = await this.cashier.settlePrice(
        request,
        { inputTokens, outputTokens, priceMicroGft: price * (inputTokens + outputTokens), note: LEDGER_REASON },
        { reason: ended.value.reason, pipeline: [], startedAtMs, hold: hold.value },
      );
      if (!settled.ok) return settled;
      return success(this.outcome(request, ended.value, { inputTokens, outputTokens, startedAtMs }, settled.value));
    } finally {
      await hold.value.release();
    }
  }

  private outcome(
    request: GenerateRequest,
    end: CompletionEnd,
    counted: { readonly inputTokens: number; readonly outputTokens: number; readonly startedAtMs: number },
    settled: Extract<Awaited<ReturnType<Cashier['settlePrice']>>, { ok: true }>['value'],
  ): GenerateOutcome {
    return {
      request_id: request.requestId,
      text: end.text,
      finish_reason: end.reason,
      tokens: counted.outputTokens,
      input_tokens: counted.inputTokens,
      gft_deducted: toWireGft(settled.priceMicroGft),
      new_balance: settled.balanceMicroGft === null ? null : toWireGft(settled.balanceMicroGft),
      backend: 'fallback',
      pipeline: [],
      latency_ms: Math.max(0, this.clock.nowMs() - counted.startedAtMs),
      model_id: request.modelId,
      ledger_ref: settled.ledgerRef,
      confirmed_at: settled.confirmedAt,
    };
  }
}
