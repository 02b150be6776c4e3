import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { success, type Result } from '../../protocol/result';
import { nodeFailure, reasonOf, type NodeErrorCode } from '../errors';
import { refusal } from './http-connection';
import type { CoordinatorHttp } from './http-requests';

/** Time for a whole export; a million entries take a few minutes on a slow line. */
const DOWNLOAD_TIMEOUT_MS = 600_000;
/** More than ten million entries. A coordinator that sends without end must not fill the disk. */
const MAX_DOWNLOAD_BYTES = 8 * 1_024 ** 3;

/** Lets bytes through up to a limit. */
function bounded(maxBytes: number): Transform {
  let passed = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      passed += chunk.byteLength;
      if (passed > maxBytes) done(new Error(`the answer has more than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}

/**
 * Writes what a coordinator answers to a file, which appears when it is whole; one of that name is replaced. Fails with
 * the codes of `CoordinatorHttp.open` and of a refused call, or with `download-failed` when the answer or the disk ends
 * early; then nothing is left behind.
 */
export async function downloadTo(
  http: CoordinatorHttp,
  path: string,
  file: string,
  what: string,
): Promise<Result<void, NodeErrorCode>> {
  const request = { path, accept: '*/*', timeoutMs: DOWNLOAD_TIMEOUT_MS };
  const opened = await http.open(request);
  if (!opened.ok) return opened;
  if (opened.value.status >= 300 || opened.value.body === null) {
    const answer = await http.read(opened.value, request);
    return answer.ok ? refusal(answer.value, what) : answer;
  }
  const partial = `${file}.partial`;
  try {
    const body = Readable.fromWeb(opened.value.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, bounded(MAX_DOWNLOAD_BYTES), createWriteStream(partial));
    await rename(partial, file);
    return success(undefined);
  } catch (thrown) {
    await rm(partial, { force: true });
    return nodeFailure('download-failed', `${what} did not finish: ${reasonOf(thrown)}. Nothing was kept.`, {
      retryable: true,
      suggestion: 'Check the connection and the free space, and try again.',
    });
  }
}
