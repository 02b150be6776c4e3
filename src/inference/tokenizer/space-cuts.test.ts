import { Tokenizer } from '@huggingface/tokenizers';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutAtSpaces } from './space-cuts';

const LETTERS = ['a', 'b', 'é', '▁'];
const SPACES_TO_SIGNS = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };

/** A vocabulary of letters and of what merges make of them, as SentencePiece has it. */
function rulesOf(merges: readonly (readonly [string, string])[], change: object = {}): object {
  const tokens = [...new Set(['<unk>', '<s>', ...LETTERS, ...merges.map((pair) => pair.join(''))])];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const special = { id: 1, content: '<s>', special: true, lstrip: false, rstrip: false, normalized: false };
  return {
    added_tokens: [special],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '▁' }, SPACES_TO_SIGNS] },
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', vocab, merges, unk_token: '<unk>', fuse_unk: true, byte_fallback: true, ...change },
  };
}

function encode(rules: object, text: string): number[] {
  return new Tokenizer(rules, {}).encode(text).ids;
}

/** Merges of letters, and of what earlier merges gave; none joins a space to what stands before it. */
const mergesOfPieces = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 20 }).map((choices) => {
  const pieces = [...LETTERS];
  const merges: [string, string][] = [];
  for (const [first, second] of choices) {
    const left = pieces[first % pieces.length] ?? '';
    const right = pieces[second % pieces.length] ?? '';
    if (/[^▁]▁/.test(left + right)) continue;
    merges.push([left, right]);
    pieces.push(left + right);
  }
  return merges.length > 0 ? merges : [['▁', 'a'] as [string, string]];
});
const text = fc.array(fc.constantFrom('a', 'b', 'é', ' ', '  ', 'x', '▁', '<s>', '\n'), { maxLength: 40 });

describe('cutAtSpaces', () => {
  it('gives the tokens of the whole text', () => {
    fc.assert(
      fc.property(mergesOfPieces, text, fc.boolean(), (merges, parts, hasMetaspace) => {
        const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };
        const change = hasMetaspace ? { normalizer: null, pre_tokenizer: metaspace } : {};
        const rules = { ...rulesOf(merges), ...change };
        expect(encode(cutAtSpaces(rules), parts.join(''))).toEqual(encode(rules, parts.join('')));
      }),
    );
  });

  it('cuts texts of SentencePiece BPE into words', () => {
    for (const merges of [[['▁', 'a']], ['▁ a']]) {
      const { pre_tokenizer: cut } = cutAtSpaces(rulesOf([], { merges })) as { pre_tokenizer: object };
      expect(cut).toMatchObject({ type: 'Split' });
      const words = new Tokenizer({ ...rulesOf([]), pre_tokenizer: cut }, {}).pre_tokenizer?.('▁a▁▁bé▁', {});
      expect(words).toEqual(['▁a', '▁▁bé', '▁']);
    }
  });

  it.each<[string, object]>([
    ['a token reaches over a space', rulesOf([['a', '▁b']])],
    ['a token ends with a space', rulesOf([['a', '▁']])],
    ['spaces have no sign', rulesOf([['a', 'b']])],
    ['words are looked up whole', rulesOf([['▁', 'a']], { ignore_merges: true })],
    ['pieces are chosen together', rulesOf([['▁', 'a']], { type: 'Unigram' })],
  ])('leaves rules as they are where %s', (_, rules) => {
    expect(cutAtSpaces(rules)).toBe(rules);
  });
});
