import { Value } from 'typebox/value';
import { FederatedAnswer } from '../../protocol/compute/http/federated-answer';
import { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import { SAMPLING_LIMITS, type FinishReason } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import type { GenerateOutcome, PipelineHop } from '../../protocol/wire/messages';
import { systemClock, type Clock } from '../clock';
import { nodeFailure, reasonOf } from '../errors';
import type { ArrivedToken, GenerateOptions, GenerateRequest } from './coordinator-client';
import { GENERATE_TIMEOUT_MS, type CoordinatorHttp, type HttpAnswer, type HttpRequest } from './http-requests';
import { readServerSentEvents } from './server-sent-events';
import { SilenceLimit } from './silence-limit';
import {
  readDetail,
  readErrorCode,
  readInteger,
  readMicroGft,
  readNumber,
  readRecord,
  readText,
  readTime,
} from './reading';
import { quoteAnswer } from './http-requests';
import { unauthorizedFailure } from './probe';

const FINISH_REASONS: readonly string[] = ['stop', 'length', 'cancelled', 'error'] satisfies FinishReason[];

/**
 * The prompt for coordinators that take no messages. One question is sent as it is; a longer chat becomes labelled
 * lines, since the model's own template is at the first shard, which such coordinators do not ask for it.
 */
export function promptOf(request: GenerateRequest): string {
  if (request.prompt !== undefined) return request.prompt;
  const messages = request.messages ?? [];
  const [only] = messages;
  if (messages.length === 1 && only !== undefined) return only.content;
  return `${messages.map(({ role, content }) => `${role}: ${content}`).join('\n')}\nassistant:`;
}

function readHops(value: unknown): PipelineHop[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 256).flatMap((entry): PipelineHop[] => {
    // The baseline lists node ids alone.
    if (typeof entry === 'string')
      return [{ node_id: entry.slice(0, 200), layer_start: 0, layer_end: 0, transport: '' }];
    const record = readRecord(entry);
    const nodeId = readText(record?.['node_id'], 200);
    if (nodeId === null) return [];
    return [
      {
        node_id: nodeId,
        layer_start: Math.max(0, readInteger(record?.['layer_start']) ?? 0),
        layer_end: Math.max(0, readInteger(record?.['layer_end']) ?? 0),
        transport: readText(record?.['transport'], 40) ?? '',
      },
    ];
  });
}

/** An amount of GFT that can be kept exactly, or null. */
function readGft(value: unknown): number | null {
  return readMicroGft(value) === null ? null : readNumber(value);
}

/** Reads the settled answer of `POST /inference/generate`; null when it has no text. */
export function readGenerateOutcome(value: unknown, request: GenerateRequest): GenerateOutcome | null {
  const record = readRecord(value);
  const text = record?.['text'];
  if (record === null || typeof text !== 'string') return null;
  const tokens = Math.max(0, readInteger(record['tokens']) ?? 0);
  const finishReason = readText(record['finish_reason'], 20);
  return {
    request_id: readText(record['request_id'], 200) ?? request.requestId,
    text,
    finish_reason: FINISH_REASONS.includes(finishReason ?? '')
      ? (finishReason as FinishReason)
      : tokens >= request.maxNewTokens
        ? 'length'
        : 'stop',
    tokens,
    input_tokens: Math.max(0, readInteger(record['input_tokens']) ?? 0),
    gft_deducted: readGft(record['gft_deducted']) ?? 0,
    new_balance: readGft(record['new_balance']),
    backend: readText(record['backend'], 40) ?? 'unknown',
    // Our own coordinators add the layers of each node beside the baseline's list of ids.
    pipeline: readHops(record['hops'] ?? record['pipeline']),
    latency_ms: Math.max(0, readNumber(record['latency_ms']) ?? 0),
    model_id: readText(record['model_id'], 200) ?? request.modelId,
    ledger_ref: readText(record['ledger_ref'], 200),
    confirmed_at: readTime(record['confirmed_at']),
    ...(Value.Check(FederatedAnswer, record['federation']) ? { federation: record['federation'] } : {}),
  };
}

function readLogProbabilities(value: unknown): TokenLogProbabilities | undefined {
  return Value.Check(TokenLogProbabilities, value) ? value : undefined;
}

/** An answer that came whole as tokens: one with all of the text, or those it says the log-probabilities of. */
function wholeTokens(text: string, described: unknown): ArrivedToken[] {
  if (!Array.isArray(described) || described.length === 0) return [{ index: 0, tokenId: 0, text }];
  const listed = described.slice(0, SAMPLING_LIMITS.maxNewTokens).map(readLogProbabilities);
  return listed.map((logProbabilities, index) => ({
    index,
    tokenId: logProbabilities?.id ?? 0,
    text: index === listed.length - 1 ? text : '',
    logProbabilities,
  }));
}

function generateRefusal(answer: HttpAnswer): ReturnType<typeof nodeFailure> {
  const said = readDetail(answer.json) ?? quoteAnswer(answer);
  if (answer.status === 401) return unauthorizedFailure(answer.status, readDetail(answer.json));
  if (answer.status === 402) {
    return nodeFailure('balance-too-low', `The balance does not cover this request: ${said}`, {
      suggestion: 'Earn GFT by contributing, or ask for fewer tokens.',
    });
  }
  if (answer.status === 503) {
    return nodeFailure('no-pipeline', `No pipeline can answer now: ${said}`, { retryable: true });
  }
  return nodeFailure(
    answer.status >= 500 ? 'coordinator-fault' : 'coordinator-refused',
    `The request failed: ${said}`,
    {
      retryable: answer.status >= 500 || answer.status === 429,
    },
  );
}

async function readStream(
  body: ReadableStream<Uint8Array>,
  request: GenerateRequest,
  options: GenerateOptions,
  silence: SilenceLimit,
): Promise<Result<GenerateOutcome>> {
  let tokens = 0;
  for await (const event of readServerSentEvents(body)) {
    silence.heard();
    let parsed: unknown;
    try {
      parsed = JSON.parse(event.data);
    } catch {
      continue; // Markers such as "[DONE]" carry nothing.
    }
    const record = readRecord(parsed);
    const kind = (readText(record?.['type'], 60) ?? event.name).replace(/^generate-/, '');
    if (kind === 'started') {
      options.onStarted?.({
        pipeline: readHops(record?.['pipeline']),
        inputTokens: Math.max(0, readInteger(record?.['input_tokens']) ?? 0),
      });
    } else if (kind === 'token') {
      options.onToken?.({
        index: readInteger(record?.['index']) ?? tokens,
        tokenId: readInteger(record?.['token_id']) ?? 0,
        text: typeof record?.['text'] === 'string' ? record['text'] : '',
        logProbabilities: readLogProbabilities(record?.['logprobs']),
      });
      tokens += 1;
    } else if (kind === 'queued') {
      const position = readInteger(record?.['position']) ?? 0;
      if (position > 0) options.onQueued?.({ position, waiting: readInteger(record?.['waiting']) ?? position });
    } else if (kind === 'waiting') {
      const layers = record?.['layers_missing'];
      options.onWaiting?.({
        layersMissing: Array.isArray(layers) ? layers.flatMap((layer) => readInteger(layer) ?? []) : [],
        seconds: readNumber(record?.['seconds']) ?? 0,
      });
    } else if (kind === 'error') {
      const message = readDetail(parsed) ?? readDetail(record?.['error']) ?? 'no reason given';
      return {
        ok: false,
        error: { code: readErrorCode(parsed) ?? 'coordinator-fault', message, retryable: true },
      };
    } else {
      const outcome = readGenerateOutcome(parsed, request);
      if (outcome !== null) return success(outcome);
    }
  }
  return nodeFailure('connection-lost', 'The answer ended before the coordinator settled it.', { retryable: true });
}

/**
 * Asks for an answer over HTTP: streamed as server-sent events where the coordinator offers them, else one answer, which
 * is then reported as one token, or as the tokens it has log-probabilities of, so that both look alike to the caller.
 */
export async function generateOverHttp(
  http: CoordinatorHttp,
  nodeId: string,
  request: GenerateRequest,
  options: GenerateOptions,
  clock: Clock = systemClock,
): Promise<Result<GenerateOutcome>> {
  const silence = new SilenceLimit(clock, GENERATE_TIMEOUT_MS);
  const call: HttpRequest = {
    method: 'POST',
    path: '/inference/generate',
    accept: 'text/event-stream, application/json;q=0.9',
    silence,
    signal: options.signal,
    body: {
      node_id: nodeId,
      model_id: request.modelId,
      prompt: promptOf(request),
      ...(request.messages === undefined ? {} : { messages: request.messages }),
      max_new_tokens: request.maxNewTokens,
      temperature: request.sampling.temperature,
      precision: 'fp32',
      request_id: request.requestId,
      sampling: request.sampling,
      ...(request.backend === undefined ? {} : { force_backend: request.backend }),
      ...(request.session === undefined
        ? {}
        : { session_id: request.session.sessionId, participant_id: request.session.participantId }),
    },
  };
  try {
    return await ask(http, call, request, options, silence);
  } finally {
    silence.end();
  }
}

async function ask(
  http: CoordinatorHttp,
  call: HttpRequest,
  request: GenerateRequest,
  options: GenerateOptions,
  silence: SilenceLimit,
): Promise<Result<GenerateOutcome>> {
  const response = await http.open(call);
  if (!response.ok) return response;
  const streams = response.value.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (response.value.status < 300 && streams && response.value.body !== null) {
    try {
      return await readStream(response.value.body, request, options, silence);
    } catch (thrown) {
      if (options.signal?.aborted === true) return nodeFailure('cancelled', 'The request was cancelled.');
      if (silence.signal.aborted) {
        const message = `Nothing more of the answer came within ${silence.limitMs / 1_000} s.`;
        return nodeFailure('coordinator-timeout', message, { retryable: true });
      }
      return nodeFailure('connection-lost', `The answer broke off: ${reasonOf(thrown)}.`, { retryable: true });
    }
  }
  const answer = await http.read(response.value, call);
  if (!answer.ok) return answer;
  if (answer.value.status >= 300) return generateRefusal(answer.value);
  const outcome = readGenerateOutcome(answer.value.json, request);
  if (outcome === null) {
    return nodeFailure('answer-invalid', `The coordinator's answer holds no text (${quoteAnswer(answer.value)}).`);
  }
  options.onStarted?.({ pipeline: outcome.pipeline, inputTokens: outcome.input_tokens });
  for (const token of wholeTokens(outcome.text, readRecord(answer.value.json)?.['logprobs'])) options.onToken?.(token);
  return success(outcome);
}
