import { parseShallowJson } from '../../protocol/documents/shallow-json';
import { success, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import type { SignRequest } from '../identity/request-signer';
import type { SilenceLimit } from './silence-limit';

/** Time a coordinator has for an ordinary answer. */
export const CALL_TIMEOUT_MS = 30_000;
/** How long nothing may be heard of an answer to `generate`; without a stream it comes whole, after its last token. */
export const GENERATE_TIMEOUT_MS = 600_000;
/** Largest JSON answer that is read: a ledger page of 1,000 entries takes about 1 MB. */
export const MAX_ANSWER_BYTES = 8 * 1_024 * 1_024;
/** How much of an unexpected answer an error message quotes. */
const QUOTE_LENGTH = 80;

/** An answer with its body read and, where it is JSON, parsed. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  /** Parsed JSON, or undefined when the body is none. */
  readonly json: unknown;
  readonly text: string;
  /** Where a redirect points. */
  readonly location: string | null;
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash; relative to the coordinator's base address. */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** In place of `timeoutMs`, for answers that come in pieces. */
  readonly silence?: SilenceLimit;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
  readonly accept?: string;
}

/** Reads a body up to a limit; null when there is more. */
async function readBounded(response: Response, maxBytes: number): Promise<string | null> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > maxBytes) {
      await reader.cancel();
      return null;
    }
    parts.push(value);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return parseShallowJson(text, WIRE_LIMITS.maxToldDepth);
  } catch {
    return undefined;
  }
}

/** One line of an answer that is not what was expected, for a message: no markup, no control characters. */
export function quoteAnswer(answer: HttpAnswer): string {
  const kind = answer.contentType.split(';')[0]?.trim().slice(0, QUOTE_LENGTH) ?? '';
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(answer.text)?.[1];
  const words = (title ?? answer.text.slice(0, 1_000).replace(/<[^>]*>/g, ' '))
    .replace(/[^\x20-\x7e\u00a0-\uffff]+|\s+/g, ' ')
    .trim();
  const quoted = words.length > QUOTE_LENGTH ? `${words.slice(0, QUOTE_LENGTH)}…` : words;
  return `status ${answer.status}, ${kind === '' ? 'no content type' : kind}${quoted === '' ? '' : `, “${quoted}”`}`;
}

/** Bounded HTTP requests to one coordinator, with its access token where one is set. */
export class CoordinatorHttp {
  constructor(
    readonly baseUrl: string,
    private readonly accessToken: string | null,
    private readonly fetchFunction: typeof fetch = fetch,
    private readonly sign: SignRequest | null = null,
  ) {}

  /** The same, with every request signed. */
  signedBy(sign: SignRequest): CoordinatorHttp {
    return new CoordinatorHttp(this.baseUrl, this.accessToken, this.fetchFunction, sign);
  }

  /** A coordinator behind a path sees the path without what its proxy takes away, so only the call itself is signed. */
  private proofOf(request: HttpRequest, body: string | null): Record<string, string> {
    return this.sign === null ? {} : this.sign(request.method ?? 'GET', request.path, body ?? '');
  }

  /** Headers of every request, the WebSocket's as well. */
  headers(): Record<string, string> {
    return this.accessToken === null ? {} : { authorization: `Bearer ${this.accessToken}` };
  }

  /** Sends a request and leaves the body unread, for answers that stream. Redirects are not followed. */
  async open(request: HttpRequest): Promise<Result<Response, NodeErrorCode>> {
    const timeout = request.silence?.signal ?? AbortSignal.timeout(request.timeoutMs ?? CALL_TIMEOUT_MS);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    try {
      return success(
        await this.fetchFunction(this.baseUrl + request.path, {
          method: request.method ?? 'GET',
          headers: {
            ...this.headers(),
            ...this.proofOf(request, body),
            accept: request.accept ?? 'application/json',
            ...(body === null ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === null ? {} : { body }),
          redirect: 'manual',
          signal,
        }),
      );
    } catch (thrown) {
      return this.describe(thrown, request, timeout);
    }
  }

  /** Sends a request and reads its whole answer, whatever its status. */
  async send(request: HttpRequest): Promise<Result<HttpAnswer, NodeErrorCode>> {
    const response = await this.open(request);
    return response.ok ? this.read(response.value, request) : response;
  }

  /** Reads the whole body of an answer from `open`. */
  async read(response: Response, request: HttpRequest): Promise<Result<HttpAnswer, NodeErrorCode>> {
    const maxBytes = request.maxBytes ?? MAX_ANSWER_BYTES;
    try {
      const text = await readBounded(response, maxBytes);
      if (text === null) {
        return nodeFailure('answer-too-large', `The coordinator's answer has more than ${maxBytes} bytes.`);
      }
      return success({
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        json: parseJson(text),
        text,
        location: response.headers.get('location'),
      });
    } catch (thrown) {
      return this.describe(thrown, request, request.silence?.signal ?? null);
    }
  }

  private describe(thrown: unknown, request: HttpRequest, timeout: AbortSignal | null): ReturnType<typeof nodeFailure> {
    if (request.signal?.aborted === true) return nodeFailure('cancelled', 'The request was cancelled.');
    if (timeout?.aborted === true || (thrown instanceof Error && thrown.name === 'TimeoutError')) {
      const seconds = (request.silence?.limitMs ?? request.timeoutMs ?? CALL_TIMEOUT_MS) / 1_000;
      return nodeFailure('coordinator-timeout', `${this.baseUrl} did not answer within ${seconds} s.`, {
        retryable: true,
      });
    }
    return nodeFailure('coordinator-unreachable', `${this.baseUrl} cannot be reached: ${reasonOf(thrown)}.`, {
      retryable: true,
      suggestion: 'Check the address and the network; the node tries again by itself.',
    });
  }
}
