import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import OpenAI, { BadRequestError } from 'openai';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import { success, type Result } from '../../protocol/result';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { GenerateOptions, GenerateRequest } from '../coordinator-client/coordinator-client';
import { silentLogger } from '../logger';
import { LocalApi } from './local-api';

type Generate = (request: GenerateRequest, options: GenerateOptions) => Promise<Result<GenerateOutcome>>;

const KEY = 'a-key';
const QUESTION = { model: 'org/tiny', messages: [{ role: 'user' as const, content: 'What is a shard?' }] };

function outcomeOf(request: GenerateRequest, text: string): GenerateOutcome {
  return {
    request_id: request.requestId,
    text,
    finish_reason: 'stop',
    tokens: 4,
    input_tokens: 7,
    gft_deducted: 0,
    new_balance: null,
    backend: 'distributed',
    pipeline: [],
    latency_ms: 12,
    model_id: request.modelId,
    ledger_ref: null,
    confirmed_at: null,
  };
}

let api: LocalApi;
let baseUrl: string;
let generate: Generate;
let asked: GenerateRequest[];

beforeEach(async () => {
  generate = answerDescribed;
  asked = [];
  api = new LocalApi(
    {
      generate: (request, options) => {
        asked.push(request);
        return generate(request, options);
      },
      fetchJson: async () => success(null),
      acceptsKey: (key) => key === KEY,
      nowMs: () => 0,
    },
    silentLogger,
  );
  const listening = await api.open(0);
  if (!listening.ok) throw new Error(listening.error.message);
  ({ baseUrl } = listening.value);
});
afterEach(() => api.close());

function client(): OpenAI {
  return new OpenAI({ apiKey: KEY, baseURL: baseUrl, maxRetries: 0 });
}

/** What a coordinator says of the tokens ' é' (over two tokens), 'x' and the end. */
const DESCRIBED: readonly TokenLogProbabilities[] = [
  { id: 1, text: ' \uFFFD', bytes: [0x20, 0xc3], logprob: -0.5, top: [{ id: 9, text: ' a', logprob: -0.25 }] },
  { id: 2, text: '\uFFFD', bytes: [0xa9], logprob: -0.125, top: [{ id: 3, text: '<|end|>', bytes: [], logprob: -3 }] },
  { id: 4, text: 'x', logprob: 0, top: [{ id: 4, text: 'x', logprob: 0 }] },
  { id: 3, text: '<|end|>', bytes: [], logprob: -1, top: [{ id: 3, text: '<|end|>', bytes: [], logprob: -1 }] },
];

const answerDescribed: Generate = async (request, options) => {
  options.onStarted?.({ pipeline: [], inputTokens: 7 });
  ['', ' é', 'x', ''].forEach((text, index) => {
    options.onToken?.({ index, tokenId: index, text, logProbabilities: DESCRIBED[index] });
  });
  return success(outcomeOf(request, ' éx'));
};

const CHAT_LIST = [
  {
    token: ' \uFFFD',
    logprob: -0.5,
    bytes: [0x20, 0xc3],
    top_logprobs: [{ token: ' a', logprob: -0.25, bytes: [0x20, 0x61] }],
  },
  { token: '\uFFFD', logprob: -0.125, bytes: [0xa9], top_logprobs: [{ token: '<|end|>', logprob: -3, bytes: null }] },
  { token: 'x', logprob: 0, bytes: [0x78], top_logprobs: [{ token: 'x', logprob: 0, bytes: [0x78] }] },
];

describe('log-probabilities with the stock client', () => {
  it('come with a whole chat', async () => {
    const answer = await client().chat.completions.create({ ...QUESTION, logprobs: true, top_logprobs: 1 });
    expect(asked[0]?.sampling.top_logprobs).toBe(1);
    expect(answer.choices[0]?.logprobs).toEqual({ content: CHAT_LIST, refusal: null });
    const bytes = answer.choices[0]?.logprobs?.content?.flatMap((token) => token.bytes ?? []) ?? [];
    expect(Buffer.from(bytes).toString('utf8')).toBe(answer.choices[0]?.message.content);
  });

  it('come with the pieces of a streamed chat', async () => {
    const stream = await client().chat.completions.create({ ...QUESTION, stream: true, logprobs: true });
    expect(asked[0]?.sampling.top_logprobs).toBe(0);
    const pieces: unknown[] = [];
    for await (const { choices } of stream) {
      for (const { delta, logprobs } of choices) pieces.push([delta.content, logprobs?.content ?? null]);
    }
    expect(pieces).toEqual([
      ['', null],
      [' é', CHAT_LIST.slice(0, 2)],
      ['x', CHAT_LIST.slice(2)],
      [undefined, null],
    ]);
  });

  it('come with a text completion, whole and streamed', async () => {
    const body = { model: 'org/tiny', prompt: 'Once', logprobs: 2 };
    const expected = {
      tokens: ['bytes:\\x20\\xc3', 'bytes:\\xa9', 'x'],
      token_logprobs: [-0.5, -0.125, 0],
      top_logprobs: [{ ' a': -0.25, 'bytes:\\x20\\xc3': -0.5 }, { '<|end|>': -3, 'bytes:\\xa9': -0.125 }, { x: 0 }],
      text_offset: [0, 1, 2],
    };
    const answer = await client().completions.create(body);
    expect(asked[0]?.sampling.top_logprobs).toBe(2);
    expect(answer.choices[0]?.logprobs).toEqual(expected);
    const offsets: unknown[] = [];
    for await (const { choices } of await client().completions.create({ ...body, stream: true })) {
      offsets.push(...(choices[0]?.logprobs?.text_offset ?? []));
    }
    expect(offsets).toEqual([0, 1, 2]);
  });

  it('are null where nobody asks and where whoever answers gives none', async () => {
    generate = async (request) => success(outcomeOf(request, 'A shard'));
    const answer = await client().chat.completions.create({ ...QUESTION, logprobs: true });
    expect(answer.choices[0]?.logprobs).toBeNull();
    await client().completions.create({ model: 'org/tiny', prompt: 'Once' });
    expect(asked[1]?.sampling).not.toHaveProperty('top_logprobs');
  });

  it('are those of the second run where an answer begins anew', async () => {
    generate = async (request, options) => {
      options.onStarted?.({ pipeline: [], inputTokens: 7 });
      DESCRIBED.forEach((one, index) => options.onToken?.({ index, tokenId: 0, text: '', logProbabilities: one }));
      options.onStarted?.({ pipeline: [], inputTokens: 7, isResumed: false });
      options.onToken?.({ index: 0, tokenId: 4, text: 'x', logProbabilities: DESCRIBED[2] });
      return success(outcomeOf(request, 'x'));
    };
    const answer = await client().chat.completions.create({ ...QUESTION, logprobs: true });
    expect(answer.choices[0]?.logprobs?.content).toEqual(CHAT_LIST.slice(2));
  });

  it('come once with a stream where an answer begins anew', async () => {
    generate = async (request, options) => {
      options.onStarted?.({ pipeline: [], inputTokens: 7 });
      ['', ' é'].forEach((text, index) => {
        options.onToken?.({ index, tokenId: index, text, logProbabilities: DESCRIBED[index] });
      });
      // Its text was held back, and never was sent.
      options.onToken?.({ index: 2, tokenId: 9, text: '', logProbabilities: DESCRIBED[0] });
      return answerDescribed(request, options);
    };
    const tokens: unknown[] = [];
    for await (const { choices } of await client().chat.completions.create({
      ...QUESTION,
      stream: true,
      logprobs: true,
    })) {
      tokens.push(...(choices[0]?.logprobs?.content ?? []));
    }
    expect(tokens).toEqual(CHAT_LIST);
  });

  it.each([[6], [-1], [0.5], [true]])('refuses logprobs %s of a text completion', async (logprobs) => {
    const error: unknown = await client()
      .completions.create({ model: 'org/tiny', prompt: 'Once', logprobs: logprobs as number })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param: 'logprobs', message: '400 "logprobs" has to be a whole number from 0 to 5.' });
  });
});
