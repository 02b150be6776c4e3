import { request as httpRequest } from 'node:http';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure, success, type Result } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { GenerateOptions, GenerateRequest } from '../coordinator-client/coordinator-client';
import { silentLogger } from '../logger';
import { until } from '../test-doubles/manual-clock';
import { ApiKeys } from './api-keys';
import { LocalApi } from './local-api';

const WORDS = ['A shard', ' is a range', ' of layers.'];

function outcomeOf(request: GenerateRequest, text: string): GenerateOutcome {
  return {
    request_id: request.requestId,
    text,
    finish_reason: 'stop',
    tokens: WORDS.length,
    input_tokens: 7,
    gft_deducted: 0.000123,
    new_balance: 9.5,
    backend: 'distributed',
    pipeline: [],
    latency_ms: 12,
    model_id: request.modelId,
    ledger_ref: 'entry-1',
    confirmed_at: '2026-01-02T03:04:05.000Z',
  };
}

type Generate = (request: GenerateRequest, options: GenerateOptions) => Promise<Result<GenerateOutcome>>;

/** Streams the words as a coordinator with a WebSocket does. */
const answerInWords: Generate = async (request, options) => {
  options.onStarted?.({ pipeline: [], inputTokens: 7 });
  WORDS.forEach((text, index) => options.onToken?.({ index, tokenId: index, text }));
  return success(outcomeOf(request, WORDS.join('')));
};

let folder: string;
let api: LocalApi;
let keys: ApiKeys;
let key: string;
let baseUrl: string;
let generate: Generate;
let asked: GenerateRequest[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-api-'));
  const opened = await ApiKeys.open(join(folder, 'api-keys.json'));
  if (!opened.ok) throw new Error(opened.error.message);
  keys = opened.value;
  const made = await keys.create('editor', 0);
  if (!made.ok) throw new Error(made.error.message);
  ({ key } = made.value);
  generate = answerInWords;
  asked = [];
  const listing = {
    models: [{ model_id: 'org/tiny', pipeline_available: true, context_length: 512 }, { model_id: 'other' }],
  };
  api = new LocalApi(
    {
      generate: (request, options) => {
        asked.push(request);
        return generate(request, options);
      },
      fetchJson: async () => success(listing),
      acceptsKey: (text) => keys.accepts(text),
      nowMs: () => 1_700_000_000_500,
    },
    silentLogger,
  );
  const listening = await api.open(0);
  if (!listening.ok) throw new Error(listening.error.message);
  ({ baseUrl } = listening.value);
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

function client(apiKey = key): OpenAI {
  return new OpenAI({ apiKey, baseURL: baseUrl, maxRetries: 0 });
}

const QUESTION = { model: 'org/tiny', messages: [{ role: 'user' as const, content: 'What is a shard?' }] };

describe('with the stock client', () => {
  it('lists the models of the coordinator', async () => {
    const models = await client().models.list();
    expect(models.data.map(({ id, object }) => ({ id, object }))).toEqual([
      { id: 'org/tiny', object: 'model' },
      { id: 'other', object: 'model' },
    ]);
    expect(await client().models.retrieve('org/tiny')).toMatchObject({
      id: 'org/tiny',
      tore: { available: true, context_length: 512 },
    });
    await expect(client().models.retrieve('absent')).rejects.toThrow(NotFoundError);
  });

  it('answers a chat with tokens and the settled cost', async () => {
    const answer = await client().chat.completions.create({
      ...QUESTION,
      messages: [
        { role: 'developer', content: 'Be short.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is ' },
            { type: 'text', text: 'a shard?' },
          ],
        },
      ],
      max_completion_tokens: 40,
      temperature: 0,
      seed: -1,
      stop: ['\n'],
      presence_penalty: 0.5,
      frequency_penalty: -1,
    });
    expect(asked[0]).toMatchObject({
      modelId: 'org/tiny',
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'user', content: 'What is a shard?' },
      ],
      maxNewTokens: 40,
      sampling: {
        temperature: 0,
        top_k: 0,
        top_p: 1,
        seed: 4_294_967_295,
        stop: ['\n'],
        presence_penalty: 0.5,
        frequency_penalty: -1,
      },
    });
    expect(answer).toMatchObject({
      object: 'chat.completion',
      created: 1_700_000_000,
      model: 'org/tiny',
      choices: [{ message: { role: 'assistant', content: WORDS.join('') }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: 7,
        completion_tokens: 3,
        total_tokens: 10,
        tore_cost: { amount: 0.000123, unit: 'GFT', ledger_ref: 'entry-1', confirmed_at: '2026-01-02T03:04:05.000Z' },
      },
    });
    expect(answer.id).toBe(`chatcmpl-${asked[0]?.requestId}`);
  });

  it('streams a chat piece by piece, with the usage last when asked', async () => {
    const stream = await client().chat.completions.create({
      ...QUESTION,
      stream: true,
      stream_options: { include_usage: true },
    });
    const pieces: string[] = [];
    const ends: (string | null)[] = [];
    let total: number | undefined;
    for await (const event of stream) {
      for (const choice of event.choices) {
        if (choice.delta.content !== undefined && choice.delta.content !== null) pieces.push(choice.delta.content);
        ends.push(choice.finish_reason);
      }
      total = event.usage?.total_tokens ?? total;
    }
    expect(pieces).toEqual(['', ...WORDS]);
    expect(ends).toEqual([null, null, null, null, 'stop']);
    expect(total).toBe(10);
  });

  it('streams the whole text at the end where the coordinator cannot stream', async () => {
    generate = async (request) => success(outcomeOf(request, 'All at once.'));
    const stream = await client().completions.create({ model: 'org/tiny', prompt: 'Once', stream: true });
    const texts: string[] = [];
    for await (const event of stream) texts.push(event.choices[0]?.text ?? '');
    expect(texts.join('')).toBe('All at once.');
  });

  it.each(['token by token', 'in larger pieces'])(
    'streams a text once that begins anew in the middle, %s',
    async (how) => {
      generate = async (request, options) => {
        options.onStarted?.({ pipeline: [], inputTokens: 7 });
        WORDS.slice(0, 2).forEach((text, index) => options.onToken?.({ index, tokenId: index, text }));
        if (how === 'token by token') return answerInWords(request, options);
        options.onStarted?.({ pipeline: [], inputTokens: 7 });
        const pieces = ['A', ' shard is a range of', ' layers.'];
        pieces.forEach((text, index) => options.onToken?.({ index, tokenId: index, text }));
        return success(outcomeOf(request, WORDS.join('')));
      };
      const stream = await client().chat.completions.create({ ...QUESTION, stream: true });
      const pieces: string[] = [];
      let end: string | null = null;
      for await (const { choices } of stream) {
        pieces.push(choices[0]?.delta.content ?? '');
        end = choices[0]?.finish_reason ?? null;
      }
      expect(pieces.join('')).toBe(WORDS.join(''));
      expect(end).toBe('stop');
    },
  );

  it.each([
    ['in another way', [' layer', ' is not'], true],
    ['and ends before what was sent', ['A shard'], false],
  ])('ends a stream with an error when its text begins anew %s', async (_how, pieces, isCancelled) => {
    let cancelled = false;
    generate = async (request, options) => {
      options.onStarted?.({ pipeline: [], inputTokens: 7 });
      WORDS.slice(0, 2).forEach((text, index) => options.onToken?.({ index, tokenId: index, text }));
      options.onStarted?.({ pipeline: [], inputTokens: 7 });
      pieces.forEach((text, index) => options.onToken?.({ index, tokenId: index, text }));
      cancelled = options.signal?.aborted === true;
      return success(outcomeOf(request, pieces.join('')));
    };
    const stream = await client().chat.completions.create({ ...QUESTION, stream: true });
    const sent: string[] = [];
    await expect(
      (async () => {
        for await (const { choices } of stream) sent.push(choices[0]?.delta.content ?? '');
      })(),
    ).rejects.toThrow('came out differently');
    expect(sent.join('')).toBe('A shard is a range');
    expect(cancelled).toBe(isCancelled);
  });

  it('completes a plain prompt', async () => {
    const answer = await client().completions.create({ model: 'org/tiny', prompt: 'Once upon', max_tokens: 5 });
    expect(asked[0]).toMatchObject({ prompt: 'Once upon', maxNewTokens: 5 });
    expect(answer).toMatchObject({ object: 'text_completion', choices: [{ text: WORDS.join(''), index: 0 }] });
  });

  it('cancels the request when the client goes away', async () => {
    const seen: AbortSignal[] = [];
    generate = (_request, options) =>
      new Promise((resolve) => {
        const { signal } = options;
        if (signal === undefined) throw new Error('no signal');
        seen.push(signal);
        options.onStarted?.({ pipeline: [], inputTokens: 7 });
        signal.addEventListener('abort', () => resolve(failure('cancelled', 'The request was cancelled.')));
      });
    const stream = await client().chat.completions.create({ ...QUESTION, stream: true });
    expect(seen[0]?.aborted).toBe(false);
    stream.controller.abort();
    await until(() => seen[0]?.aborted === true);
  });

  it('reports a failure in the middle of a stream', async () => {
    generate = async (_request, options) => {
      options.onStarted?.({ pipeline: [], inputTokens: 7 });
      options.onToken?.({ index: 0, tokenId: 1, text: 'A' });
      return failure('node-lost', 'A node went away.', { retryable: true });
    };
    const stream = await client().chat.completions.create({ ...QUESTION, stream: true });
    await expect(
      (async () => {
        for await (const event of stream) expect(event.object).toBe('chat.completion.chunk');
      })(),
    ).rejects.toThrow('A node went away.');
  });
});

describe('refusals', () => {
  it('refuses a wrong key, a removed key and no key', async () => {
    await expect(client('tore-wrong').models.list()).rejects.toThrow(AuthenticationError);
    const [view] = keys.list();
    await keys.remove(view?.id ?? '');
    await expect(client().models.list()).rejects.toThrow(AuthenticationError);
    expect((await fetch(`${baseUrl}/models`)).status).toBe(401);
    expect(asked).toEqual([]);
  });

  it('refuses a caller that used another name for this computer', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${key}`, host: 'attacker.example' };
      httpRequest(`${baseUrl}/models`, { headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(401);
  });

  it.each([
    ['balance-too-low', 402, 'insufficient_quota'],
    ['model-unknown', 404, 'model_not_found'],
    ['too-many-requests', 429, 'rate_limit_exceeded'],
    ['prompt-too-long', 400, 'context_length_exceeded'],
    ['pipeline-unavailable', 503, 'service_unavailable'],
    ['not-connected', 503, 'service_unavailable'],
  ])('answers %s with status %i', async (code, status, apiCode) => {
    generate = async () => failure(code, 'No.', { suggestion: 'Do this.' });
    for (const stream of [false, true]) {
      const error: unknown = await client()
        .chat.completions.create({ ...QUESTION, stream })
        .catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(APIError);
      expect(error).toMatchObject({ status, code: apiCode, message: `${status} No. Do this.` });
    }
  });

  it.each([
    ['tools', [{ type: 'function', function: { name: 'f', parameters: {} } }]],
    ['n', 2],
    ['response_format', { type: 'json_object' }],
    ['logit_bias', { 5: 10 }],
    ['modalities', ['text', 'audio']],
  ])('refuses %s by name instead of leaving it out', async (field, value) => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...QUESTION, [field]: value }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: field, code: 'unsupported_parameter' } });
    expect(asked).toEqual([]);
  });

  it('takes the same fields when they ask for nothing', async () => {
    await client().chat.completions.create({
      ...QUESTION,
      n: 1,
      response_format: { type: 'text' },
      tool_choice: 'none',
      logprobs: false,
      top_logprobs: 0,
      presence_penalty: 0,
      logit_bias: {},
    });
    expect(asked).toHaveLength(1);
  });

  it('refuses pictures', async () => {
    const content = [{ type: 'image_url' as const, image_url: { url: 'https://example.org/a.png' } }];
    await expect(
      client().chat.completions.create({ model: 'org/tiny', messages: [{ role: 'user', content }] }),
    ).rejects.toThrow(BadRequestError);
  });

  it.each([
    ['{', null],
    ['[]', null],
    [JSON.stringify({ model: 'm' }), null],
    [JSON.stringify({ ...QUESTION, temperature: 9 }), 'temperature'],
    [JSON.stringify({ ...QUESTION, messages: [{ role: 'constructor', content: 'x' }] }), 'messages[0].role'],
    [JSON.stringify({ ...QUESTION, messages: [{ role: 'user' }] }), 'messages[0].content'],
    [JSON.stringify({ ...QUESTION, max_tokens: 1e9 }), 'max_tokens'],
    [JSON.stringify({ ...QUESTION, logprobs: 3 }), 'logprobs'],
    [JSON.stringify({ ...QUESTION, logprobs: true, top_logprobs: 21 }), 'top_logprobs'],
    [JSON.stringify({ ...QUESTION, logprobs: true, top_logprobs: -1 }), 'top_logprobs'],
    [JSON.stringify({ ...QUESTION, logprobs: true, top_logprobs: 1.5 }), 'top_logprobs'],
    [JSON.stringify({ ...QUESTION, logprobs: true, top_logprobs: '5' }), 'top_logprobs'],
    [JSON.stringify({ ...QUESTION, top_logprobs: 5 }), 'top_logprobs'],
    [JSON.stringify({ ...QUESTION, logprobs: true, top_logprobs: 20, max_tokens: 20_000 }), 'top_logprobs'],
  ])('refuses the body %s', async (body, param) => {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error', param } });
    expect(asked).toEqual([]);
  });

  it('refuses a body over the limit and an unknown address', async () => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ ...QUESTION, user: 'x'.repeat(5_000_000) });
    expect((await fetch(`${baseUrl}/chat/completions`, { method: 'POST', headers, body })).status).toBe(413);
    expect((await fetch(`${baseUrl}/embeddings`, { method: 'POST', headers, body: '{}' })).status).toBe(404);
  });

  it('says when its port is taken', async () => {
    const other = new LocalApi(
      { generate, fetchJson: async () => success(null), acceptsKey: () => true, nowMs: () => 0 },
      silentLogger,
    );
    expect(await other.open(Number(new URL(baseUrl).port))).toMatchObject({
      ok: false,
      error: { code: 'listen-failed', suggestion: 'Choose another port.' },
    });
  });
});

describe('keys', () => {
  it('keeps hashes in a private file and knows its keys after a restart', async () => {
    const path = join(folder, 'api-keys.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const again = await ApiKeys.open(path);
    expect(again.ok && again.value.accepts(key)).toBe(true);
    expect(again.ok && again.value.list()).toMatchObject([{ name: 'editor', hint: key.slice(0, 9) }]);
    expect(JSON.stringify(keys.list())).not.toContain(key);
  });

  it('leaves a damaged file alone', async () => {
    expect(await ApiKeys.open(import.meta.filename)).toMatchObject({ ok: false, error: { code: 'data-unreadable' } });
  });
});
