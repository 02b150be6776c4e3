import { success, type Result } from '../../protocol/result';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { CoordinatorInfo } from './coordinator-client';
import { quoteAnswer, type CoordinatorHttp } from './http-requests';
import { readDetail, readRecord, readRoot, readText } from './reading';

/** `GET /` answers at once or not at all. */
const PROBE_TIMEOUT_MS = 10_000;
/** A coordinator introduces itself in a few hundred bytes; a web page may be longer, its beginning is quoted. */
const MAX_PROBE_BYTES = 1_048_576;

/** The failure of a request that was refused for its access token (401 or 403). */
export function unauthorizedFailure(status: number, detail: string | null): ReturnType<typeof nodeFailure> {
  const said = detail === null ? '' : ` It says: ${detail}`;
  return nodeFailure(
    'coordinator-unauthorized',
    `The coordinator asks for an access token that it accepts (status ${status}).${said}`,
    {
      suggestion: 'Ask whoever runs the coordinator for an access token and enter it.',
    },
  );
}

/**
 * Asks who answers at an address. Anything but a JSON object with name and version gives an error that says what came
 * back: a web page, a redirect, another service.
 */
export async function probeCoordinator(
  http: CoordinatorHttp,
  signal?: AbortSignal,
): Promise<Result<CoordinatorInfo, NodeErrorCode>> {
  const answer = await http.send({ path: '/', timeoutMs: PROBE_TIMEOUT_MS, maxBytes: MAX_PROBE_BYTES, signal });
  if (!answer.ok) return answer;
  const { status, json, location } = answer.value;
  if (status === 401 || status === 403) return unauthorizedFailure(status, readDetail(json));
  if (status >= 300 && status < 400) {
    return nodeFailure(
      'coordinator-not-tore',
      `${http.baseUrl} redirects to ${location ?? 'another address'} (status ${status}).`,
      { suggestion: 'Enter the address it redirects to.' },
    );
  }
  const root = status === 200 ? readRoot(json) : null;
  if (root === null) {
    const busy = status === 429 || status >= 500;
    return nodeFailure(
      busy ? 'coordinator-fault' : 'coordinator-not-tore',
      busy
        ? `The coordinator at ${http.baseUrl} is not available now (${quoteAnswer(answer.value)}).`
        : `${http.baseUrl} is not a coordinator: it answered with ${quoteAnswer(answer.value)} instead of its name and version.`,
      busy ? { retryable: true } : { suggestion: 'Check the address; a coordinator answers with JSON.' },
    );
  }
  return success({ baseUrl: http.baseUrl, ...root });
}

/**
 * Asks whether requests have to be signed, and for whom: the coordinator's id, or null for an open one and for the
 * baseline, which has no such call.
 */
export async function askForSigning(http: CoordinatorHttp, signal?: AbortSignal): Promise<string | null> {
  const answer = await http.send({
    path: '/access',
    timeoutMs: PROBE_TIMEOUT_MS,
    maxBytes: MAX_PROBE_BYTES,
    signal,
  });
  if (!answer.ok || answer.value.status !== 200) return null;
  const record = readRecord(answer.value.json);
  const policy = readText(record?.['policy'], 40);
  return policy === 'keyed' || policy === 'institution' ? readText(record?.['coordinator_id'], 200) : null;
}
