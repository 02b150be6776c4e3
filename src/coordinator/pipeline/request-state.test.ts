import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refuse } from '../errors';
import { nextRequestState, type RequestEvent, type RequestState } from './request-state';

const opening: RequestState = { kind: 'opening' };
const opened: RequestEvent = { kind: 'opened', inputIds: [7, 8, 9], limit: 2 };
const token = (tokenId: number, finishReason: 'stop' | 'length' | null = null): RequestEvent => ({
  kind: 'tokens',
  tokenIds: [tokenId],
  finishReason,
});
const failed: RequestEvent = { kind: 'failed', failure: refuse('node-lost', 'gone').error };
const after = (...events: RequestEvent[]): RequestState => events.reduce(nextRequestState, opening);

describe('nextRequestState', () => {
  it('feeds the prompt first, then each new token at its position', () => {
    expect(after(opened)).toMatchObject({ kind: 'running', feed: { position: 0, inputIds: [7, 8, 9] } });
    expect(after(opened, token(5))).toMatchObject({ outputTokens: 1, feed: { position: 3, inputIds: [5] } });
  });

  it('finishes at the limit, at the end of the text, and at an empty answer', () => {
    expect(after(opened, token(5), token(6))).toEqual({
      kind: 'finished',
      inputTokens: 3,
      outputTokens: 2,
      reason: 'length',
    });
    expect(after(opened, token(5, 'stop'))).toMatchObject({ kind: 'finished', outputTokens: 1, reason: 'stop' });
    expect(after(opened, { kind: 'tokens', tokenIds: [], finishReason: 'stop' })).toMatchObject({
      outputTokens: 0,
      reason: 'stop',
    });
  });

  it('keeps what was produced when cancelled, and nothing when it never ran', () => {
    expect(after(opened, token(5), { kind: 'cancelled' })).toMatchObject({ outputTokens: 1, reason: 'cancelled' });
    expect(after({ kind: 'cancelled' })).toMatchObject({ kind: 'finished', inputTokens: 0, outputTokens: 0 });
  });

  it('never leaves an end, and never counts beyond its events', () => {
    const event = fc.oneof(
      fc.constant(opened),
      fc.constant(failed),
      fc.constant<RequestEvent>({ kind: 'cancelled' }),
      fc.nat(10).map((id) => token(id)),
      fc.nat(10).map((id) => token(id, 'stop')),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        let state: RequestState = after();
        for (const next of events) {
          const before: RequestState = state;
          state = nextRequestState(state, next);
          if (before.kind === 'finished' || before.kind === 'failed') expect(state).toBe(before);
        }
        if (state.kind === 'running' || state.kind === 'finished') {
          expect(state.outputTokens).toBeLessThanOrEqual(events.filter(({ kind }) => kind === 'tokens').length);
        }
      }),
    );
  });
});
