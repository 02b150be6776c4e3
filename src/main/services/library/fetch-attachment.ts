import { createHash } from 'node:crypto';
import { webAddressOf } from '../../../protocol/documents/web-address';
import type { Attachment } from '../../../protocol/documents/attachment';
import { success, type Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';

/** Bytes fetched at most: what an inline attachment may hold. */
const MAX_BYTES = 125_829_120;
/** A server that says nothing for this long is given up. */
const TIMEOUT_MS = 120_000;

/** The part of `fetch` that is needed; tests bring their own. */
export type FetchAddress = (
  address: string,
  options: { readonly redirect: 'error'; readonly credentials: 'omit'; readonly signal: AbortSignal },
) => Promise<{
  readonly ok: boolean;
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array> | null;
}>;

function hostOf(address: string): string {
  return new URL(address).host;
}

/**
 * Fetches a file that a document keeps elsewhere, from exactly the address the document says: no redirects, no cookies.
 * Called only when a person asks for it. More bytes than the document says end it at once, and what does not match the
 * checksum is thrown away.
 */
export async function fetchAttachment(attachment: Attachment, fetchAddress: FetchAddress): Promise<Result<Uint8Array>> {
  const address = attachment.storage === 'reference' ? webAddressOf(attachment.uri) : null;
  if (address === null) {
    return mainFailure('address-refused', `${attachment.name} lies at no address of the web, so it cannot be fetched.`);
  }
  if (attachment.size_bytes > MAX_BYTES) {
    return mainFailure('fetch-failed', `${attachment.name} is larger than ${MAX_BYTES / 1_048_576} MB.`, {
      suggestion: 'Open its address in the browser instead.',
    });
  }
  const host = hostOf(address);
  try {
    const answer = await fetchAddress(address, {
      redirect: 'error',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok || answer.body === null) {
      return mainFailure('fetch-failed', `${host} answered with ${answer.status} instead of the file.`, {
        retryable: true,
      });
    }
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    const hash = createHash('sha256');
    for await (const chunk of answer.body) {
      sizeBytes += chunk.length;
      if (sizeBytes > attachment.size_bytes) return mismatch(attachment, host);
      chunks.push(chunk);
      hash.update(chunk);
    }
    const matches = sizeBytes === attachment.size_bytes && hash.digest('hex') === attachment.checksum.value;
    return matches ? success(Buffer.concat(chunks)) : mismatch(attachment, host);
  } catch (thrown) {
    return mainFailure('fetch-failed', `${attachment.name} could not be fetched from ${host}: ${reasonOf(thrown)}.`, {
      retryable: true,
      suggestion: 'Check the connection, or ask who sent the conversation for the file.',
    });
  }
}

function mismatch(attachment: Attachment, host: string) {
  return mainFailure(
    'checksum-mismatch',
    `What ${host} sent for ${attachment.name} is not the file the conversation names. Nothing of it was kept.`,
    { suggestion: 'Ask who sent the conversation for the file.' },
  );
}
