import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { OwnModel } from './own-models-service';
import { askProvider } from './provider-answers';

const PROMPT = 'a secret plan';
const KEY = 'sk-very-secret';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => handler(request, response, body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

const model = (baseUrl: string): OwnModel => ({
  id: 'm',
  kind: 'openai-compatible',
  name: 'helper',
  modelId: 'helper-1',
  baseUrl,
  contextLength: 4_096,
  maxNewTokens: 64,
});
const request = { messages: [{ role: 'user' as const, content: PROMPT }], maxNewTokens: 64, temperature: 0 };

async function ask(baseUrl: string, signal = new AbortController().signal, onText: (text: string) => void = () => {}) {
  return askProvider(model(baseUrl), KEY, request, { onText, signal });
}

function chunk(content: string, finish: string | null = null, more: object = {}): string {
  const choice = { index: 0, delta: { content }, finish_reason: finish };
  return `data: ${JSON.stringify({ id: 'c', created: 1, model: 'helper-1', choices: [choice], ...more })}\n\n`;
}

describe('asking a server of one’s own', () => {
  it('streams its text and counts its tokens, with the key in the header and nowhere else', async () => {
    let seen: { authorization: string | undefined; body: string; path: string | undefined } | null = null;
    const url = await serve(({ headers, url: path }, response, body) => {
      seen = { authorization: headers.authorization, body, path };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk('Two '));
      response.write(chunk('words', 'stop', { usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 } }));
      response.end('data: [DONE]\n\n');
    });
    const pieces: string[] = [];
    const answer = await ask(url, undefined, (text) => pieces.push(text));
    expect(answer).toEqual({
      ok: true,
      value: { text: 'Two words', inputTokens: 7, outputTokens: 2, finishReason: 'stop' },
    });
    expect(pieces).toEqual(['Two ', 'words']);
    expect(seen).toMatchObject({ authorization: `Bearer ${KEY}`, path: '/v1/chat/completions' });
    expect(JSON.stringify(seen)).toContain(PROMPT);
    expect((seen as { body: string } | null)?.body).not.toContain(KEY);
  });

  it('follows no redirect: the key and the words reach nobody else', async () => {
    let reached = 0;
    const elsewhere = await serve((_request, response) => {
      reached += 1;
      response.end('{}');
    });
    const url = await serve((_request, response) => {
      response.writeHead(307, { location: `${elsewhere}/chat/completions` });
      response.end();
    });
    expect(await ask(url)).toMatchObject({ ok: false, error: { code: 'provider-failed' } });
    expect(reached).toBe(0);
  });

  it.each([
    [401, 'provider-refused'],
    [404, 'provider-refused'],
    [500, 'provider-failed'],
  ])('explains status %i without quoting anything', async (status, code) => {
    const url = await serve((_request, response, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: `bad key ${KEY} for ${body}` } }));
    });
    const answer = await ask(url);
    expect(answer).toMatchObject({ ok: false, error: { code } });
    expect(JSON.stringify(answer)).not.toMatch(/secret/);
  });

  it('says that nobody is there, and stops when it is told to', async () => {
    expect(await ask('http://127.0.0.1:1/v1')).toMatchObject({ ok: false, error: { code: 'provider-failed' } });
    const abort = new AbortController();
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk('endless '));
    });
    const answer = await ask(url, abort.signal, () => abort.abort());
    expect(answer).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  });
});
