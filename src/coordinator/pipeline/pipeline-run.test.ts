import { describe, expect, it } from 'vitest';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import type { PlannedHop } from '../scheduling/scheduler';
import type { HopDriver, HopFailure } from './hop-driver';
import { MAX_ANSWER_CHARACTERS, PipelineRun } from './pipeline-run';
import { ReplayMemory, SpanRecorder } from './span-recorder';

const MAX_TOKENS = 1_000;
/** What one message may carry with a token, many times over. */
const TEXT = 'x'.repeat(1024 * 1024);

const PLANNED: PlannedHop = {
  nodeId: 'n',
  range: { layer_start: 0, layer_end: 7 },
  provider: null,
  multiplier: 1,
  reliability: 1,
  transport: { kind: 'http', scheme: 'http', host: '127.0.0.1', port: 1 },
};

/** A node with the whole model that makes so many tokens of a prompt and says something with every token of its answer. */
function nodeWith(promptTokens: number, text: string): HopDriver {
  return {
    nodeId: PLANNED.nodeId,
    range: PLANNED.range,
    isStreaming: false,
    open: () => Promise.resolve({ ok: true, value: { inputIds: Array.from({ length: promptTokens }, () => 1) } }),
    begin: () => undefined,
    route: () => undefined,
    step: () => Promise.resolve({ ok: true, value: { kind: 'tokens', tokens: [{ id: 4, text }], finishReason: null } }),
    close: () => undefined,
  };
}

/** Runs one request at one node. */
async function runAt(driver: HopDriver, maxNewTokens: number) {
  const failed: HopFailure[] = [];
  let heard = 0;
  const run = new PipelineRun({
    hops: [{ planned: PLANNED, driver, isLinked: false }],
    limits: {
      maximumInputTokens: WIRE_LIMITS.maxInputTokens,
      contextLength: 2 * WIRE_LIMITS.maxInputTokens,
      vocabularySize: 10,
      maxNewTokens,
      modelName: 'M',
    },
    listener: {
      started: () => Promise.resolve(),
      tokens: (tokens) => {
        for (const token of tokens) heard += token.text.length;
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
  return { state, failed, heard };
}

describe('a request', () => {
  it('takes a prompt of as many tokens as there can be', async () => {
    const { state } = await runAt(nodeWith(WIRE_LIMITS.maxInputTokens, 'x'), 2);
    expect(state).toMatchObject({ kind: 'finished', inputTokens: WIRE_LIMITS.maxInputTokens, outputTokens: 2 });
  });

  it('ends where its node says more than any answer has, which is held against the node', async () => {
    const { state, failed, heard } = await runAt(nodeWith(3, TEXT), MAX_TOKENS);
    expect(state).toMatchObject({ kind: 'failed', failure: { code: 'answer-invalid' } });
    expect(failed).toMatchObject([{ nodeId: 'n', isWrongAnswer: true }]);
    expect(heard).toBeLessThanOrEqual(MAX_ANSWER_CHARACTERS);
  });
});
