import { success, type Result } from '../../../protocol/result';
import { cancelledFailure, engineFailure, reasonOf, type EngineErrorCode } from '../../errors';
import { guardedFetch, RedirectRefused } from './guarded-fetch';

/** Where a model's files can be read: a hub, a mirror, a coordinator or another node. */
export interface ModelSource {
  /** Address of the folder, with or without a slash at its end. */
  readonly baseUrl: string;
  /** Sent as a bearer token where the source asks for one; never to another host. */
  readonly accessToken?: string | undefined;
  /** Hosts to which it may send readers on, beside its own and those known of a hub. */
  readonly redirectHosts?: readonly string[] | undefined;
}

/** A source that sends nothing for so long is given up. */
const STALL_TIMEOUT_MS = 30_000;

/** Address of a file of a source. The path is relative and was checked by `isSafePath`. */
export function fileUrl(source: ModelSource, path: string): string {
  const base = source.baseUrl.endsWith('/') ? source.baseUrl : `${source.baseUrl}/`;
  return base + path.split('/').map(encodeURIComponent).join('/');
}

/** Whether a path from a manifest stays below the folder it is written to, on every system. */
export function isSafePath(path: string): boolean {
  // Also what other systems give a meaning: drives, wildcards, control characters.
  if (path === '' || path.length > 400 || /[\\:*?"<>|\p{Cc}]/u.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[. ]$/.test(part));
}

export interface RangeRequest {
  readonly path: string;
  /** What follows the path behind a question mark. */
  readonly query?: string | undefined;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes; undefined reads to the end. */
  readonly length?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Given each block as it comes; rejecting ends the reading. */
  readonly onBlock: (block: Uint8Array) => Promise<void>;
}

/** Aborts when nothing happens for a while. */
class StallWatch {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {
    this.touch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  touch(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.timeoutMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Reads a range of a file over HTTP, block by block. A source without ranges is read through from the start, and what
 * lies before the range is passed over; more than the range is never taken.
 *
 * @returns the bytes that came; fewer than asked for is a failure
 * @throws what `onBlock` throws
 */
export async function readRange(source: ModelSource, request: RangeRequest): Promise<Result<number, EngineErrorCode>> {
  const { path, offset, length, signal } = request;
  const last = length === undefined ? '' : String(offset + length - 1);
  const stall = new StallWatch(STALL_TIMEOUT_MS);
  const signals = signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal]);
  let response: Response;
  try {
    response = await guardedFetch({
      url: fileUrl(source, path) + (request.query === undefined ? '' : `?${request.query}`),
      headers: {
        // Bytes as they are: a compressed answer has other ranges.
        'accept-encoding': 'identity',
        ...(offset === 0 && length === undefined ? {} : { range: `bytes=${offset}-${last}` }),
      },
      accessToken: source.accessToken,
      redirectHosts: source.redirectHosts,
      signal: signals,
    });
  } catch (thrown) {
    stall.end();
    return readingFailure(source, path, thrown, signal);
  }
  const skip = response.status === 206 ? 0 : offset;
  if (response.status !== 206 && response.status !== 200) {
    stall.end();
    await response.body?.cancel();
    return engineFailure('source-failed', `${source.baseUrl} answered ${response.status} for ${path}.`, {
      // 401: the session that was lent for the fetch is over; the next try brings a new one.
      retryable: ![403, 404].includes(response.status),
      ...suggestionFor(response.status),
    });
  }
  if (response.status === 206 && !startsAt(response, offset)) {
    stall.end();
    await response.body?.cancel();
    return engineFailure('source-failed', `${source.baseUrl} sent another part of ${path} than was asked for.`);
  }
  let passed = 0;
  let taken = 0;
  const blocks = response.body?.getReader();
  try {
    for (;;) {
      if (blocks === undefined || taken === length) break;
      let next;
      try {
        next = await blocks.read();
      } catch (thrown) {
        return readingFailure(source, path, thrown, signal);
      }
      if (next.done) break;
      stall.touch();
      const unwanted = Math.min(next.value.length, Math.max(0, skip - passed));
      passed += next.value.length;
      const wanted = next.value.subarray(unwanted, length === undefined ? undefined : unwanted + length - taken);
      if (wanted.length === 0) continue;
      await request.onBlock(wanted);
      taken += wanted.length;
    }
  } finally {
    stall.end();
    // The rest of an answer that is longer than asked for, or that nobody wants any more.
    await blocks?.cancel().catch(() => undefined);
  }
  if (length !== undefined && taken < length) {
    return engineFailure('source-failed', `${source.baseUrl} ended after ${taken} of ${length} bytes of ${path}.`, {
      retryable: true,
    });
  }
  return success(taken);
}

function suggestionFor(status: number): { suggestion?: string } {
  if (status === 401 || status === 403) {
    return { suggestion: 'It may need an access token, or an account that accepted the model’s terms.' };
  }
  return status === 404 ? { suggestion: 'Check the name and the revision.' } : {};
}

function startsAt(response: Response, offset: number): boolean {
  const match = /^bytes (\d{1,16})-/.exec(response.headers.get('content-range') ?? '');
  return match !== null && Number(match[1]) === offset;
}

function readingFailure(source: ModelSource, path: string, thrown: unknown, signal: AbortSignal | undefined) {
  if (signal?.aborted === true) return cancelledFailure('Fetching the model');
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  const stalled = thrown instanceof Error && thrown.name === 'AbortError';
  const why = stalled ? `nothing came for ${STALL_TIMEOUT_MS / 1_000} s` : reasonOf(cause);
  return engineFailure('source-failed', `${path} could not be read from ${source.baseUrl}: ${why}.`, {
    retryable: !(thrown instanceof RedirectRefused),
  });
}
