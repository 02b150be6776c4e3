import { randomUUID } from 'node:crypto';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { asksForTooManyLogProbabilities, LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';
import { SAMPLING_LIMITS, type ChatMessage, type Sampling } from '../../protocol/compute/model';
import type { GenerateRequest } from '../coordinator-client/coordinator-client';
import { invalidRequest, notSupported, type ApiError } from './api-errors';

/** What a request gets that names no limit; the same as the coordinator's own default. */
export const DEFAULT_MAX_TOKENS = 256;
/** Longest text of one message or prompt; a model's context is far smaller. */
const MAX_TEXT_LENGTH = 1_000_000;
const MAX_MESSAGES = 1_000;
const MAX_PARTS = 1_000;

const Text = Type.String({ maxLength: MAX_TEXT_LENGTH });
const Stop = Type.String({ minLength: 1, maxLength: SAMPLING_LIMITS.maxStopLength });
const TokenCount = Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens });
const orNull = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

/** Fields both kinds of completion share. Others are let through and looked at by `unsupportedField`. */
const Shared = {
  model: Type.String({ minLength: 1, maxLength: 200 }),
  stream: orNull(Type.Boolean()),
  stream_options: orNull(Type.Object({ include_usage: Type.Optional(Type.Boolean()) })),
  max_tokens: orNull(TokenCount),
  temperature: orNull(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: orNull(Type.Number({ minimum: 0, maximum: 1 })),
  presence_penalty: orNull(Type.Number({ minimum: -2, maximum: 2 })),
  frequency_penalty: orNull(Type.Number({ minimum: -2, maximum: 2 })),
  seed: orNull(Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER })),
  stop: orNull(Type.Union([Stop, Type.Array(Stop, { maxItems: SAMPLING_LIMITS.maxStopStrings })])),
};

const ContentPart = Type.Object({ type: Type.String({ maxLength: 100 }), text: Type.Optional(Text) });
const RequestMessage = Type.Object({
  role: Type.String({ maxLength: 100 }),
  content: Type.Optional(
    Type.Union([Text, Type.Null(), Type.Array(ContentPart, { minItems: 1, maxItems: MAX_PARTS })]),
  ),
});
type RequestMessage = Static<typeof RequestMessage>;

const ChatBody = Type.Object({
  ...Shared,
  max_completion_tokens: orNull(TokenCount),
  messages: Type.Array(RequestMessage, { minItems: 1, maxItems: MAX_MESSAGES }),
});
const TextBody = Type.Object({
  ...Shared,
  prompt: Type.Union([Text, Type.Array(Text, { minItems: 1, maxItems: 1 })]),
});

const chatBody = Compile(ChatBody);
const textBody = Compile(TextBody);

/** A request that can be sent on, and how its answer shall be written. */
export interface CompletionRequest {
  readonly kind: 'chat' | 'text';
  readonly generate: GenerateRequest;
  readonly stream: boolean;
  /** Whether a stream ends with an event that carries the usage. */
  readonly includeUsage: boolean;
}

export type ReadRequest =
  { readonly ok: true; readonly request: CompletionRequest } | { readonly ok: false; readonly error: ApiError };

/** Whether a value asks for nothing: absent, null, false, zero, an empty list, or the word OpenAI uses for "off". */
function asksForNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === 'none') return true;
  return Array.isArray(value) ? value.length === 0 : typeof value === 'object' && Object.keys(value).length === 0;
}

const UNSUPPORTED: readonly (readonly [field: string, what: string])[] = [
  ['tools', 'Calling tools'],
  ['tool_choice', 'Calling tools'],
  ['functions', 'Calling functions'],
  ['function_call', 'Calling functions'],
  ['audio', 'Audio'],
  ['logit_bias', 'Biasing single tokens'],
  ['web_search_options', 'Searching the web'],
  ['suffix', 'Completing in front of a suffix'],
  ['echo', 'Repeating the prompt'],
];

/** The first field that asks for something this endpoint cannot do: better refused than silently left out. */
function unsupportedField(body: Readonly<Record<string, unknown>>): ApiError | null {
  for (const [field, what] of UNSUPPORTED) {
    if (!asksForNothing(body[field])) return notSupported(what, field);
  }
  for (const field of ['n', 'best_of']) {
    const value = body[field];
    if (!asksForNothing(value) && value !== 1) return notSupported('More than one answer to a request', field);
  }
  const { response_format: format, modalities } = body;
  if (!asksForNothing(format) && !(isRecord(format) && format['type'] === 'text')) {
    return notSupported('An answer in another form than text', 'response_format');
  }
  if (Array.isArray(modalities) && modalities.some((modality) => modality !== 'text')) {
    return notSupported('An answer in another form than text', 'modalities');
  }
  return null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const ROLES: Readonly<Record<string, ChatMessage['role']>> = {
  system: 'system',
  // The newer name of the same thing.
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};

function readMessage(message: RequestMessage, index: number): ChatMessage | ApiError {
  const role = Object.hasOwn(ROLES, message.role) ? ROLES[message.role] : undefined;
  const where = `messages[${index}]`;
  if (role === undefined) return notSupported(`A message of the role "${message.role}"`, `${where}.role`);
  const { content } = message;
  if (typeof content === 'string') return { role, content };
  if (!Array.isArray(content)) return invalidRequest('A message needs a text.', `${where}.content`);
  const foreign = content.find((part) => part.type !== 'text' || part.text === undefined);
  if (foreign !== undefined) return notSupported(`Content of the type "${foreign.type}"`, `${where}.content`);
  return { role, content: content.map((part) => part.text ?? '').join('') };
}

/** OpenAI's own default temperature is 1. Its seeds are any integer, ours have 32 bits; equal seeds stay equal. */
function readSampling(body: Static<typeof ChatBody> | Static<typeof TextBody>): Sampling {
  const { temperature, top_p: topP, seed, stop, presence_penalty: presence, frequency_penalty: frequency } = body;
  return {
    temperature: temperature ?? 1,
    top_k: 0,
    // 0 means "only the most likely token", which the range of our field excludes.
    top_p: Math.max(topP ?? 1, Number.EPSILON),
    ...(presence ? { presence_penalty: presence } : {}),
    ...(frequency ? { frequency_penalty: frequency } : {}),
    ...(seed === undefined || seed === null ? {} : { seed: Number(BigInt.asUintN(32, BigInt(seed))) }),
    ...(stop === undefined || stop === null ? {} : { stop: typeof stop === 'string' ? [stop] : stop }),
  };
}

/** Most alternatives of a text completion's tokens in OpenAI's API; a chat's tokens have more. */
const MAX_TEXT_LOG_PROBABILITIES = 5;

/** How many of the likeliest tokens are wanted beside each token's log-probability; null: neither. */
type WantedLogProbabilities = { readonly topCount: number | null } | ApiError;

function countOf(value: unknown, most: number, field: string): number | ApiError {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
  return isCount ? value : invalidRequest(`"${field}" has to be a whole number from 0 to ${most}.`, field);
}

/** A chat says whether with `logprobs`, and how many with `top_logprobs`. */
function readChatLogProbabilities({ logprobs, top_logprobs: wanted }: Record<string, unknown>): WantedLogProbabilities {
  if (logprobs !== undefined && logprobs !== null && typeof logprobs !== 'boolean') {
    return invalidRequest('"logprobs" has to be true or false.', 'logprobs');
  }
  const count = countOf(wanted ?? 0, SAMPLING_LIMITS.maxTopLogProbabilities, 'top_logprobs');
  if (typeof count !== 'number') return count;
  if (logprobs === true) return { topCount: count };
  return count === 0 ? { topCount: null } : invalidRequest('"top_logprobs" needs "logprobs": true.', 'top_logprobs');
}

/** A text completion says both with `logprobs`. */
function readTextLogProbabilities({
  logprobs,
  top_logprobs: foreign,
}: Record<string, unknown>): WantedLogProbabilities {
  if (!asksForNothing(foreign)) {
    return invalidRequest('"top_logprobs" belongs to chats; give the number as "logprobs" here.', 'top_logprobs');
  }
  if (logprobs === undefined || logprobs === null || logprobs === false) return { topCount: null };
  const count = countOf(logprobs, MAX_TEXT_LOG_PROBABILITIES, 'logprobs');
  return typeof count === 'number' ? { topCount: count } : count;
}

/** `/messages/3/content` → `messages[3].content`. */
function fieldName(path: string): string | null {
  const name = path
    .slice(1)
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
  return name === '' ? null : name;
}

function schemaError(errors: { readonly instancePath: string; readonly message: string }[]): ApiError {
  const [first] = errors;
  const field = first === undefined ? null : fieldName(first.instancePath);
  const subject = field === null ? 'The request' : `"${field}"`;
  return invalidRequest(`${subject} ${first?.message ?? 'is not valid'}.`, field);
}

/** Reads the body of `POST /v1/chat/completions`. */
export function readChatRequest(body: unknown): ReadRequest {
  if (!chatBody.Check(body)) return { ok: false, error: schemaError(chatBody.Errors(body)) };
  const unsupported = unsupportedField(body);
  if (unsupported !== null) return { ok: false, error: unsupported };
  const messages: ChatMessage[] = [];
  for (const [index, message] of body.messages.entries()) {
    const read = readMessage(message, index);
    if ('status' in read) return { ok: false, error: read };
    messages.push(read);
  }
  const wanted = readChatLogProbabilities(body);
  return finishReading('chat', body, { messages }, body.max_completion_tokens ?? body.max_tokens, wanted);
}

/** Reads the body of `POST /v1/completions`. */
export function readTextRequest(body: unknown): ReadRequest {
  if (!textBody.Check(body)) return { ok: false, error: schemaError(textBody.Errors(body)) };
  const unsupported = unsupportedField(body);
  if (unsupported !== null) return { ok: false, error: unsupported };
  const prompt = typeof body.prompt === 'string' ? body.prompt : (body.prompt[0] ?? '');
  if (prompt === '') return { ok: false, error: invalidRequest('The prompt is empty.', 'prompt') };
  return finishReading('text', body, { prompt }, body.max_tokens, readTextLogProbabilities(body));
}

function finishReading(
  kind: CompletionRequest['kind'],
  body: Static<typeof ChatBody> | Static<typeof TextBody>,
  text: Pick<GenerateRequest, 'messages' | 'prompt'>,
  maxTokens: number | null | undefined,
  wanted: WantedLogProbabilities,
): ReadRequest {
  if ('status' in wanted) return { ok: false, error: wanted };
  const { topCount } = wanted;
  const maxNewTokens = maxTokens ?? DEFAULT_MAX_TOKENS;
  if (asksForTooManyLogProbabilities(topCount ?? undefined, maxNewTokens)) {
    const message = `An answer carries at most ${LOG_PROBABILITY_LIMITS.maxPerAnswer} log-probabilities; ask for fewer tokens or alternatives.`;
    return { ok: false, error: invalidRequest(message, kind === 'chat' ? 'top_logprobs' : 'logprobs') };
  }
  const request: CompletionRequest = {
    kind,
    generate: {
      requestId: randomUUID(),
      modelId: body.model,
      ...text,
      maxNewTokens,
      sampling: { ...readSampling(body), ...(topCount === null ? {} : { top_logprobs: topCount }) },
    },
    stream: body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
  };
  return { ok: true, request };
}
