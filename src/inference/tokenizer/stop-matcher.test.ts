import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from './stop-matcher';

/** Feeds pieces until a stop, as an answer is built. */
function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = '';
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + matcher.finish(), stopped: false };
}

describe('StopMatcher', () => {
  it('holds back what may begin a stop string and gives it out when it does not', () => {
    const matcher = new StopMatcher(['END']);
    expect(matcher.push('the E')).toEqual({ text: 'the ', stopped: false });
    expect(matcher.push('N')).toEqual({ text: '', stopped: false });
    expect(matcher.push('G')).toEqual({ text: 'ENG', stopped: false });
    expect(matcher.push('EN')).toEqual({ text: '', stopped: false });
    expect(matcher.finish()).toBe('EN');
  });

  it('stops at a stop string over pieces and drops what follows', () => {
    expect(run(['\n\nUser:'], ['Hello.\n', '\nUs', 'er: more'])).toEqual({ text: 'Hello.', stopped: true });
  });

  it('stops at the earliest of several', () => {
    expect(run(['ccc', 'b'], ['abccc'])).toEqual({ text: 'a', stopped: true });
  });

  it('finds overlapping beginnings', () => {
    expect(run(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ text: 'a', stopped: true });
  });

  it('agrees with searching the whole text, however it is cut', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
    const stops = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }), {
      maxLength: 3,
    });
    fc.assert(
      fc.property(stops, fc.array(letters, { maxLength: 8 }), (list, pieces) => {
        const whole = pieces.join('');
        const found = list.map((stop) => whole.indexOf(stop)).filter((index) => index >= 0);
        const result = run(list, pieces);
        expect(result.stopped).toBe(found.length > 0);
        // A stop that is complete first ends the answer, even if a longer one began before it.
        expect(found.length === 0 ? result.text === whole : whole.startsWith(result.text)).toBe(true);
        for (const stop of list) expect(result.text.includes(stop)).toBe(false);
      }),
    );
  });
});
