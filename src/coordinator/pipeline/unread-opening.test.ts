import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { testManifest } from '../testing/test-model';
import type { HopContext } from './hop-driver';
import { RelayHop } from './relay-driver';
import { RelayRouter, type NodeLinks } from './relay-router';

const OPEN_TIMEOUT_MS = 20_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Nodes whose connections are there and take nothing in: what is sent never leaves. */
const STUCK: NodeLinks = {
  linkTo: () => ({ send: () => new Promise(() => undefined), sendFrame: () => new Promise(() => undefined) }),
};

function hopAt(links: NodeLinks): RelayHop {
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
    openTimeoutMs: OPEN_TIMEOUT_MS,
    stepTimeoutMs: OPEN_TIMEOUT_MS,
    stepLimitMs: OPEN_TIMEOUT_MS,
    timed: () => undefined,
    links: { next: null, previousSecret: null },
  };
  return new RelayHop(context, links, new RelayRouter());
}

/** What a promise came to so far. */
function watch<Value>(promise: Promise<Value>): { value: Value | null } {
  const seen: { value: Value | null } = { value: null };
  void promise.then((value) => {
    seen.value = value;
  });
  return seen;
}

describe('a node that takes in nothing of what it is sent', () => {
  it('is given up when its time to open is over', async () => {
    const hop = hopAt(STUCK);
    const opened = watch(hop.open(new AbortController().signal));
    await vi.advanceTimersByTimeAsync(OPEN_TIMEOUT_MS);
    expect(opened.value).toMatchObject({ ok: false, error: { code: 'node-timeout', nodeId: 'n' } });
    hop.close('error');
  });

  it('does not hold a request that is cancelled', async () => {
    const stop = new AbortController();
    const hop = hopAt(STUCK);
    const opened = watch(hop.open(stop.signal));
    stop.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(opened.value).toMatchObject({ ok: false, error: { code: 'cancelled' } });
    hop.close('cancelled');
  });

  it('is lost at once where it has no connection, or its connection ends', async () => {
    const gone: NodeLinks = { linkTo: () => null };
    const ended: NodeLinks = {
      linkTo: () => ({ send: () => Promise.resolve(false), sendFrame: () => Promise.resolve(false) }),
    };
    for (const links of [gone, ended]) {
      const hop = hopAt(links);
      const opened = watch(hop.open(new AbortController().signal));
      await vi.advanceTimersByTimeAsync(0);
      expect(opened.value).toMatchObject({ ok: false, error: { code: 'node-lost' } });
      hop.close('error');
    }
  });
});
