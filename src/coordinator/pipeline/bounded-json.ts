/** Why an answer over HTTP could not be used. */
export type HttpAnswer =
  | { readonly kind: 'json'; readonly status: number; readonly value: unknown }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'not-json'; readonly status: number; readonly contentType: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause;
  return cause instanceof Error ? `${thrown.message} (${cause.message})` : thrown.message;
}

/** Posts JSON and reads a JSON answer of at most `maxBytes`. Redirects are not followed: they would leave the checked host. */
export async function postJson(url: string, body: unknown, maxBytes: number, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal,
    });
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of response.body ?? []) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) return { kind: 'too-large' };
      chunks.push(chunk);
    }
    const contentType = response.headers.get('content-type') ?? 'no content type';
    try {
      const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      return { kind: 'json', status: response.status, value };
    } catch {
      return { kind: 'not-json', status: response.status, contentType };
    }
  } catch (thrown) {
    return { kind: 'unreachable', reason: reasonOf(thrown) };
  }
}
