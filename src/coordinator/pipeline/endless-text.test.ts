import { expect, it } from 'vitest';
import type { PlannedHop } from '../scheduling/scheduler';
import type { HopDriver, HopFailure } from './hop-driver';
import { MAX_ANSWER_CHARACTERS, PipelineRun } from './pipeline-run';
import { ReplayMemory, SpanRecorder } from './span-recorder';

const MAX_TOKENS = 1_000;
/** What one message may carry with a token, many times over. */
const TEXT = 'x'.repeat(1024 * 1024);

/** A node with the whole model that says very much with every token. */
function talker(planned: PlannedHop): HopDriver {
  return {
    nodeId: planned.nodeId,
    range: planned.range,
    isStreaming: false,
    open: () => Promise.resolve({ ok: true, value: { inputIds: [1, 2, 3] } }),
    begin: () => undefined,
    route: () => undefined,
    step: () =>
      Promise.resolve({ ok: true, value: { kind: 'tokens', tokens: [{ id: 4, text: TEXT }], finishReason: null } }),
    close: () => undefined,
  };
}

it('ends an answer whose node says more than any answer has, and holds it against the node', async () => {
  const planned: PlannedHop = {
    nodeId: 'talker',
    range: { layer_start: 0, layer_end: 7 },
    multiplier: 1,
    reliability: 1,
    transport: { kind: 'http', scheme: 'http', host: '127.0.0.1', port: 1 },
  };
  const failed: HopFailure[] = [];
  let heard = 0;
  const run = new PipelineRun({
    hops: [{ planned, driver: talker(planned), isLinked: false }],
    limits: {
      maximumInputTokens: 10,
      contextLength: 2_048,
      vocabularySize: 10,
      maxNewTokens: MAX_TOKENS,
      modelName: 'M',
    },
    listener: {
      started: () => Promise.resolve(),
      tokens: (tokens) => {
        for (const { text } of tokens) heard += text.length;
        return Promise.resolve();
      },
      waiting: () => undefined,
    },
    recorder: new SpanRecorder(new ReplayMemory()),
    repairs: {
      cover: () => Promise.resolve(null),
      plan: () => Promise.resolve(null),
      layersMissing: () => Promise.resolve([]),
      takeOver: () => expect.unreachable('nobody else is there'),
      failed: (_planned, failure) => failed.push(failure),
      waitMs: 0,
    },
    drafts: { maxDraftTokens: 0 },
    stops: [],
    signal: new AbortController().signal,
  });
  const { state } = await run.run();
  expect(state).toMatchObject({ kind: 'failed', failure: { code: 'answer-invalid' } });
  expect(failed).toMatchObject([{ nodeId: 'talker', isWrongAnswer: true }]);
  expect(heard).toBeLessThanOrEqual(MAX_ANSWER_CHARACTERS);
});
