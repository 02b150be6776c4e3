import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConversationView } from '../../contract';
import { answerInProgress, applyDelta } from './chat-replica';

function conversation(text: string, kind: 'waiting' | 'streaming' | 'stopped' = 'waiting'): ConversationView {
  const common = {
    createdAt: '2026-01-01T00:00:00Z',
    parts: null,
    branch: { position: 1, count: 1, previousId: null, nextId: null },
  };
  return {
    id: 'c',
    title: 'Title',
    updatedAt: '2026-01-01T00:00:00Z',
    entries: [
      { role: 'user', id: 'q', text: 'Question', ...common },
      { role: 'assistant', id: 'a', text, ...common, state: { kind }, facts: null },
    ],
    handoff: null,
    contextSnapshot: null,
  };
}

function answerText(view: ConversationView): string | undefined {
  return view.entries.find(({ id }) => id === 'a')?.text;
}

describe('applyDelta', () => {
  it('appends at the end and turns waiting into streaming', () => {
    const outcome = applyDelta(conversation(''), { conversationId: 'c', entryId: 'a', offset: 0, text: 'A sh' });
    expect(outcome.kind).toBe('applied');
    if (outcome.kind !== 'applied') return;
    expect(answerText(outcome.view)).toBe('A sh');
    expect(answerInProgress(outcome.view)?.state.kind).toBe('streaming');
  });

  it('takes only the new part of an overlap', () => {
    const outcome = applyDelta(conversation('A sh', 'streaming'), {
      conversationId: 'c',
      entryId: 'a',
      offset: 2,
      text: 'shard',
    });
    expect(outcome.kind === 'applied' && answerText(outcome.view)).toBe('A shard');
  });

  it('notices gaps, repeats and unknown answers', () => {
    const view = conversation('A sh', 'streaming');
    const delta = { conversationId: 'c', entryId: 'a', offset: 5, text: 'x' };
    expect(applyDelta(view, delta).kind).toBe('gap');
    expect(applyDelta(view, { ...delta, offset: 0, text: 'A sh' }).kind).toBe('stale');
    expect(applyDelta(view, { ...delta, entryId: 'other' }).kind).toBe('gap');
    expect(applyDelta(view, { ...delta, entryId: 'q', offset: 0 }).kind).toBe('gap');
  });

  it('rebuilds any text from its parts, whichever of them come twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.boolean())), (parts) => {
        let view = conversation('');
        let offset = 0;
        for (const [text, twice] of parts) {
          for (let times = twice ? 2 : 1; times > 0; times -= 1) {
            const outcome = applyDelta(view, { conversationId: 'c', entryId: 'a', offset, text });
            expect(outcome.kind).not.toBe('gap');
            if (outcome.kind === 'applied') view = outcome.view;
          }
          offset += text.length;
        }
        expect(answerText(view)).toBe(parts.map(([text]) => text).join(''));
      }),
    );
  });
});

describe('answerInProgress', () => {
  it('is the last answer while it waits or streams', () => {
    expect(answerInProgress(conversation('', 'waiting'))?.id).toBe('a');
    expect(answerInProgress(conversation('A', 'streaming'))?.id).toBe('a');
    expect(answerInProgress(conversation('A', 'stopped'))).toBeNull();
    expect(answerInProgress(null)).toBeNull();
  });
});
