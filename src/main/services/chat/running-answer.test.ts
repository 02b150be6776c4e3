import { describe, expect, it } from 'vitest';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { RunningAnswer } from './running-answer';

function open(): { answer: RunningAnswer; changes: () => number } {
  let changes = 0;
  const answer = new RunningAnswer({
    conversationId: 'c',
    entryId: 'e',
    modelId: 'm',
    turnsLeftOut: 0,
    timers: new ManualTimers(),
    onDelta: () => undefined,
    onStreaming: () => {
      changes += 1;
    },
    onSaveDue: () => undefined,
  });
  return { answer, changes: () => changes };
}

describe('RunningAnswer', () => {
  it('shows the place in the line until it is its turn', () => {
    const { answer, changes } = open();
    const listeners = answer.listeners();
    for (const [index, position] of [3, 1].entries()) {
      listeners.onQueued(position);
      expect(answer.details.state).toEqual({ kind: 'waiting', position });
      expect(changes()).toBe(index + 1);
    }
    listeners.onStarted({ hops: [], inputTokens: 9 });
    expect(answer.details.state).toEqual({ kind: 'streaming' });
    listeners.onQueued(1);
    expect(answer.details.state).toEqual({ kind: 'streaming' });
  });

  it('keeps whether a fallback answered', () => {
    const { answer } = open();
    const outcome = {
      text: 'x',
      finishReason: 'stop' as const,
      hops: [],
      inputTokens: 1,
      outputTokens: 1,
      durationMs: 1,
      settledCost: null,
    };
    answer.settle({ ...outcome, isFallback: true });
    expect(answer.details.facts).toMatchObject({ isFallback: true });
    answer.settle(outcome);
    expect(answer.details.facts).not.toHaveProperty('isFallback');
  });
});
