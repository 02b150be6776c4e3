import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DraftSource, lookUp } from './draft-source';

/** Works a source through steps of given times; the next tokens are those of `answer`. */
function run(answer: readonly number[], msOf: (guesses: number) => number, maxDraftTokens = 8) {
  const source = new DraftSource({ maxDraftTokens });
  const ids = [answer[0] ?? 0];
  let elapsedMs = 0;
  let steps = 0;
  while (ids.length < answer.length) {
    const guesses = source.guess(ids, answer.length - ids.length - 1);
    let right = 0;
    while (right < guesses.length && guesses[right] === answer[ids.length + right]) right += 1;
    ids.push(...answer.slice(ids.length, ids.length + right + 1));
    source.observe(guesses.length, right + 1, msOf(guesses.length));
    elapsedMs += msOf(guesses.length);
    steps += 1;
  }
  return { elapsedMs, steps, plainMs: (answer.length - 1) * msOf(0) };
}

describe('looking tokens up', () => {
  it('continues the latest of the longest matches', () => {
    expect(lookUp([1, 2, 3, 9, 2, 3, 7, 2, 3], 2)).toEqual({ matched: 2, guesses: [7, 2] });
    expect(lookUp([1, 2, 3, 9, 8, 2, 3, 7, 1, 2, 3], 2)).toEqual({ matched: 3, guesses: [9, 8] });
    expect(lookUp([1, 2, 3, 4], 4).guesses).toEqual([]);
    expect(lookUp([5], 4).guesses).toEqual([]);
    expect(lookUp([1, 2, 1, 2], 0).guesses).toEqual([]);
  });

  it('goes round where the match reaches into the end', () => {
    expect(lookUp([4, 7, 7, 7], 5).guesses).toEqual([7, 7, 7, 7, 7]);
    expect(lookUp([1, 2, 1, 2, 1, 2], 5).guesses).toEqual([1, 2, 1, 2, 1]);
  });

  it('gives as many tokens as asked for, all of them seen before, or none', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4 }), { maxLength: 60 }), fc.nat({ max: 12 }), (ids, count) => {
        const { guesses } = lookUp(ids, count);
        expect([0, count]).toContain(guesses.length);
        for (const guess of guesses) expect(ids).toContain(guess);
      }),
    );
  });
});

describe('guessing', () => {
  const repetitive = Array.from({ length: 240 }, (_, index) => index % 6);
  const random = Array.from({ length: 240 }, (_, index) => (index * 7_919 + ((index * index) % 13)) % 5);

  it('saves most steps of text that repeats itself', () => {
    const { elapsedMs, plainMs } = run(repetitive, (guesses) => 10 + guesses * 0.2);
    expect(plainMs / elapsedMs).toBeGreaterThan(4);
  });

  it('costs little where no guess comes true, however dear a wrong one is', () => {
    // Alternating runs that look alike and go on differently: every look-up finds something, and it is wrong.
    const misleading = Array.from({ length: 600 }, (_, index) => (index % 3 === 2 ? 10 + index : index % 3));
    const { elapsedMs, plainMs } = run(misleading, (guesses) => 10 + guesses * 3);
    expect(plainMs / elapsedMs).toBeGreaterThan(0.95);
  });

  it('never gives up more than a twentieth on arbitrary text', () => {
    const { elapsedMs, plainMs } = run(random, (guesses) => 10 + guesses * 2);
    expect(plainMs / elapsedMs).toBeGreaterThan(0.95);
  });

  it('more than halves the time where each step waits for slow lines', () => {
    const answer = [...Array.from({ length: 20 }, (_, index) => 1_000 + index), ...repetitive].slice(0, 96);
    const { elapsedMs, plainMs } = run(answer, (guesses) => 160 + guesses * 0.5);
    expect(plainMs / elapsedMs).toBeGreaterThan(2);
  });

  it('loses at most a twentieth, whatever the text and whatever guesses cost', () => {
    const tokens = fc.array(fc.nat({ max: 6 }), { minLength: 60, maxLength: 300 });
    fc.assert(
      fc.property(tokens, fc.double({ min: 0, max: 20, noNaN: true }), (answer, extraMs) => {
        const { elapsedMs, plainMs } = run(answer, (guesses) => 10 + guesses * extraMs);
        expect(plainMs / elapsedMs).toBeGreaterThan(0.95);
      }),
    );
  });

  it('tries again after one step that was slow by accident', () => {
    let guessed = 0;
    const msOf = (guesses: number) => {
      if (guesses > 0) guessed += 1;
      return guessed === 1 && guesses > 0 ? 80 : 10 + guesses * 0.2;
    };
    const { steps } = run(repetitive, msOf);
    expect(steps).toBeLessThan(repetitive.length * 0.6);
  });

  it('is off at 0, and never beyond what the request may still produce', () => {
    expect(run(repetitive, () => 1, 0).steps).toBe(repetitive.length - 1);
    const source = new DraftSource({ maxDraftTokens: 8 });
    source.observe(0, 1, 10);
    expect(source.guess([1, 2, 1, 2, 1, 2], 0)).toEqual([]);
    expect(source.guess([1, 2, 1, 2, 1, 2], 1)).toHaveLength(1);
  });
});
