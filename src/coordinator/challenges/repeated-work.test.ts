import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemRandom } from '../clock';
import type { HopContext } from '../pipeline/hop-driver';
import { RelayRouter, type NodeLink, type PipelineCommand } from '../pipeline/relay-router';
import { Allocations } from '../scheduling/allocations';
import { testManifest } from '../testing/test-model';
import { MAX_REPEAT_MS, RepeatedWork } from './repeated-work';

const STEP_TIMEOUT_MS = 30_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const context: HopContext = {
  pipelineId: '11111111-1111-4111-8111-111111111111',
  nodeId: 'n',
  hop: 0,
  hops: 2,
  model: { manifest: testManifest(), manifestHash: 'h', origin: 'folder' },
  manifestHash: 'h',
  range: { layer_start: 0, layer_end: 3 },
  dtype: 'f32',
  maxNewTokens: 5,
  text: { prompt: 'hello' },
  sampling: { temperature: 0, top_k: 0, top_p: 1 },
  isRepeatable: true,
  reuseScope: null,
  openTimeoutMs: STEP_TIMEOUT_MS,
  stepTimeoutMs: STEP_TIMEOUT_MS,
  stepLimitMs: 20 * STEP_TIMEOUT_MS,
  timed: () => undefined,
  links: { next: null, previousSecret: null },
};

it('gives a node up that draws the work out, and goes on with other checks', async () => {
  const router = new RelayRouter();
  const closed: string[] = [];
  let signs: NodeJS.Timeout | null = null;
  const take = (message: PipelineCommand): void => {
    const to = { request_id: message.request_id, hop: 0 };
    if (message.type === 'pipeline-open') {
      const opened = { type: 'pipeline-opened' as const, ...to, input_ids: [1, 2, 3] };
      setTimeout(() => router.route('slow', to.request_id, { kind: 'opened', message: opened }), 1);
    } else if (message.type === 'pipeline-step') {
      const working = { type: 'pipeline-progress', ...to, step: message.step, state: 'working' } as const;
      const sign = (): unknown => router.route('slow', to.request_id, { kind: 'progress', message: working });
      signs = setInterval(sign, STEP_TIMEOUT_MS / 2);
    } else if (message.type === 'pipeline-close') {
      closed.push(message.request_id);
    }
  };
  const link: NodeLink = {
    send: (message) => {
      take(message);
      return Promise.resolve(true);
    },
    sendFrame: () => Promise.resolve(true),
  };
  const allocations = new Allocations();
  const repeated = new RepeatedWork({ linkTo: () => link }, router, allocations, systemRandom);
  const step = { step: 1, position: 0, positions: 3, draftIds: [], remainingTokens: 5 };
  const input = { ...step, purpose: 'sample', kind: 'ids', inputIds: [1, 2, 3] } as const;
  const work = { inputs: [input], compared: [0], rows: [] };
  let rows: unknown = 'none yet';
  void repeated.at('slow', context, work, 8, new AbortController().signal).then((result) => {
    rows = result;
  });
  await vi.advanceTimersByTimeAsync(MAX_REPEAT_MS - 1);
  expect(rows).toBe('none yet');
  await vi.advanceTimersByTimeAsync(1);
  expect(rows).toBeNull();
  expect(closed).toHaveLength(1);
  expect(allocations.activeRequests('slow')).toBe(0);
  if (signs !== null) clearInterval(signs);
});
