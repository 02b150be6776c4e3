import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeActivationFrame } from '../../protocol/wire/activation-frame';
import { ShardServer } from '../testing/foreign-shard-server';
import { testManifest } from '../testing/test-model';
import type { HopContext, HopResult, StepInput, StepOutput } from './hop-driver';
import { flattenActivations, HttpHop } from './http-driver';

describe('flattenActivations', () => {
  it('reads nested and flat activations alike', () => {
    const rows = fc.array(
      fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(rows, (values) => {
        const flat = values.flat();
        for (const shape of [[values], values, flat]) {
          expect(Array.from(flattenActivations(shape, flat.length) ?? [])).toEqual(flat);
        }
      }),
    );
  });

  it('refuses other lengths, other things, and numbers that are not finite', () => {
    expect(flattenActivations([1, 2], 3)).toBeNull();
    expect(flattenActivations([1, 2, 3, 4], 3)).toBeNull();
    expect(flattenActivations([1, 'two', 3], 3)).toBeNull();
    expect(flattenActivations([1, null, 3], 3)).toBeNull();
    expect(flattenActivations([1e300], 1)).toBeNull();
    expect(flattenActivations([[[[1]]]], 1)).toBeNull();
  });
});

describe('a hop over the HTTP baseline', () => {
  let server: ShardServer | null = null;
  afterEach(() => server?.close());

  const END = 2;
  const sampling = { temperature: 0.5, top_k: 40, top_p: 0.9, seed: 7, stop: ['END'], frequency_penalty: 1 };

  /** A hop with every layer, or with the last ones. */
  async function hopTo(
    answer: (path: string, body: Record<string, unknown>) => unknown,
    changes: Partial<HopContext> = {},
    scheme: 'http' | 'https' = 'http',
  ): Promise<HttpHop> {
    server = await new ShardServer({ answer }).listen();
    const context: HopContext = {
      pipelineId: 'p',
      nodeId: 'n',
      hop: 0,
      hops: 1,
      model: { manifest: testManifest(), manifestHash: '', origin: 'folder', endTokenIds: [END] },
      manifestHash: null,
      range: { layer_start: 0, layer_end: 7 },
      dtype: 'f32',
      maxNewTokens: 100,
      text: { prompt: 'hello' },
      sampling,
      isRepeatable: true,
      reuseScope: null,
      openTimeoutMs: 60_000,
      stepTimeoutMs: 60_000,
      stepLimitMs: 60_000,
      timed: () => undefined,
      links: { next: null, previousSecret: null },
      ...changes,
    };
    return new HttpHop(context, { scheme, host: '127.0.0.1', port: server.port });
  }

  const facts = { step: 1, purpose: 'sample' as const, draftIds: [] };
  const never = new AbortController().signal;

  function ask(hop: HttpHop, remainingTokens: number): Promise<HopResult<StepOutput>> {
    const inputIds = [5, 6, 7];
    return hop.step({ ...facts, kind: 'ids', position: 0, positions: 3, inputIds, remainingTokens }, never);
  }

  /** One more position for the last of two hops. */
  function row(position: number, remainingTokens: number): StepInput {
    const values = new Float32Array(8);
    const header = { requestId: '018f0000-0000-7000-8000-000000000000', hop: 1, step: 1, purpose: 'sample' as const };
    const bytes = encodeActivationFrame({ ...header, position, positions: 1, hiddenSize: 8, dtype: 'f32', values });
    return { ...facts, kind: 'activation', position, positions: 1, bytes, remainingTokens };
  }

  it('waits for a whole answer as long as for its tokens, up to the limit', async () => {
    const answer = { output_ids: [65], text: 'A' };
    const patient = await hopTo(() => sleep(150, answer), { stepTimeoutMs: 50 });
    expect(await ask(patient, 1_000)).toMatchObject({ ok: true, value: { finishReason: 'stop' } });
    server?.close();
    const limited = await hopTo(() => new Promise(() => undefined), { stepTimeoutMs: 20, stepLimitMs: 50 });
    expect(await ask(limited, 1_000)).toMatchObject({
      ok: false,
      error: { code: 'node-timeout', message: expect.stringContaining('0.05 s') },
    });
    const single = await ask(limited, 1);
    expect(single).toMatchObject({ ok: false, error: { message: expect.stringContaining('0.02 s') } });
  });

  it('ends at an end token of the model, which has no text', async () => {
    const chained = { hop: 1, hops: 2, range: { layer_start: 4, layer_end: 7 } };
    const last = await hopTo(() => ({ output_ids: [END], text: '</s>' }), chained);
    expect(await last.step(row(0, 9), never)).toMatchObject({
      ok: true,
      value: { tokens: [{ id: END, text: '' }], finishReason: 'stop' },
    });
    server?.close();
    const whole = await hopTo(() => ({ output_ids: [65, END, 66], text: 'A' }));
    expect(await ask(whole, 3)).toMatchObject({
      value: {
        tokens: [
          { id: 65, text: '' },
          { id: END, text: 'A' },
        ],
        finishReason: 'stop',
      },
    });
  });

  it('says nothing in the clear to a node that offers https', async () => {
    const hop = await hopTo(() => undefined, {}, 'https');
    expect(await hop.open(never)).toMatchObject({ ok: false, error: { code: 'node-lost' } });
    expect(server?.calls).toEqual([]);
  });

  it('sends how tokens are drawn, and those that were drawn', async () => {
    const last = await hopTo(
      (_path, body) => {
        const id = 65 + (body['answered_ids'] as number[]).length;
        return { output_ids: [id], text: String.fromCharCode(id) };
      },
      { hop: 1, hops: 2, range: { layer_start: 4, layer_end: 7 } },
    );
    last.begin(100, { inputTokens: 1, tokenIds: [65] });
    await last.step({ ...row(0, 8), purpose: 'replay' }, never);
    await last.step(row(1, 8), never);
    await last.step(row(2, 7), never);
    expect(server?.calls.map(({ body }) => body)).toMatchObject([
      { temperature: 0.5, sampling, max_new_tokens: 1, answered_ids: [65], remaining_tokens: 8 },
      { temperature: 0.5, sampling, max_new_tokens: 1, answered_ids: [65, 66], remaining_tokens: 7 },
    ]);
  });
});
