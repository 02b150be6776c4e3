import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/** Why an answer over HTTP could not be used. */
export type HttpAnswer =
  | { readonly kind: 'json'; readonly status: number; readonly value: unknown }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'not-json'; readonly status: number; readonly contentType: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

/** Idle connections are closed first here: common servers do so after five seconds, and a request could meet that. */
const IDLE_MS = 4_000;
const AGENTS = {
  http: new HttpAgent({ keepAlive: true, timeout: IDLE_MS }),
  https: new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }),
};

function reasonOf(thrown: unknown): string {
  // One failure for each address of the host.
  if (thrown instanceof AggregateError) return thrown.errors.map(reasonOf).join('; ');
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function request(url: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      accept: 'application/json',
    };
    const options = { method: 'POST', headers, signal };
    const sent = url.startsWith('https:')
      ? requestHttps(url, { ...options, agent: AGENTS.https })
      : requestHttp(url, { ...options, agent: AGENTS.http });
    sent.on('response', resolve).on('error', reject).end(body);
  });
}

/**
 * Posts JSON and reads a JSON answer of at most `maxBytes`. Only `signal` ends the wait: `fetch` gives up after five
 * minutes of silence, and a whole answer may take longer. Redirects are not followed: they would leave the checked host.
 */
export async function postJson(url: string, body: unknown, maxBytes: number, signal: AbortSignal): Promise<HttpAnswer> {
  try {
    const response = await request(url, JSON.stringify(body), signal);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      sizeBytes += chunk.byteLength;
      // Leaving the loop closes the connection.
      if (sizeBytes > maxBytes) return { kind: 'too-large' };
      chunks.push(chunk);
    }
    const status = response.statusCode ?? 0;
    try {
      const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      return { kind: 'json', status, value };
    } catch {
      return { kind: 'not-json', status, contentType: response.headers['content-type'] ?? 'no content type' };
    }
  } catch (thrown) {
    return { kind: 'unreachable', reason: reasonOf(thrown) };
  }
}
