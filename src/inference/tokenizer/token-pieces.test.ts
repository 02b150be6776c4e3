import { describe, expect, it } from 'vitest';
import { TokenPieces, type TokenSource } from './token-pieces';

function piecesOf(decoder: unknown, tokens: readonly string[], more: Partial<TokenSource> = {}): TokenPieces {
  return new TokenPieces(decoder, {
    tokenOf: (id) => tokens[id] ?? null,
    addedOf: () => null,
    decode: () => 'decoded',
    ...more,
  });
}

describe('pieces of tokens', () => {
  it('are exact bytes in byte-level BPE', () => {
    // "é" is C3 A9; byte-level BPE writes these as Ã and ©, a space as Ġ, a line break as Ċ.
    const pieces = piecesOf({ type: 'ByteLevel' }, ['ĠÃ©', 'Ã', '©', 'Ċ', 'ab']);
    expect(pieces.pieceOf(0)).toEqual({ text: ' é' });
    expect(pieces.pieceOf(1)).toEqual({ text: '\uFFFD', bytes: [0xc3] });
    expect(pieces.pieceOf(2)).toEqual({ text: '\uFFFD', bytes: [0xa9] });
    expect(pieces.pieceOf(3)).toEqual({ text: '\n' });
    expect(pieces.pieceOf(4)).toEqual({ text: 'ab' });
  });

  it('keep the spaces and bytes of SentencePiece', () => {
    const replace = { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' };
    const decoder = { type: 'Sequence', decoders: [replace, { type: 'ByteFallback' }, { type: 'Fuse' }] };
    const pieces = piecesOf(decoder, ['\u2581word', '<0xE2>', '<0x0A>', 'end']);
    expect(pieces.pieceOf(0)).toEqual({ text: ' word' });
    expect(pieces.pieceOf(1)).toEqual({ text: '\uFFFD', bytes: [0xe2] });
    expect(pieces.pieceOf(2)).toEqual({ text: '\n' });
    expect(pieces.pieceOf(3)).toEqual({ text: 'end' });
  });

  it('are what the tokenizer decodes where its rules are others', () => {
    expect(piecesOf({ type: 'WordPiece' }, ['##ing']).pieceOf(0)).toEqual({ text: 'decoded' });
    expect(piecesOf({ type: 'ByteLevel' }, ['漢']).pieceOf(0)).toEqual({ text: 'decoded' });
  });

  it('name special tokens, which add nothing, and take other added tokens as they are', () => {
    const pieces = piecesOf({ type: 'ByteLevel' }, ['<|end|>', 'Ġ', 'x'], {
      addedOf: (id) => (id === 2 ? null : { isSpecial: id === 0 }),
    });
    expect(pieces.pieceOf(0)).toEqual({ text: '<|end|>', bytes: [] });
    expect(pieces.pieceOf(1)).toEqual({ text: 'Ġ' });
    expect(pieces.pieceOf(7)).toEqual({ text: '', bytes: [] });
  });

  it('are cut where a hostile vocabulary makes them long', () => {
    const pieces = piecesOf({ type: 'ByteLevel' }, ['a'.repeat(100_000), `${'a'.repeat(255)}Ã©`]);
    expect(pieces.pieceOf(0)).toEqual({ text: 'a'.repeat(256) });
    expect(pieces.pieceOf(1).bytes).toHaveLength(256);
  });
});
