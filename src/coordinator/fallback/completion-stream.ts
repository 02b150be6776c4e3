import type { ChatMessage, Sampling } from '../../protocol/compute/model';
import { failure, success, type Result } from '../../protocol/result';

/** Where and how another server is asked. */
export interface CompletionServer {
  /** Ends with the version, as `https://host/v1`. */
  readonly baseUrl: string;
  readonly key: string | null;
  readonly timeoutMs: number;
}

export interface CompletionRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
}

/** What came of a request, also of one that was cut off. */
export interface CompletionEnd {
  readonly text: string;
  readonly reason: 'stop' | 'length' | 'cancelled';
  /** As the server counted; null when it did not say. */
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | null;
  /** Pieces of text that came, each a token or several. */
  readonly pieces: number;
}

/** A line of the stream: one piece of text with its surroundings. */
const MAX_LINE_BYTES = 1024 * 1024;
/** The whole stream, whatever it says. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;
/** No token of a known vocabulary is longer. */
const MAX_CHARACTERS_PER_TOKEN = 256;
/** What the interface takes. */
const MAX_STOP_STRINGS = 4;

export type CompletionFailureCode = 'unreachable' | 'refused' | 'timeout' | 'too-large' | 'answer-invalid';

function failed(code: CompletionFailureCode, message: string): Result<CompletionEnd, CompletionFailureCode> {
  return failure(code, message, { retryable: code !== 'refused' });
}

interface Chunk {
  readonly text: string;
  readonly finishReason: string | null;
  readonly usage: CompletionEnd['usage'];
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** Reads one `data:` line of a stream of chat completion chunks; null when it is none. */
function readChunk(data: string): Chunk | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return null;
  }
  const chunk = record(parsed);
  if (chunk === null || chunk['error'] !== undefined) return null;
  const choice = Array.isArray(chunk['choices']) ? record(chunk['choices'][0]) : null;
  const text = record(choice?.['delta'])?.['content'];
  const reason = choice?.['finish_reason'];
  const usage = record(chunk['usage']);
  return {
    text: typeof text === 'string' ? text : '',
    finishReason: typeof reason === 'string' ? reason : null,
    usage:
      usage === null
        ? null
        : { inputTokens: count(usage['prompt_tokens']), outputTokens: count(usage['completion_tokens']) },
  };
}

/** The lines of a body; stops with `too-large` when they are longer than anything honest. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string | null> {
  const decoder = new TextDecoder();
  let rest = '';
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    rest += decoder.decode(piece, { stream: true });
    if (bytes > MAX_STREAM_BYTES || rest.length > MAX_LINE_BYTES + piece.byteLength) {
      yield null;
      return;
    }
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest;
}

function bodyOf(request: CompletionRequest): string {
  const { sampling } = request;
  return JSON.stringify({
    model: request.model,
    messages: request.messages,
    max_tokens: request.maxNewTokens,
    temperature: Math.min(2, sampling.temperature),
    top_p: sampling.top_p,
    ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
    ...(sampling.stop === undefined ? {} : { stop: sampling.stop.slice(0, MAX_STOP_STRINGS) }),
    ...(sampling.frequency_penalty === undefined ? {} : { frequency_penalty: sampling.frequency_penalty }),
    ...(sampling.presence_penalty === undefined ? {} : { presence_penalty: sampling.presence_penalty }),
    stream: true,
    stream_options: { include_usage: true },
  });
}

/**
 * Asks a server with the chat completions interface of OpenAI for an answer, as a stream. Redirects are not followed:
 * they would carry the key and the prompt to a place nobody configured. What such a server says about an error is not
 * passed on, because it may repeat the key or the prompt.
 *
 * @param onText - told of each piece of text; the stream waits for it
 * @returns also what came before `signal` was aborted, with the reason `cancelled`
 */
export async function streamCompletion(
  server: CompletionServer,
  request: CompletionRequest,
  onText: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Result<CompletionEnd, CompletionFailureCode>> {
  let text = '';
  let pieces = 0;
  let reason: 'stop' | 'length' | null = null;
  let usage: CompletionEnd['usage'] = null;
  const timeout = AbortSignal.timeout(server.timeoutMs);
  const end = (ended: CompletionEnd['reason']): Result<CompletionEnd, CompletionFailureCode> =>
    success({ text, reason: ended, usage, pieces });
  try {
    const response = await fetch(`${server.baseUrl.replace(/\/+$/, '')}/chat/completions`, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...(server.key === null ? {} : { authorization: `Bearer ${server.key}` }),
      },
      body: bodyOf(request),
      signal: AbortSignal.any([signal, timeout]),
    });
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      return failed('refused', `It answered with status ${response.status}.`);
    }
    for await (const line of linesOf(response.body)) {
      if (line === null) return failed('too-large', 'Its answer is larger than any answer can be.');
      if (!line.startsWith('data:')) continue;
      const data = line.slice('data:'.length).trim();
      if (data === '[DONE]') break;
      const chunk = readChunk(data);
      if (chunk === null) return failed('answer-invalid', 'Its answer is not a stream of completion chunks.');
      usage = chunk.usage ?? usage;
      if (chunk.finishReason !== null) reason = chunk.finishReason === 'length' ? 'length' : 'stop';
      if (chunk.text === '') continue;
      text += chunk.text;
      pieces += 1;
      if (text.length > request.maxNewTokens * MAX_CHARACTERS_PER_TOKEN) {
        return failed('too-large', 'Its answer is longer than what was asked for.');
      }
      await onText(chunk.text);
    }
    return reason === null ? failed('answer-invalid', 'Its answer broke off.') : end(reason);
  } catch (thrown) {
    if (signal.aborted) return end('cancelled');
    if (timeout.aborted) return failed('timeout', `It took longer than ${server.timeoutMs / 1_000} s.`);
    const code = thrown instanceof Error && record(thrown.cause)?.['code'];
    return failed('unreachable', `It cannot be reached${typeof code === 'string' ? ` (${code})` : ''}.`);
  }
}
