import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CoordinatorOptions } from '../config';
import type { Logger } from '../logger';
import { ShardServer } from '../testing/foreign-shard-server';
import { callAt, get, MODEL, post, registerNode, shard, type Json } from '../testing/foreign-client';
import { startTestCoordinator, type TestCoordinator } from '../testing/start-coordinator';
import { fallbackNames } from './fallback-service';

const KEY = 'sk-very-secret';
const PRICE = 100;

/** A server with the chat completions interface, written from its public description. */
class CompletionDouble {
  readonly asked: { readonly path: string; readonly authorization: string; readonly body: Json }[] = [];
  answer: (response: ServerResponse) => void = (response) => {
    this.stream(response, ['Hel', 'lo'], { prompt_tokens: 3, completion_tokens: 2 });
  };
  private readonly server: Server = createServer((request, response) => void this.take(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  begin(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
  }

  chunk(response: ServerResponse, content: string, finishReason: string | null = null): void {
    const choices = [{ index: 0, delta: content === '' ? {} : { content }, finish_reason: finishReason }];
    response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices })}\n\n`);
  }

  stream(response: ServerResponse, texts: readonly string[], usage: Json | null, finishReason = 'stop'): void {
    this.begin(response);
    for (const text of texts) this.chunk(response, text);
    this.chunk(response, '', finishReason);
    if (usage !== null) response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`);
    response.end('data: [DONE]\n\n');
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json;
    this.asked.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '', body });
    this.answer(response);
  }
}

let target: TestCoordinator;
let double: CompletionDouble;
let node: string;
let shards: ShardServer | null = null;
const logged: string[] = [];
const note = (fields: object, text: string): void => {
  logged.push(JSON.stringify(fields) + text);
};
const logger: Logger = { error: note, warn: note, info: note, debug: note };

async function start(options: CoordinatorOptions = {}): Promise<void> {
  target = await startTestCoordinator(
    {
      fallbackBaseUrl: await double.listen(),
      fallbackKey: KEY,
      fallbackModels: [`${MODEL}=big-model`],
      fallbackMicroGftPerToken: PRICE,
      ...options,
    },
    { logger },
  );
  callAt(target.url);
  node = await registerNode('key-a');
}

beforeEach(() => {
  double = new CompletionDouble();
  logged.length = 0;
});
afterEach(async () => {
  await target.coordinator.stop();
  double.close();
  shards?.close();
  shards = null;
});

const question = (more: Json = {}): Json => ({
  node_id: node,
  model_id: MODEL,
  prompt: 'hello',
  max_new_tokens: 8,
  temperature: 0.5,
  request_id: 'r-1',
  ...more,
});
const forced = { force_backend: 'fallback' };
const balance = async (): Promise<number> => Number((await get(`/tokens/${node}/balance`)).body['balance']);

describe('the fallback server', () => {
  it('says its price beforehand, by tokens and whatever the precision, where it answers for the model', async () => {
    await start();
    const priceOf = (query: string) => get(`/inference/cost/estimate?model_id=${MODEL}&max_new_tokens=8${query}`);
    const byNodes = await priceOf('');
    const cost = await priceOf('&force_backend=fallback&input_tokens=3');
    expect(cost.body).toEqual({ ...byNodes.body, estimated_gft: (11 * PRICE) / 1e6 });
    expect(cost.body).not.toEqual(byNodes.body);
    expect((await priceOf('&force_backend=distributed&input_tokens=3')).body).toEqual(byNodes.body);
    expect((await priceOf('&force_backend=fallback&input_tokens=-1')).status).toBe(422);
    const answer = await post('/inference/generate', question(forced));
    expect(Number(answer.body['gft_deducted'])).toBeLessThanOrEqual(Number(cost.body['estimated_gft']));
    const other = await get('/inference/cost/estimate?model_id=org/other&max_new_tokens=8&force_backend=fallback');
    expect(other).toMatchObject({ status: 503, body: { code: 'backend-unavailable' } });
  });

  it('answers when it is asked for, says so, and is paid per token', async () => {
    await start();
    const answer = await post('/inference/generate', question(forced));
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      text: 'Hello',
      backend: 'fallback',
      pipeline: [],
      input_tokens: 3,
      tokens: 2,
      finish_reason: 'stop',
      gft_deducted: (5 * PRICE) / 1e6,
      new_balance: 10 - (5 * PRICE) / 1e6,
    });
    expect(double.asked).toEqual([
      {
        path: '/v1/chat/completions',
        authorization: `Bearer ${KEY}`,
        body: expect.objectContaining({
          model: 'big-model',
          messages: [{ role: 'user', content: 'hello' }],
          max_tokens: 8,
          temperature: 0.5,
          stream: true,
        }) as unknown,
      },
    ]);
    const history = (await get(`/tokens/${node}/history`)).body['entries'] as Json[];
    expect(history[1]).toMatchObject({
      event_type: 'redemption',
      reason: expect.stringContaining('fallback server') as string,
      inference_request_id: 'r-1',
    });
    expect((await get('/tokens/ledger/verify')).body).toMatchObject({ chain_valid: true, total_entries: 2 });
    expect((await post('/inference/generate', question(forced))).status).toBe(409);
  });

  it('streams, and takes the pieces for tokens where the server does not count', async () => {
    await start();
    double.answer = (response) => double.stream(response, ['a', 'b', 'c'], null, 'length');
    const response = await fetch(`${target.url}/inference/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(question(forced)),
    });
    const text = await response.text();
    expect([...text.matchAll(/event: (\w+)/g)].map((match) => match[1])).toEqual([
      'started',
      'token',
      'token',
      'token',
      'finished',
    ]);
    expect(text).toContain('"backend":"fallback"');
    expect(text).toContain('"tokens":3');
    expect(text).toContain('"finish_reason":"length"');
  });

  it('is not asked unless the operator or the requester wants it', async () => {
    await start();
    expect((await post('/inference/generate', question())).status).toBe(503);
    expect(double.asked).toEqual([]);
    expect((await post('/inference/generate', question({ ...forced, model_id: 'other' }))).body['code']).toBe(
      'backend-unavailable',
    );
  });

  it('steps in where no pipeline can answer, if the operator wants that, and not where one can', async () => {
    await start({ fallbackUse: 'unavailable', fallbackModels: [MODEL, 'only/there'] });
    expect((await post('/inference/generate', question())).body['backend']).toBe('fallback');
    expect((await post('/inference/generate', question({ request_id: 'r-2', model_id: 'only/there' }))).status).toBe(
      200,
    );
    const wanted = question({ request_id: 'r-3', force_backend: 'distributed' });
    expect((await post('/inference/generate', wanted)).status).toBe(503);
    const worker = await registerNode('key-b');
    shards = await new ShardServer().listen();
    await post('/inference/shards/register', shard(worker, 0, 7, shards.port));
    expect((await post('/inference/generate', question({ request_id: 'r-4' }))).body['backend']).toBe('distributed');
    expect(double.asked.map(({ body }) => body['model'])).toEqual([MODEL, 'only/there']);
  });

  it.each([
    ['refuses', (response: ServerResponse) => response.writeHead(401).end(`bad key ${KEY}`), 'status 401'],
    [
      'redirects',
      (response: ServerResponse) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
      'status 307',
    ],
    [
      'says something else',
      (response: ServerResponse) => response.writeHead(200).end('data: <html>\n\n'),
      'not a stream',
    ],
    ['breaks off', (response: ServerResponse) => response.writeHead(200).end('data: {"choices":[]}\n\n'), 'broke off'],
    [
      'reports an error',
      (response: ServerResponse) => response.writeHead(200).end(`data: {"error":{"message":"${KEY}"}}\n\n`),
      'not a stream',
    ],
    [
      'sends more than was asked for',
      (response: ServerResponse) => {
        double.begin(response);
        double.chunk(response, 'x'.repeat(8 * 256 + 1));
      },
      'longer than',
    ],
    [
      'sends a line without end',
      (response: ServerResponse) => {
        double.begin(response);
        response.write(`data: ${'x'.repeat(3 * 1024 * 1024)}`);
      },
      'larger than',
    ],
  ])('costs nothing when it %s, and nothing it said is passed on', async (_name, answer, said) => {
    await start();
    double.answer = answer;
    const failed = await post('/inference/generate', question(forced));
    expect(failed.status).toBe(503);
    expect(failed.body['code']).toBe('backend-unavailable');
    expect(String(failed.body['detail'])).toContain(said);
    expect(JSON.stringify(failed.body) + logged.join('\n')).not.toContain(KEY);
    expect(await balance()).toBe(10);
    double.answer = (response) => double.stream(response, ['ok'], null);
    expect((await post('/inference/generate', question(forced))).status).toBe(200);
  });

  it('ends with its time limit', async () => {
    await start({ fallbackTimeoutSeconds: 0.05 });
    double.answer = (response) => double.begin(response);
    expect((await post('/inference/generate', question(forced))).body['detail']).toContain('longer than 0.05 s');
    expect(await balance()).toBe(10);
  });

  it('stops with the requester, who pays for what came', async () => {
    await start();
    const closed = new Promise<void>((resolve) => {
      double.answer = (response) => {
        double.begin(response);
        double.chunk(response, 'first');
        response.on('close', resolve);
      };
    });
    const leave = new AbortController();
    const response = await fetch(`${target.url}/inference/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(question(forced)),
      signal: leave.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    leave.abort();
    await closed;
    await expect.poll(balance).toBe(10 - PRICE / 1e6);
  });

  it('needs a balance for the most it can cost', async () => {
    await start({ openingGrantMicroGft: 10 * PRICE });
    expect((await post('/inference/generate', question(forced))).status).toBe(402);
    expect(double.asked).toEqual([]);
  });
});

describe('fallbackNames', () => {
  it('reads pairs and single names', () => {
    expect([...fallbackNames(['a/b=c=d', 'e'])]).toEqual([
      ['a/b', 'c=d'],
      ['e', 'e'],
    ]);
  });
});
