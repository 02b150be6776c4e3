import { describe, expect, it } from 'vitest';
import { readSentTokens } from './token-log-probabilities';

const EXPECTED = { topCount: 2, vocabularySize: 100 };
const entry = (id: number, logprob: unknown, more: object = {}) => ({ id, text: 'x', logprob, ...more });
const good = { ...entry(7, -0.5), top: [entry(7, -0.5), entry(8, -1.5, { bytes: [0xc3] })] };

function read(logprobs: unknown, expected: Parameters<typeof readSentTokens>[1] = EXPECTED) {
  return readSentTokens([{ id: 7, text: 'x', logprobs }], expected);
}

describe('log-probabilities from a node', () => {
  it('are taken where they can be true', () => {
    expect(read(good)).toEqual({ tokens: [{ id: 7, text: 'x', logProbabilities: good }] });
    const outside = { ...entry(7, -9), top: [entry(1, -0.1), entry(2, -3)] };
    expect(read(outside)).toMatchObject({ tokens: [{ logProbabilities: outside }] });
    expect(read({ ...entry(7, 0), top: [] }, { ...EXPECTED, topCount: 0 })).toHaveProperty('tokens');
  });

  it('may be missing, and are dropped where nobody asked', () => {
    expect(read(undefined)).toEqual({ tokens: [{ id: 7, text: 'x' }] });
    expect(read(null)).toEqual({ tokens: [{ id: 7, text: 'x' }] });
    expect(read('anything', { ...EXPECTED, topCount: undefined })).toEqual({ tokens: [{ id: 7, text: 'x' }] });
  });

  it('are read of each token of a pass that verified guesses', () => {
    const second = { ...entry(9, -0.2), top: [entry(9, -0.2)] };
    const sent = [
      { id: 7, text: 'x', logprobs: good },
      { id: 9, text: 'y', logprobs: second },
    ];
    expect(readSentTokens(sent, EXPECTED)).toEqual({
      tokens: [
        { id: 7, text: 'x', logProbabilities: good },
        { id: 9, text: 'y', logProbabilities: second },
      ],
    });
    expect(readSentTokens([...sent, { id: 1, text: 'z', logprobs: second }], EXPECTED)).toHaveProperty('problem');
  });

  it('lose what does not belong to them', () => {
    const stuffed = { ...good, top: [entry(7, -0.5, { payload: 'x'.repeat(1_000) })], note: 'y' };
    expect(JSON.stringify(read(stuffed))).not.toMatch(/payload|note/);
  });

  it.each<[string, unknown, string]>([
    ['NaN', { ...good, logprob: Number.NaN }, 'another shape'],
    ['null, as JSON writes NaN', { ...good, logprob: null }, 'another shape'],
    ['a positive one', { ...good, logprob: 0.1 }, 'another shape'],
    ['minus infinity', { ...good, logprob: Number.NEGATIVE_INFINITY }, 'another shape'],
    ['a positive alternative', { ...good, top: [entry(8, 0.2)] }, 'another shape'],
    ['no list', entry(7, -0.5), 'another shape'],
    ['a long piece', { ...good, text: 'x'.repeat(257) }, 'another shape'],
    ['bytes beyond 255', { ...good, bytes: [256] }, 'another shape'],
    ['too many', { ...good, top: [entry(7, -0.5), entry(8, -1.5), entry(9, -2)] }, '3 likeliest tokens where 2'],
    ['another token', { ...good, id: 8 }, 'token 8 with token 7'],
    ['another order', { ...entry(7, -3), top: [entry(8, -1.5), entry(9, -0.5)] }, 'not in order'],
    ['one token twice', { ...entry(7, -3), top: [entry(8, -1.5), entry(8, -1.5)] }, 'twice'],
    ['a token outside the vocabulary', { ...good, top: [entry(100, -0.5)] }, 'vocabulary'],
    ['two values of the token', { ...good, logprob: -0.6 }, 'two log-probabilities'],
    ['a likelier one left out', { ...entry(7, -0.5), top: [entry(8, -1), entry(9, -2)] }, 'likelier one out'],
    ['more than 1 together', { ...entry(7, -0.1), top: [entry(7, -0.1), entry(8, -0.2)] }, 'more than 1'],
  ])('are refused with %s', (_name, logprobs, said) => {
    expect(read(logprobs)).toEqual({ problem: expect.stringContaining(said) as string });
  });
});
