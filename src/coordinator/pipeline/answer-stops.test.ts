import { describe, expect, it } from 'vitest';
import { AnswerStops } from './answer-stops';

function tokens(...texts: readonly string[]): { id: number; text: string }[] {
  return texts.map((text, index) => ({ id: 60 + index, text }));
}

function textOf(cut: { readonly tokens: readonly { readonly text: string }[] }): string[] {
  return cut.tokens.map(({ text }) => text);
}

describe('the stop strings of an answer', () => {
  it('end it, also where one is spread over several tokens and steps', () => {
    const stops = new AnswerStops(['END']);
    const first = stops.cut({ tokens: tokens('one ', 'E'), finishReason: null }, 9);
    expect([textOf(first), first.finishReason]).toEqual([['one ', ''], null]);
    const second = stops.cut({ tokens: tokens('ND', ' more'), finishReason: null }, 7);
    expect([textOf(second), second.finishReason]).toEqual([[''], 'stop']);
  });

  it('cut the text of a whole answer', () => {
    const stops = new AnswerStops(['\n\n', 'END']);
    const cut = stops.cut({ tokens: tokens('', '', 'one END two\n\n'), finishReason: 'length' }, 3);
    expect([textOf(cut), cut.finishReason]).toEqual([['', '', 'one '], 'stop']);
  });

  it('hold nothing back at the end of the answer', () => {
    const ended = new AnswerStops(['END']).cut({ tokens: tokens('an E'), finishReason: 'stop' }, 9);
    expect(textOf(ended)).toEqual(['an E']);
    const full = new AnswerStops(['END']).cut({ tokens: tokens('an E'), finishReason: null }, 1);
    expect(textOf(full)).toEqual(['an E']);
    const silent = new AnswerStops(['END']);
    expect(textOf(silent.cut({ tokens: tokens('an E'), finishReason: null }, 9))).toEqual(['an ']);
    silent.cut({ tokens: [], finishReason: 'stop' }, 8);
    expect(silent.rest()).toBe('E');
  });
});
