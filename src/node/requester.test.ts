import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { SAMPLING_LIMITS } from '../protocol/compute/model';
import { success, type Result } from '../protocol/result';
import { WIRE_LIMITS } from '../protocol/wire/limits';
import type { GenerateOutcome } from '../protocol/wire/messages';
import { REQUEST_PROOF_HEADERS } from '../protocol/wire/request-proof';
import type { CoordinatorConnection, GenerateOptions, GenerateRequest } from './coordinator-client/coordinator-client';
import { nodeFailure } from './errors';
import { openIdentity } from './identity/node-identity';
import { Requester } from './requester';

const request: GenerateRequest = {
  requestId: '0190f0f0-0000-7000-8000-000000000002',
  modelId: 'test/tiny',
  prompt: 'Hi',
  maxNewTokens: 8,
  sampling: { temperature: 1, top_k: 0, top_p: 1 },
};
const outcome: GenerateOutcome = {
  request_id: request.requestId,
  text: 'abc',
  finish_reason: 'stop',
  tokens: 3,
  input_tokens: 1,
  gft_deducted: 0,
  new_balance: 1,
  backend: 'distributed',
  pipeline: [],
  latency_ms: 1,
  model_id: 'test/tiny',
  ledger_ref: null,
  confirmed_at: null,
};
const lost = nodeFailure('connection-lost', 'The connection was lost.', { retryable: true });

type Run = (options: GenerateOptions) => Result<GenerateOutcome>;

/** Connections that answer one after the other, and what they were asked. */
function connections(
  runs: readonly Run[],
  transport: 'websocket' | 'http' = 'websocket',
  baseUrlOf: (index: number) => string = () => 'http://127.0.0.1',
) {
  const asked: { request: GenerateRequest; resumeFrom: number | undefined }[] = [];
  const list = runs.map(
    (run, index) =>
      ({
        transport,
        info: { baseUrl: baseUrlOf(index) },
        generate: async (request: GenerateRequest, options: GenerateOptions) => {
          asked.push({ request, resumeFrom: options.resumeFrom });
          return run(options);
        },
      }) as unknown as CoordinatorConnection,
  );
  const connect = async (before: CoordinatorConnection | null): Promise<CoordinatorConnection | null> => {
    expect(before).toBe(list[asked.length - 1] ?? null);
    return list[asked.length] ?? null;
  };
  return { asked, connect };
}

const requester = new Requester(() => ({ coordinatorUrl: 'http://127.0.0.1', accessToken: null }));
const start = { pipeline: [], inputTokens: 1 };

function say(options: GenerateOptions, from: number, ...texts: string[]): void {
  for (const [offset, text] of texts.entries()) options.onToken?.({ index: from + offset, tokenId: 1, text });
}

describe('a requester', () => {
  it('takes the rest over the next connection, each token once, with the seed of the first', async () => {
    const { asked, connect } = connections([
      (options) => {
        options.onStarted?.(start);
        say(options, 0, 'a', 'b');
        return lost;
      },
      (options) => {
        options.onStarted?.({ ...start, isResumed: true });
        say(options, 1, 'b', 'c');
        return success(outcome);
      },
    ]);
    const texts: string[] = [];
    const answer = await requester.generate(connect, request, { onToken: ({ text }) => texts.push(text) });
    expect(answer).toEqual({ ok: true, value: outcome });
    expect(texts).toEqual(['a', 'b', 'c']);
    expect(asked.map(({ resumeFrom }) => resumeFrom)).toEqual([undefined, 2]);
    expect(asked[0]?.request.sampling.seed).toBeTypeOf('number');
    expect(asked[1]?.request).toEqual(asked[0]?.request);
  });

  it('hears from the start again where the coordinator had to begin anew', async () => {
    const { connect } = connections([
      (options) => {
        options.onStarted?.(start);
        say(options, 0, 'a', 'b');
        return lost;
      },
      (options) => {
        options.onStarted?.(start);
        say(options, 0, 'a', 'b', 'c');
        return success(outcome);
      },
    ]);
    const heard: string[] = [];
    await requester.generate(connect, request, {
      onStarted: ({ isResumed }) => heard.push(isResumed === true ? 'resumed' : 'started'),
      onToken: ({ text }) => heard.push(text),
    });
    expect(heard).toEqual(['started', 'a', 'b', 'started', 'a', 'b', 'c']);
  });

  it('gives up when no connection comes, when it was cancelled, and where nothing can be resumed', async () => {
    const none = connections([() => lost]);
    expect(await requester.generate(none.connect, request, {})).toEqual(lost);
    const http = connections([() => lost, () => success(outcome)], 'http');
    expect(await requester.generate(http.connect, request, {})).toEqual(lost);
    expect(http.asked).toHaveLength(1);
    const controller = new AbortController();
    const cancelled = connections([
      () => {
        controller.abort();
        return lost;
      },
      () => success(outcome),
    ]);
    expect(await requester.generate(cancelled.connect, request, { signal: controller.signal })).toEqual(lost);
    expect(cancelled.asked).toHaveLength(1);
    const refused = connections([() => nodeFailure('balance-too-low', 'Too little.'), () => success(outcome)]);
    expect(await requester.generate(refused.connect, request, {})).toMatchObject({
      error: { code: 'balance-too-low' },
    });
  });

  it('takes no more of an answer than one can have', async () => {
    const { connect } = connections([
      (options) => {
        options.onStarted?.(start);
        for (let index = 0; index < 100; index += 1) say(options, index, 'a'.repeat(100_000));
        for (let index = 100; index < 100_000; index += 1) say(options, index, '');
        return success(outcome);
      },
    ]);
    let [tokens, characters] = [0, 0];
    await requester.generate(connect, request, {
      onToken: ({ text }) => {
        tokens += 1;
        characters += text.length;
      },
    });
    expect(characters).toBeLessThanOrEqual(WIRE_LIMITS.maxTextBytes);
    expect(tokens).toBeLessThanOrEqual(SAMPLING_LIMITS.maxNewTokens);
  });

  it('asks no other coordinator for the rest of an answer', async () => {
    const { asked, connect } = connections(
      [() => lost, () => success(outcome)],
      'websocket',
      (index) => `http://coordinator-${index}`,
    );
    expect(await requester.generate(connect, request, {})).toEqual(lost);
    expect(asked).toHaveLength(1);
  });

  it('signs nothing of one coordinator for another one that was chosen since', async () => {
    const seen: { url: string; headers: IncomingHttpHeaders }[] = [];
    const servers = [0, 1].map(() =>
      createServer(({ url = '', headers }, response) => {
        seen.push({ url, headers });
        response.setHeader('content-type', 'application/json').end('{"token":"session"}');
      }),
    );
    const [first = '', second = ''] = await Promise.all(
      servers.map(async (server) => {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      }),
    );
    const identity = await openIdentity({
      location: 'memory',
      load: async () => success(null),
      save: async () => success(undefined),
    });
    if (!identity.ok) throw new Error(identity.error.message);
    let coordinatorUrl = first;
    const signing = new Requester(() => ({ coordinatorUrl, accessToken: null }));
    signing.speakAs(identity.value, { baseUrl: first, signFor: 'first' });
    await signing.fetchJson('/nodes');
    expect(seen[0]?.headers).toHaveProperty(REQUEST_PROOF_HEADERS.signature);
    coordinatorUrl = second;
    await signing.fetchJson('/nodes');
    expect(seen[1]?.headers).not.toHaveProperty(REQUEST_PROOF_HEADERS.signature);
    // No session is opened either: the first coordinator would take the call from whoever has it.
    expect(await signing.modelSource()).toEqual(success({ baseUrl: second, accessToken: undefined }));
    expect(seen).toHaveLength(2);
    for (const server of servers) await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
});
