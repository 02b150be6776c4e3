import { describe, expect, it } from 'vitest';
import { decodeActivationFrame, encodeActivationFrame, type StepPurpose } from '../../protocol/wire/activation-frame';
import type { PipelineMessage, PipelineReport } from '../coordinator-client/coordinator-client';
import { silentLogger } from '../logger';
import { until } from '../test-doubles/manual-clock';
import { TinyEngine } from '../test-doubles/tiny-engine';
import { TINY_HASH } from '../test-doubles/tiny-model';
import { JOB_LIMITS } from './job-limits';
import { PipelineJobs, type JobLinks } from './pipeline-jobs';

type Open = Extract<PipelineMessage, { type: 'pipeline-open' }>;
const id = (number: number): string => `0190f0f0-0000-7000-8000-${String(number).padStart(12, '0')}`;
const sampling = { temperature: 0, top_k: 0, top_p: 1 };

async function createJobs(start: number, end: number, links: JobLinks | null = null, maxWaitingBytes?: number) {
  const engine = new TinyEngine(() => undefined);
  const loaded = await engine.loadShard({
    folder: '/models/tiny',
    range: { layer_start: start, layer_end: end },
    cacheFolder: '/',
    memoryBudgetBytes: 1e9,
  });
  if (!loaded.ok) throw new Error(loaded.error.message);
  const reports: PipelineReport[] = [];
  const frames: Uint8Array[] = [];
  const counts = { active: 0, steps: 0, flops: 0, served: 0, failed: 0 };
  const jobs = new PipelineJobs(
    engine,
    { handle: loaded.value, manifest: engine.manifest, chosenBy: 'user', deviceReasons: [] },
    { report: (message) => reports.push(message), sendActivation: async (bytes) => void frames.push(bytes) },
    {
      onActiveChanged: (active) => (counts.active = active),
      onStep: (flops) => {
        counts.steps += 1;
        counts.flops += flops;
      },
      onServed: () => (counts.served += 1),
      onFailed: () => (counts.failed += 1),
    },
    silentLogger,
    links,
    maxWaitingBytes,
  );
  const open = (changes: Partial<Open> = {}): Open => ({
    type: 'pipeline-open',
    request_id: id(1),
    hop: start === 0 ? 0 : 1,
    hops: start === 0 && end === 3 ? 1 : 2,
    model_id: 'test/tiny',
    manifest_hash: TINY_HASH,
    layer_start: start,
    layer_end: end,
    activation_dtype: 'f32',
    max_new_tokens: 4,
    ...(start === 0 ? { prompt: 'ab' } : {}),
    ...(end === 3 ? { sampling } : {}),
    ...changes,
  });
  return { engine, jobs, reports, frames, counts, open };
}

function frame(
  changes: {
    requestId?: string;
    hop?: number;
    step?: number;
    purpose?: StepPurpose;
    position?: number;
    values?: number[];
    width?: number;
  } = {},
): Uint8Array {
  const values = Float32Array.from(changes.values ?? [35, 0, 36, 1]);
  const hiddenSize = changes.width ?? 2;
  return encodeActivationFrame({
    requestId: changes.requestId ?? id(1),
    hop: changes.hop ?? 1,
    step: changes.step ?? 1,
    purpose: changes.purpose ?? 'sample',
    position: changes.position ?? 0,
    positions: values.length / hiddenSize,
    hiddenSize,
    dtype: 'f32',
    values,
  });
}

const step = (position: number, input_ids: number[], number = 1, purpose: StepPurpose = 'sample'): PipelineMessage => ({
  type: 'pipeline-step',
  request_id: id(1),
  step: number,
  purpose,
  position,
  input_ids,
});

const begin = (requestId = id(1)): PipelineMessage => ({ type: 'pipeline-begin', request_id: requestId, positions: 6 });

describe('PipelineJobs', () => {
  it('tells the engine whose prompts it may reuse and whether the answer comes again', async () => {
    const { jobs, reports, open, engine } = await createJobs(0, 3);
    const scope = 'a-name-of-a-requester';
    jobs.handle(open({ reuse_scope: scope, repeatable: false }));
    await until(() => reports.length === 1);
    jobs.handle(begin());
    expect([...engine.sequences.values()][0]?.open).toMatchObject({ reuseScope: scope, isRepeatable: false });
  });

  it('lets activations of all requests together take a bounded room', async () => {
    const { jobs, reports, open, counts } = await createJobs(2, 3, null, 64);
    for (const number of [1, 2, 3]) jobs.handle(open({ request_id: id(number) }));
    await until(() => reports.length === 3);
    // Of 16 bytes each; nothing begins, so that all of them wait.
    for (const number of [1, 2]) {
      for (const step of [1, 2]) jobs.handleActivation(frame({ requestId: id(number), step }));
    }
    expect(counts.failed).toBe(0);
    jobs.handleActivation(frame({ requestId: id(3) }));
    expect(reports.at(-1)).toMatchObject({ type: 'pipeline-failed', request_id: id(3), code: 'too-many-steps' });
    jobs.handle({ type: 'pipeline-close', request_id: id(1), reason: 'cancelled' });
    jobs.handle(open({ request_id: id(3) }));
    await until(() => reports.length === 5);
    jobs.handleActivation(frame({ requestId: id(3) }));
    expect(counts.failed).toBe(1);
    jobs.closeAll(null);
  });

  it('tokenizes on the first hop and passes hidden states on', async () => {
    const { jobs, reports, frames, open, engine } = await createJobs(0, 1);
    jobs.handle(open());
    await until(() => reports.length === 1);
    expect(reports[0]).toEqual({ type: 'pipeline-opened', request_id: id(1), hop: 0, input_ids: [33, 34] });
    jobs.handle(begin());
    const [sequence] = engine.sequences.values();
    expect(sequence?.open).toMatchObject({ maxPositions: 6 });
    expect(sequence?.open).not.toHaveProperty('reuseScope');
    expect(sequence?.open).not.toHaveProperty('isRepeatable');
    jobs.handle(step(0, [33, 34]));
    await until(() => frames.length === 1);
    expect(decodeActivationFrame(frames[0] ?? new Uint8Array())).toMatchObject({
      ok: true,
      value: {
        requestId: id(1),
        hop: 1,
        step: 1,
        purpose: 'sample',
        position: 0,
        positions: 2,
        values: Float32Array.from([35, 0, 36, 1]),
      },
    });
  });

  it('gives log-probabilities where the sampling asks for them, of every token a pass verifies', async () => {
    const { jobs, reports, open } = await createJobs(2, 3);
    jobs.handle(open({ sampling: { ...sampling, top_logprobs: 1 } }));
    jobs.handle(begin());
    jobs.handleActivation(frame());
    await until(() => reports.length === 2);
    const described = (tokenId: number) => ({
      id: tokenId,
      text: `<${tokenId}>`,
      logprobs: {
        id: tokenId,
        text: `<${tokenId}>`,
        logprob: -Math.LN2,
        top: [{ id: tokenId, text: '\uFFFD', bytes: [0xc3], logprob: -Math.LN2 }],
      },
    });
    expect(reports[1]).toMatchObject({ position: 2, tokens: [described(39)] });
    jobs.handle({ type: 'pipeline-expect', request_id: id(1), step: 2, token_ids: [44, 9] });
    jobs.handleActivation(frame({ step: 2, purpose: 'verify', position: 2, values: [41, 2, 46, 3, 11, 4] }));
    await until(() => reports.length === 3);
    expect(reports[2]).toMatchObject({ position: 3, tokens: [described(44), described(49)] });
  });

  it('gives tokens on the last hop, in order, with the sequence opened for the prompt’s length', async () => {
    const { jobs, reports, open, engine, counts } = await createJobs(2, 3);
    jobs.handle(open());
    expect(reports).toEqual([{ type: 'pipeline-opened', request_id: id(1), hop: 1 }]);
    expect(engine.sequences.size).toBe(0);
    jobs.handleActivation(frame());
    jobs.handleActivation(frame({ step: 2, position: 2, values: [41, 2] }));
    jobs.handle(begin());
    await until(() => reports.length === 3);
    expect(reports.slice(1)).toEqual([
      { type: 'pipeline-token', request_id: id(1), step: 1, position: 2, tokens: [{ id: 39, text: '<39>' }] },
      { type: 'pipeline-token', request_id: id(1), step: 2, position: 3, tokens: [{ id: 44, text: '<44>' }] },
    ]);
    expect([...engine.sequences.values()][0]?.open).toMatchObject({ maxPositions: 6, maxNewTokens: 4 });
    jobs.handle({ type: 'pipeline-close', request_id: id(1), reason: 'stop' });
    await until(() => engine.sequences.size === 0);
    // Three positions through two layers of 80 products (2 × 16 of attention, 2 × 24 fed forward) with 1 + 2 + 3 attended
    // positions at 8 each, and the head of 2 × 2 × 64 once for each token.
    expect(counts).toEqual({ active: 0, steps: 2, flops: 2 * (3 * 80 + 6 * 8) + 2 * 256, served: 1, failed: 0 });
  });

  it.each<[string, Partial<Open>, string]>([
    ['another model', { model_id: 'other' }, 'shard-mismatch'],
    ['another manifest', { manifest_hash: 'cd'.repeat(32) }, 'shard-mismatch'],
    ['other layers', { layer_end: 2 }, 'shard-mismatch'],
    ['a hop that does not begin the model', { hop: 1, hops: 2 }, 'hop-mismatch'],
    ['a hop that ends the model', { hops: 1 }, 'hop-mismatch'],
    ['prompt and messages', { messages: [{ role: 'user', content: 'x' }] }, 'input-invalid'],
  ])('refuses %s', async (_name, changes, code) => {
    const { jobs, reports, open, counts } = await createJobs(0, 1);
    jobs.handle(open(changes));
    expect(reports).toMatchObject([{ type: 'pipeline-failed', code }]);
    expect(counts).toMatchObject({ active: 0, failed: 1 });
  });

  it.each<[string, () => Uint8Array, string]>([
    ['the wrong width', () => frame({ width: 4 }), 'input-invalid'],
    ['the wrong hop', () => frame({ hop: 2 }), 'hop-mismatch'],
    ['a wrong position', () => frame({ position: 9 }), 'position-mismatch'],
    ['a value that is not finite', () => frame({ values: [Number.NaN, 0] }), 'frame-values'],
    ['a missing byte', () => frame().subarray(0, -1), 'frame-length'],
  ])('fails a request on a frame with %s', async (_name, build, code) => {
    const { jobs, reports, open, engine } = await createJobs(2, 3);
    jobs.handle(open());
    jobs.handle(begin());
    jobs.handleActivation(build());
    await until(() => reports.length === 2);
    expect(reports[1]).toMatchObject({ type: 'pipeline-failed', hop: 1, code });
    await until(() => engine.sequences.size === 0);
    jobs.handleActivation(frame());
    expect(jobs.active).toBe(0);
  });

  it('ignores frames of nobody', async () => {
    const { jobs, reports } = await createJobs(2, 3);
    jobs.handleActivation(frame());
    jobs.handleActivation(new Uint8Array(3));
    expect(reports).toEqual([]);
  });

  it('reports what the engine refuses', async () => {
    const { jobs, reports, open, engine } = await createJobs(0, 3);
    jobs.handle(open());
    await until(() => reports.length === 1);
    jobs.handle(begin());
    engine.failNext = { code: 'run-failed', message: 'The run failed.' };
    jobs.handle(step(0, [33, 34]));
    await until(() => reports.length === 2);
    expect(reports[1]).toEqual({
      type: 'pipeline-failed',
      request_id: id(1),
      hop: 0,
      code: 'run-failed',
      message: 'The run failed.',
      retryable: false,
    });
  });

  it('bounds open requests and waiting steps', async () => {
    const { jobs, reports, open, engine } = await createJobs(2, 3);
    for (let number = 1; number <= JOB_LIMITS.maxOpenRequests + 1; number += 1) {
      jobs.handle(open({ request_id: id(number) }));
    }
    expect(reports.at(-1)).toMatchObject({ type: 'pipeline-failed', code: 'too-many-requests', retryable: true });
    jobs.handle(open());
    expect(reports.at(-1)).toMatchObject({ code: 'request-exists' });
    let release = (): void => undefined;
    engine.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    jobs.handle(begin());
    for (let sent = 0; sent <= JOB_LIMITS.maxWaitingSteps + 1; sent += 1) {
      jobs.handleActivation(frame({ step: sent + 1 }));
    }
    expect(reports.at(-1)).toMatchObject({ code: 'too-many-steps' });
    release();
    expect(jobs.active).toBe(JOB_LIMITS.maxOpenRequests - 1);
  });

  it('lets a request come again while its old pass still ends', async () => {
    const { jobs, reports, open, engine } = await createJobs(2, 3);
    let release = (): void => undefined;
    engine.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    jobs.handle(open());
    jobs.handle(begin());
    jobs.handleActivation(frame());
    await until(() => engine.sequences.size === 1);
    jobs.handle({ type: 'pipeline-close', request_id: id(1), reason: 'cancelled' });
    jobs.handle(open());
    jobs.handle(begin());
    jobs.handleActivation(frame());
    release();
    engine.gate = null;
    await until(() => reports.some(({ type }) => type === 'pipeline-token'));
    expect(reports.map(({ type }) => type)).toEqual(['pipeline-opened', 'pipeline-opened', 'pipeline-token']);
  });

  it('ends everything at once, telling only who still listens', async () => {
    const { jobs, reports, open, engine } = await createJobs(2, 3);
    jobs.handle(open());
    jobs.closeAll({ code: 'engine-gone', message: 'gone', retryable: true });
    expect(reports.at(-1)).toMatchObject({ type: 'pipeline-failed', code: 'engine-gone', retryable: true });
    jobs.handle(open());
    jobs.closeAll(null);
    expect(reports.filter(({ type }) => type === 'pipeline-failed')).toHaveLength(1);
    expect(engine.sequences.size).toBe(0);
  });

  it('fills, verifies and replays as each step asks', async () => {
    const { jobs, reports, open } = await createJobs(2, 3);
    jobs.handle(open());
    jobs.handle(begin());
    jobs.handleActivation(frame({ step: 1, purpose: 'fill', values: [35, 0] }));
    jobs.handleActivation(frame({ step: 2, purpose: 'replay', values: [35, 0] }));
    await until(() => reports.length === 3);
    const done = { type: 'pipeline-progress', request_id: id(1), hop: 1, state: 'done' };
    expect(reports.slice(1)).toEqual([
      { ...done, step: 1 },
      { ...done, step: 2 },
    ]);
    // The activation overtakes the guesses: it waits for them. Three rows give 38, 41 and 44; the second guess is wrong.
    jobs.handleActivation(frame({ step: 3, purpose: 'verify', position: 1, values: [35, 1, 38, 2, 41, 3] }));
    jobs.handle({ type: 'pipeline-expect', request_id: id(1), step: 3, token_ids: [38, 40] });
    await until(() => reports.length === 4);
    expect(reports[3]).toEqual({
      type: 'pipeline-token',
      request_id: id(1),
      step: 3,
      position: 2,
      tokens: [
        { id: 38, text: '<38>' },
        { id: 41, text: '<41>' },
      ],
    });
  });

  it('passes a replayed step to nobody', async () => {
    const { jobs, reports, frames, open } = await createJobs(0, 1);
    jobs.handle(open({ takes_over: true }));
    jobs.handle(begin());
    jobs.handle(step(0, [33, 34], 1, 'replay'));
    await until(() => reports.length === 2);
    expect(reports).toMatchObject([{ type: 'pipeline-opened' }, { type: 'pipeline-progress', state: 'done' }]);
    expect(reports[0]).not.toHaveProperty('input_ids');
    expect(frames).toEqual([]);
  });

  it('gives the engine one step ahead while a result is sent, and no more', async () => {
    const given: number[] = [];
    const rooms: (() => void)[] = [];
    const link = {
      problem: 'none',
      send: () => new Promise<boolean>((resolve) => rooms.push(() => resolve(true))),
      close: () => undefined,
    };
    const { jobs, reports, open, engine } = await createJobs(0, 1, {
      dial: () => link,
      admit: () => undefined,
      revoke: () => undefined,
    });
    const forward = engine.forward.bind(engine);
    engine.forward = (request) => {
      given.push(request.position);
      return forward(request);
    };
    jobs.handle(open({ next: { node_id: 'n', host: '127.0.0.1', port: 1, secret: 'c2VjcmV0' } }));
    await until(() => reports.length === 1);
    jobs.handle(begin());
    for (let position = 0; position < 4; position += 1) jobs.handle(step(position, [33], position + 1, 'fill'));
    await until(() => rooms.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(given).toEqual([0, 1]);
    rooms[0]?.();
    await until(() => given.length === 3);
    for (let sent = 1; sent < 4; sent += 1) {
      await until(() => rooms.length === sent + 1);
      rooms[sent]?.();
    }
    await until(() => reports.length === 5);
    expect(reports.slice(1)).toMatchObject([1, 2, 3, 4].map((number) => ({ state: 'done', step: number })));
  });

  it('passes on nothing of a step that a repair made void while it ran', async () => {
    const { jobs, reports, open, engine } = await createJobs(2, 3);
    let release = (): void => undefined;
    engine.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    jobs.handle(open());
    jobs.handle(begin());
    let given = 0;
    const forward = engine.forward.bind(engine);
    engine.forward = (request) => {
      given += 1;
      return forward(request);
    };
    jobs.handleActivation(frame({ step: 1 }));
    await until(() => given === 1);
    jobs.handle({ type: 'pipeline-route', request_id: id(1), hop: 1, hops: 2, first_step: 2 });
    release();
    jobs.handleActivation(frame({ step: 2 }));
    await until(() => reports.length === 2);
    expect(reports[1]).toMatchObject({ type: 'pipeline-token', step: 2 });
  });

  it('hands the answer so far to an engine that takes over', async () => {
    const { jobs, open, engine } = await createJobs(2, 3);
    jobs.handle(open({ takes_over: true }));
    const answered = { input_tokens: 2, token_ids: [39, 44] };
    jobs.handle({ type: 'pipeline-begin', request_id: id(1), positions: 6, answered });
    expect([...engine.sequences.values()][0]?.open.answered).toEqual({ promptPositions: 2, tokenIds: [39, 44] });
  });

  it('drops steps that are repeated, late, or void after a repair', async () => {
    const { jobs, reports, open } = await createJobs(2, 3);
    jobs.handle(open());
    jobs.handle({ type: 'pipeline-route', request_id: id(1), hop: 3, hops: 4, first_step: 65_535 });
    jobs.handle(begin());
    jobs.handleActivation(frame({ hop: 3, step: 65_534 }));
    jobs.handleActivation(frame({ hop: 3, step: 65_535 }));
    // Numbers begin again after the last one.
    jobs.handleActivation(frame({ hop: 3, step: 0, position: 2, values: [41, 2] }));
    jobs.handleActivation(frame({ hop: 3, step: 0, position: 2, values: [41, 2] }));
    jobs.handleActivation(frame({ hop: 3, step: 65_535 }));
    await until(() => reports.length === 3);
    await until(() => true);
    expect(reports.slice(1)).toMatchObject([
      { type: 'pipeline-token', step: 65_535 },
      { type: 'pipeline-token', step: 0 },
    ]);
  });

  it('sends over its own link, and over the coordinator once that failed', async () => {
    const sent: Uint8Array[] = [];
    let works = true;
    const link = {
      problem: 'refused',
      send: async (bytes: Uint8Array) => {
        if (works) sent.push(bytes);
        return works;
      },
      close: () => undefined,
    };
    const admitted: string[] = [];
    const { jobs, reports, frames, open } = await createJobs(0, 1, {
      dial: () => link,
      admit: (requestId, secret) => admitted.push(requestId, secret),
      revoke: () => undefined,
    });
    const next = { node_id: 'n', host: '127.0.0.1', port: 1, secret: 'c2VjcmV0' };
    jobs.handle(open({ next }));
    await until(() => reports.length === 1);
    jobs.handle(begin());
    jobs.handle(step(0, [33], 1, 'fill'));
    await until(() => reports.length === 2);
    expect(sent).toHaveLength(1);
    expect(reports[1]).toMatchObject({ type: 'pipeline-progress', state: 'done', step: 1 });
    works = false;
    jobs.handle(step(1, [34], 2));
    await until(() => frames.length === 1);
    expect(reports[2]).toMatchObject({ type: 'pipeline-unlinked', hop: 0, reason: 'refused' });
    expect(admitted).toEqual([]);
  });
});
