import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { FinishReason, LayerRange } from '../../protocol/compute/model';
import { decodeActivationFrame, encodeActivationFrame } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { postJson } from './bounded-json';
import {
  hopFailure,
  type Answered,
  type HopContext,
  type HopDriver,
  type HopResult,
  type StepFacts,
  type StepInput,
  type StepOutput,
} from './hop-driver';
import { readSentTokens } from './token-log-probabilities';

/** A number in JSON with its separators; Python prints up to 25 characters for a float. */
const JSON_BYTES_PER_NUMBER = 32;
/** A token's log-probability in JSON with its piece and its id; pieces have a few characters. */
const JSON_BYTES_PER_LOG_PROBABILITY = 128;
/** Room for the other fields of an answer, and for the text of a whole generation. */
const ANSWER_ALLOWANCE_BYTES = 4 * 1024 * 1024;

const tokenizeChecker = Compile(
  Type.Object({
    input_ids: Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, maxItems: WIRE_LIMITS.maxPositionsPerFrame }),
  }),
);
const tokensChecker = Compile(
  Type.Object({
    output_ids: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: WIRE_LIMITS.maxPositionsPerFrame }),
    text: Type.String(),
    finish_reason: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    logprobs: Type.Optional(Type.Union([Type.Array(Type.Unknown()), Type.Null()])),
  }),
);
const activationsChecker = Compile(Type.Object({ activations: Type.Array(Type.Unknown()) }));

/** Flattens activations: `[[[…]]]`, `[[…]]` or a flat list of numbers. Null when anything else is in them. */
export function flattenActivations(activations: readonly unknown[], expectedLength: number): Float32Array | null {
  const values = new Float32Array(expectedLength);
  let length = 0;
  const pending: { readonly items: readonly unknown[]; index: number }[] = [{ items: activations, index: 0 }];
  while (pending.length > 0) {
    const level = pending.at(-1);
    if (level === undefined || pending.length > 3) return null;
    if (level.index >= level.items.length) {
      pending.pop();
      continue;
    }
    const item = level.items[level.index];
    level.index += 1;
    if (Array.isArray(item)) pending.push({ items: item, index: 0 });
    else if (typeof item === 'number' && Number.isFinite(item) && length < expectedLength) values[length++] = item;
    else return null;
  }
  return length === expectedLength && values.every(Number.isFinite) ? values : null;
}

/** Room for the log-probabilities of so many tokens. */
function answerBytes(topCount: number | undefined, tokens: number): number {
  return topCount === undefined ? 0 : tokens * (1 + topCount) * JSON_BYTES_PER_LOG_PROBABILITY;
}

function nestActivations(values: Float32Array, hiddenSize: number): number[][][] {
  const rows: number[][] = [];
  for (let start = 0; start < values.length; start += hiddenSize) {
    rows.push(Array.from(values.subarray(start, start + hiddenSize)));
  }
  return [rows];
}

/**
 * A hop over the HTTP baseline. The activation server keeps nothing between calls, so the whole growing sequence is
 * sent at every step; a node that holds every layer is asked once for the whole answer.
 */
export class HttpHop implements HopDriver {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly isStreaming = false;
  private hop: number;
  private hops: number;
  private readonly baseUrl: string;
  private ids: readonly number[] = [];
  /** Tokens of the answer so far, which the last hop gave or took over. */
  private answeredIds: readonly number[] = [];
  private rows = new Float32Array(0);

  constructor(
    private readonly context: HopContext,
    address: { readonly scheme: 'http' | 'https'; readonly host: string; readonly port: number },
  ) {
    this.nodeId = context.nodeId;
    this.range = context.range;
    this.hop = context.hop;
    this.hops = context.hops;
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    this.baseUrl = `${address.scheme}://${host}:${address.port}`;
  }

  async open(signal: AbortSignal): Promise<HopResult<{ inputIds: readonly number[] | null }>> {
    const { text } = this.context;
    if (this.hop > 0 || text === null) return { ok: true, value: { inputIds: null } };
    const body =
      'prompt' in text
        ? { prompt: text.prompt }
        : {
            // A baseline server knows no chat template: it gets labelled lines; ours reads `messages`.
            prompt: `${text.messages.map((message) => `${message.role}: ${message.content}`).join('\n')}\nassistant:`,
            messages: text.messages,
          };
    const answer = await this.post('/shard/tokenize', body, 0, this.context.openTimeoutMs, signal);
    if (!answer.ok) return answer;
    if (!tokenizeChecker.Check(answer.value)) return this.wrong('no token ids for the prompt');
    return { ok: true, value: { inputIds: answer.value.input_ids } };
  }

  /** The server keeps nothing between calls, so there is nothing to prepare. */
  begin(_positions: number, answered: Answered | null): void {
    this.answeredIds = answered?.tokenIds ?? [];
  }

  route(hop: number, hops: number): void {
    this.hop = hop;
    this.hops = hops;
  }

  async step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const { context } = this;
    const isLast = this.hop === this.hops - 1;
    const isWhole = isLast && this.hop === 0;
    const hiddenSize = context.model.manifest.hidden_size;
    const askedTokens = isWhole ? input.remainingTokens : 1;
    const sequence = this.extend(input);
    if (sequence === null) return this.wrong('values that are not finite to its neighbour');
    if (input.purpose === 'replay' || (isLast && input.purpose === 'fill'))
      return { ok: true, value: { kind: 'done' } };
    const startedAtMs = performance.now();
    const answer = await this.post(
      '/shard/forward',
      {
        ...(input.kind === 'ids' ? { input_ids: this.ids } : { activations: nestActivations(this.rows, hiddenSize) }),
        past_key_values: null,
        is_first_shard: this.hop === 0,
        is_last_shard: isLast,
        max_new_tokens: askedTokens,
        temperature: context.sampling.temperature,
        ...(isLast ? this.drawing(input.remainingTokens) : {}),
      },
      isLast
        ? answerBytes(context.sampling.top_logprobs, askedTokens)
        : sequence.length * hiddenSize * JSON_BYTES_PER_NUMBER,
      this.callTimeoutMs(askedTokens),
      signal,
    );
    if (!answer.ok) return answer;
    // Without a cache every token takes the whole sequence again, so this is the time of one token here.
    if (!isWhole) context.timed(1, performance.now() - startedAtMs);
    return isLast
      ? this.readTokens(answer.value, askedTokens, isWhole)
      : this.readActivations(answer.value, sequence, input);
  }

  close(_reason: FinishReason): void {
    this.ids = [];
    this.rows = new Float32Array(0);
  }

  /** The baseline has no sign of life inside a call: a call for many tokens may take the time of as many steps. */
  private callTimeoutMs(askedTokens: number): number {
    const { stepTimeoutMs, stepLimitMs } = this.context;
    return Math.max(stepTimeoutMs, Math.min(stepTimeoutMs * askedTokens, stepLimitMs));
  }

  /** What a server needs, beyond the baseline's temperature, to draw the next tokens as one that keeps the answer would. */
  private drawing(remainingTokens: number): Readonly<Record<string, unknown>> {
    const { sampling } = this.context;
    const { top_logprobs: topCount } = sampling;
    return {
      sampling,
      answered_ids: this.answeredIds,
      remaining_tokens: remainingTokens,
      ...(topCount === undefined ? {} : { top_logprobs: topCount }),
    };
  }

  /** Adds a step's positions to what was sent before. Null when a neighbour's values cannot be used. */
  private extend(input: StepInput): { readonly length: number; readonly position: number } | null {
    if (input.kind === 'ids') {
      this.ids = [...this.ids.slice(0, input.position), ...input.inputIds];
      return { length: this.ids.length, position: input.position };
    }
    const frame = decodeActivationFrame(input.bytes);
    if (!frame.ok) return null;
    const { position, positions, hiddenSize, values } = frame.value;
    const rows = new Float32Array((position + positions) * hiddenSize);
    rows.set(this.rows.subarray(0, position * hiddenSize));
    rows.set(values, position * hiddenSize);
    this.rows = rows;
    return { length: position + positions, position };
  }

  private readTokens(answer: unknown, asked: number, isWhole: boolean): HopResult<StepOutput> {
    if (!tokensChecker.Check(answer)) return this.wrong('no output_ids and text');
    const { output_ids: tokenIds, text } = answer;
    if (tokenIds.length > asked) return this.wrong(`${tokenIds.length} tokens where ${asked} were asked for`);
    const { manifest, endTokenIds = [] } = this.context.model;
    const { vocab_size: vocabulary } = manifest;
    if (tokenIds.some((token) => token >= vocabulary)) return this.wrong('a token the vocabulary does not have');
    const said = answer.finish_reason;
    const end = tokenIds.findIndex((token) => endTokenIds.includes(token));
    // A server that was asked for the whole answer and wrote less than it could has come to its end.
    const hasEnded = end !== -1 || tokenIds.length < asked;
    const finishReason = said === 'stop' || said === 'length' ? said : hasEnded ? 'stop' : isWhole ? 'length' : null;
    const { logprobs } = answer;
    if (Array.isArray(logprobs) && logprobs.length !== tokenIds.length) {
      return this.wrong(`${logprobs.length} log-probabilities of ${tokenIds.length} tokens`);
    }
    const kept = end === -1 ? tokenIds : tokenIds.slice(0, end + 1);
    this.answeredIds = [...this.answeredIds, ...kept];
    // The text of several tokens together cannot be divided among them, so the last one carries it.
    // An end token alone has none, whatever the server calls it.
    const sent = kept.map((id, index) => ({
      id,
      text: index === kept.length - 1 && end !== 0 ? text : '',
      logprobs: logprobs?.[index],
    }));
    const read = readSentTokens(sent, {
      topCount: this.context.sampling.top_logprobs,
      vocabularySize: vocabulary,
    });
    if ('problem' in read) return this.wrong(read.problem);
    return { ok: true, value: { kind: 'tokens', tokens: read.tokens, finishReason } };
  }

  private readActivations(
    answer: unknown,
    sequence: { readonly length: number; readonly position: number },
    { step, purpose }: StepFacts,
  ): HopResult<StepOutput> {
    const { context } = this;
    const hiddenSize = context.model.manifest.hidden_size;
    if (!activationsChecker.Check(answer)) return this.wrong('no activations');
    const values = flattenActivations(answer.activations, sequence.length * hiddenSize);
    if (values === null) {
      return this.wrong(`activations that are not ${sequence.length} × ${hiddenSize} finite numbers`);
    }
    const header = {
      requestId: context.pipelineId,
      hop: this.hop + 1,
      step,
      purpose,
      position: sequence.position,
      positions: sequence.length - sequence.position,
      hiddenSize,
      dtype: context.dtype,
    };
    const bytes = encodeActivationFrame({ ...header, values: values.subarray(sequence.position * hiddenSize) });
    return { ok: true, value: { kind: 'activation', bytes } };
  }

  private async post(
    path: string,
    body: Readonly<Record<string, unknown>>,
    expectedBytes: number,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<HopResult<unknown>> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const answer = await postJson(
      this.baseUrl + path,
      { ...body, request_id: this.context.pipelineId, model_id: this.context.model.manifest.model_id },
      ANSWER_ALLOWANCE_BYTES + expectedBytes,
      AbortSignal.any([signal, timeout]),
    );
    const node = `Node ${this.nodeId} at ${this.baseUrl}`;
    if (signal.aborted) return hopFailure(this.nodeId, 'cancelled', 'The request was cancelled.');
    if (timeout.aborted) {
      return hopFailure(this.nodeId, 'node-timeout', `${node} did not answer within ${timeoutMs / 1_000} s.`);
    }
    switch (answer.kind) {
      case 'unreachable':
        return hopFailure(this.nodeId, 'node-lost', `${node} cannot be reached: ${answer.reason}.`);
      case 'too-large':
        return this.wrong('an answer that is too large');
      case 'not-json':
        return this.wrong(`${answer.contentType} with status ${answer.status} instead of JSON`);
      case 'json':
        return answer.status === 200
          ? { ok: true, value: answer.value }
          : hopFailure(this.nodeId, 'node-failed', `${node} refused with status ${answer.status}.`);
    }
  }

  private wrong(what: string): HopResult<never> {
    const { layer_start: start, layer_end: end } = this.context.range;
    return hopFailure(this.nodeId, 'answer-invalid', `Node ${this.nodeId} (layers ${start}-${end}) sent ${what}.`, {
      isWrongAnswer: true,
    });
  }
}
