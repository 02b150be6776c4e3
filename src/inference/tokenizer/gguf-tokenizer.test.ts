import { BPE } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { GgufValue } from '../models/gguf';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { readGgufTokenizer } from './gguf-tokenizer';
import { TextTokenizer } from './text-tokenizer';

const BYTES = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const PIECES = [
  '▁',
  'a',
  'b',
  'c',
  'h',
  'e',
  'l',
  'o',
  'w',
  'r',
  'd',
  '▁h',
  'he',
  'll',
  'lo',
  '▁he',
  'hell',
  'hello',
  '▁hello',
  'or',
  'ld',
  'wor',
  '▁w',
  '▁wor',
  '▁world',
  'ab',
  'bc',
  'abc',
  '▁a',
];
const TOKENS = ['<unk>', '<s>', '</s>', ...BYTES, ...PIECES];
/** Scores as a trained vocabulary has them: pieces in no order of length. */
const SCORES = TOKENS.map((_, id) => (id < 259 ? 0 : -((id * 7) % 29)));

function open(extra: Record<string, GgufValue>): TextTokenizer {
  const metadata = new Map<string, GgufValue>(
    Object.entries({
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': TOKENS,
      'tokenizer.ggml.scores': SCORES,
      'tokenizer.ggml.token_type': TOKENS.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.unknown_token_id': 0,
      ...extra,
    }),
  );
  return expectValue(TextTokenizer.create(expectValue(readGgufTokenizer(metadata, TOKENS.length)), TOKENS.length));
}

/** SentencePiece BPE as its paper says: join the neighbours whose piece scores best, leftmost first, until none is left. */
function encodeSlowly(text: string): number[] {
  const symbols = [...`▁${text.replaceAll(' ', '▁')}`];
  for (;;) {
    let best: { at: number; score: number } | undefined;
    for (let at = 0; at + 1 < symbols.length; at++) {
      const id = TOKENS.indexOf(`${symbols[at]}${symbols[at + 1]}`);
      const score = SCORES[id] ?? 0;
      if (id >= 259 && (best === undefined || score > best.score)) best = { at, score };
    }
    if (best === undefined) break;
    symbols.splice(best.at, 2, `${symbols[best.at]}${symbols[best.at + 1]}`);
  }
  return symbols.flatMap((symbol) => {
    const id = TOKENS.indexOf(symbol);
    return id >= 0 ? [id] : [...new TextEncoder().encode(symbol)].map((byte) => byte + 3);
  });
}

describe('SentencePiece BPE', () => {
  const tokenizer = open({});

  it('begins with the begin token and falls back to bytes', () => {
    expect(expectValue(tokenizer.encodePrompt('hello'))).toEqual([1, ...encodeSlowly('hello')]);
    expect(expectValue(tokenizer.encodePrompt('é'))).toEqual([1, TOKENS.indexOf('▁'), 0xc3 + 3, 0xa9 + 3]);
  });

  it('joins pieces as SentencePiece does', () => {
    const words = fc.array(fc.constantFrom(...'abchelowrd', ' '), { minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(words, (characters) => {
        const text = characters.join('');
        expect(expectValue(tokenizer.encodePrompt(text)).slice(1)).toEqual(encodeSlowly(text));
      }),
    );
  });

  it('merges word by word, so that long texts are read in time', () => {
    const merge = vi.spyOn(BPE.prototype, 'bpe');
    expectValue(tokenizer.encodePrompt('hello world  abc'));
    expect(merge.mock.calls).toEqual([['▁hello'], ['▁world'], ['▁▁abc']]);
    merge.mockRestore();
  });

  it('gives the text back', () => {
    for (const text of ['hello world', 'a  b', 'über 🦊 abc']) {
      expect(tokenizer.decode(expectValue(tokenizer.encodePrompt(text)))).toBe(text);
    }
  });
});

describe('SentencePiece unigram', () => {
  it('takes the most likely pieces', () => {
    const tokenizer = open({
      'tokenizer.ggml.model': 't5',
      'tokenizer.ggml.scores': TOKENS.map((token, id) => (id < 259 ? -50 : -5 - 1 / token.length)),
    });
    const pieces = expectValue(tokenizer.encodePrompt('hello world')).map((id) => TOKENS[id]);
    expect(pieces).toEqual(['▁hello', '▁world']);
    expect(tokenizer.decode([TOKENS.indexOf('▁hello'), TOKENS.indexOf('▁world')])).toBe('hello world');
  });
});

describe('byte-level BPE', () => {
  const tokens = ['a', 'b', 'c', 'ab', 'bc', 'abc'];
  const encode = (pre: string): number[] => {
    const metadata = new Map<string, GgufValue>(
      Object.entries({
        'tokenizer.ggml.model': 'gpt2',
        'tokenizer.ggml.pre': pre,
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.merges': ['b c', 'ab c'],
      }),
    );
    const files = expectValue(readGgufTokenizer(metadata, tokens.length));
    return expectValue(expectValue(TextTokenizer.create(files, tokens.length)).encodePrompt('abc'));
  };

  it('takes words that are tokens as they are where Llama 3 does', () => {
    for (const pre of ['llama-bpe', 'llama3']) expect(encode(pre)).toEqual([5]);
    for (const pre of ['qwen2', 'gpt-2']) expect(encode(pre)).toEqual([0, 4]);
  });
});

describe('hostile vocabularies', () => {
  const read = (tokens: readonly string[], vocabularySize = tokens.length) =>
    readGgufTokenizer(
      new Map<string, GgufValue>(
        Object.entries({
          'tokenizer.ggml.model': 'llama',
          'tokenizer.ggml.tokens': tokens,
          'tokenizer.ggml.scores': tokens.map(() => 0),
        }),
      ),
      vocabularySize,
    );

  it('have no more tokens than the model knows', () => {
    expect(codeOf(read(['a', 'b', 'c'], 2))).toBe('tokenizer-invalid');
  });

  it('end where too many pairs form another token', () => {
    // Every length up to 60 of one letter, again and again: each has all ways to be cut.
    const tokens = Array.from({ length: 70_000 }, (_, index) => 'a'.repeat(1 + (index % 60)));
    const result = read(tokens);
    expect(codeOf(result)).toBe('tokenizer-invalid');
    expect(!result.ok && result.error.message).toContain('pairs of its tokens');
  });

  it('have tokens of any length', () => {
    const files = expectValue(read(['a', 'aa', 'a'.repeat(64), 'a'.repeat(65), 'a'.repeat(20_000_000)]));
    expect(files.tokenizerJson).toMatchObject({ model: { merges: [['a', 'a']] } });
  });
});
