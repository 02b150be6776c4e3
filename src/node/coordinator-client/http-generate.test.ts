import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock, until } from '../test-doubles/manual-clock';
import type { GenerateRequest } from './coordinator-client';
import { generateOverHttp, promptOf } from './http-generate';
import { CoordinatorHttp, GENERATE_TIMEOUT_MS } from './http-requests';
import { readServerSentEvents } from './server-sent-events';

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function answering(status: number, contentType: string, parts: string[], end = true): Promise<CoordinatorHttp> {
  server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': contentType });
    for (const part of parts) response.write(part);
    if (end) response.end();
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return new CoordinatorHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, null);
}

const request: GenerateRequest = {
  requestId: 'r',
  modelId: 'm',
  messages: [{ role: 'user', content: 'Hi' }],
  maxNewTokens: 4,
  sampling: { temperature: 0, top_k: 0, top_p: 1 },
};

describe('generateOverHttp', () => {
  it('streams where the coordinator does', async () => {
    const http = await answering(200, 'text/event-stream', [
      'event: started\ndata: {"pipeline":[{"node_id":"n","layer_start":0,"layer_end":3,"transport":"http"}],"input_tokens":2}\n\n',
      'event: token\ndata: {"index":0,"token_id":5,"te',
      'xt":"a"}\n\nevent: token\r\ndata: {"index":1,"token_id":6,"text":"b"}\r\n\r\n: comment\n\n',
      'event: done\ndata: {"text":"ab","tokens":2,"finish_reason":"length","gft_deducted":0.5}\n\n',
    ]);
    const texts: string[] = [];
    const outcome = await generateOverHttp(http, 'node', request, { onToken: ({ text }) => texts.push(text) });
    expect(outcome).toMatchObject({ ok: true, value: { text: 'ab', finish_reason: 'length', gft_deducted: 0.5 } });
    expect(texts).toEqual(['a', 'b']);
  });

  it('reads log-probabilities of a stream and of a whole answer, and leaves wrong ones out', async () => {
    const described = { id: 5, text: 'a', logprob: -0.5, top: [] };
    const event = (index: number, logprobs: unknown): string =>
      `event: token\ndata: ${JSON.stringify({ index, token_id: 5, text: 'a', logprobs })}\n\n`;
    const end = 'event: finished\ndata: {"text":"aa","tokens":2}\n\n';
    const streamed = await answering(200, 'text/event-stream', [
      event(0, described),
      event(1, { ...described, logprob: 3 }),
      end,
    ]);
    const tokens: unknown[] = [];
    await generateOverHttp(streamed, 'node', request, { onToken: (token) => tokens.push(token) });
    expect(tokens).toEqual([
      { index: 0, tokenId: 5, text: 'a', logProbabilities: described },
      { index: 1, tokenId: 5, text: 'a', logProbabilities: undefined },
    ]);
    server?.close();
    const answer = { text: 'aa', tokens: 2, logprobs: [null, described] };
    const whole = await answering(200, 'application/json', [JSON.stringify(answer)]);
    tokens.length = 0;
    await generateOverHttp(whole, 'node', request, { onToken: (token) => tokens.push(token) });
    expect(tokens).toEqual([
      { index: 0, tokenId: 0, text: '', logProbabilities: undefined },
      { index: 1, tokenId: 5, text: 'aa', logProbabilities: described },
    ]);
  });

  it('takes no amount that cannot be kept', async () => {
    const answer = { text: 'a', tokens: 1, gft_deducted: 1e300, new_balance: -1e300 };
    const http = await answering(200, 'application/json', [JSON.stringify(answer)]);
    const outcome = await generateOverHttp(http, 'node', request, {});
    expect(outcome).toMatchObject({ ok: true, value: { text: 'a', gft_deducted: 0, new_balance: null } });
  });

  it('tells the place in the line', async () => {
    const http = await answering(200, 'text/event-stream', [
      'event: queued\ndata: {"request_id":"r","position":2,"waiting":3}\n\n',
      'event: queued\ndata: {"request_id":"r","position":0}\n\n',
      'event: queued\ndata: {"request_id":"r","position":1}\n\n',
      'event: finished\ndata: {"text":"ab","tokens":2,"backend":"fallback"}\n\n',
    ]);
    const places: unknown[] = [];
    const outcome = await generateOverHttp(http, 'node', request, { onQueued: (place) => places.push(place) });
    expect(places).toEqual([
      { position: 2, waiting: 3 },
      { position: 1, waiting: 1 },
    ]);
    expect(outcome).toMatchObject({ ok: true, value: { backend: 'fallback' } });
  });

  it('reports an error in the stream and a stream that breaks off', async () => {
    const failed = await answering(200, 'text/event-stream', ['event: error\ndata: {"detail":"A node left."}\n\n']);
    expect(await generateOverHttp(failed, 'node', request, {})).toMatchObject({ error: { message: 'A node left.' } });
    server?.close();
    const broken = await answering(200, 'text/event-stream', ['event: token\ndata: {"text":"a"}\n\n']);
    expect(await generateOverHttp(broken, 'node', request, {})).toMatchObject({ error: { code: 'connection-lost' } });
  });

  it.each([
    [402, '{"detail":"Balance too low"}', 'balance-too-low'],
    [503, '{"detail":"No pipeline"}', 'no-pipeline'],
    [422, '{"detail":[{"loc":["body"],"msg":"bad"}]}', 'coordinator-refused'],
    [500, 'Internal Server Error', 'coordinator-fault'],
    [200, '{"tokens":1}', 'answer-invalid'],
  ])('turns %i %s into %s', async (status, body, code) => {
    const http = await answering(status, 'application/json', [body]);
    expect(await generateOverHttp(http, 'node', request, {})).toMatchObject({ ok: false, error: { code } });
  });

  it('ends when it is cancelled', async () => {
    const http = await answering(200, 'text/event-stream', ['event: token\ndata: {"text":"a"}\n\n'], false);
    const controller = new AbortController();
    const outcome = generateOverHttp(http, 'node', request, {
      signal: controller.signal,
      onToken: () => controller.abort(),
    });
    expect(await outcome).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  });

  it('waits as long as something comes, and ends when nothing comes for too long', async () => {
    const http = await answering(200, 'text/event-stream', [], false);
    const clock = new ManualClock();
    const token = (index: number): string => `event: token\ndata: {"index":${index},"text":"a"}\n\n`;
    let answer: ServerResponse | null = null;
    server?.prependListener('request', (_request, response) => (answer = response));
    const texts: string[] = [];
    const outcome = generateOverHttp(http, 'node', request, { onToken: ({ text }) => texts.push(text) }, clock);
    await until(() => answer !== null);
    for (let index = 0; index < 3; index += 1) {
      clock.advance(GENERATE_TIMEOUT_MS - 1);
      (answer as ServerResponse | null)?.write(token(index));
      await until(() => texts.length === index + 1);
    }
    clock.advance(GENERATE_TIMEOUT_MS);
    expect(await outcome).toMatchObject({ ok: false, error: { code: 'coordinator-timeout', retryable: true } });
    expect(clock.waiting).toEqual([]);
  });

  it('makes one prompt of a chat', () => {
    expect(promptOf(request)).toBe('Hi');
    const messages = [
      { role: 'user' as const, content: 'Hi' },
      { role: 'assistant' as const, content: 'Hello' },
      { role: 'user' as const, content: 'Bye' },
    ];
    expect(promptOf({ ...request, messages })).toBe('user: Hi\nassistant: Hello\nuser: Bye\nassistant:');
  });
});

describe('readServerSentEvents', () => {
  it('refuses an event without end', async () => {
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1_048_576).fill(97)),
    });
    const read = async (): Promise<void> => {
      for await (const event of readServerSentEvents(body)) void event;
    };
    await expect(read()).rejects.toThrow('too large');
  });

  it('refuses an event of lines without end', async () => {
    const lines = new TextEncoder().encode('data: aaaaaaaa\ndata:\n'.repeat(10_000));
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('data: whole\n\n')),
      pull: (controller) => {
        pulls += 1;
        if (pulls > 100) controller.close();
        else controller.enqueue(lines);
      },
    });
    let events = 0;
    const read = async (): Promise<void> => {
      for await (const event of readServerSentEvents(body)) events += event.data.length > 0 ? 1 : 0;
    };
    await expect(read()).rejects.toThrow('too large');
    expect(events).toBe(1);
  });
});
