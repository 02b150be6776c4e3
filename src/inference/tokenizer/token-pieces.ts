import { LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';

/** A token on its own: what it adds to a text, whatever stands beside it. */
export interface TokenPiece {
  /** Bytes that form no character come out as U+FFFD. A special token's name. */
  readonly text: string;
  /** What it adds to a text, where that is not the UTF-8 of `text`: parts of characters; nothing for a special token. */
  readonly bytes?: readonly number[];
}

/** What is read of a tokenizer to cut its tokens apart. */
export interface TokenSource {
  /** Null for an id without a token. */
  readonly tokenOf: (id: number) => string | null;
  /** Tokens that were added to the vocabulary as they are; `isSpecial`: they add nothing to a text. */
  readonly addedOf: (id: number) => { readonly isSpecial: boolean } | null;
  /** Text of one token as the tokenizer itself gives it. */
  readonly decode: (id: number) => string;
}

/** Stands for a space in tokens of SentencePiece. */
const SPACE_SIGN = '\u2581';
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** Signs of byte-level BPE and the bytes they stand for (Radford et al. 2019): printable ones themselves, others from U+0100 on. */
function byteLevelSigns(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const signs = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) signs.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte);
  return signs;
}

const BYTE_LEVEL_SIGNS = byteLevelSigns();

/** The types of decoder that tokenizer.json puts one after the other, and the signs they replace. */
function decoderWords(rules: unknown): string[] {
  if (typeof rules === 'string') return [rules];
  if (typeof rules !== 'object' || rules === null) return [];
  // The nesting was bounded when the file was parsed.
  return Object.values(rules).flatMap(decoderWords);
}

/** Gives the pieces of a tokenizer's tokens, as exact bytes where its rules are those of byte-level BPE or SentencePiece. */
export class TokenPieces {
  readonly #source: TokenSource;
  readonly #isByteLevel: boolean;
  readonly #hasByteTokens: boolean;
  readonly #hasSpaceSigns: boolean;

  /** @param decoder - that of tokenizer.json */
  constructor(decoder: unknown, source: TokenSource) {
    const words = new Set(decoderWords(decoder));
    this.#source = source;
    this.#isByteLevel = words.has('ByteLevel');
    this.#hasByteTokens = words.has('ByteFallback');
    this.#hasSpaceSigns = words.has('Metaspace') || words.has(SPACE_SIGN);
  }

  /** The piece of a token, cut at `maxPieceLength` bytes; an id without a token has an empty one. */
  pieceOf(id: number): TokenPiece {
    const token = this.#source.tokenOf(id);
    if (token === null) return { text: '', bytes: [] };
    const added = this.#source.addedOf(id);
    if (added?.isSpecial === true) return { text: pieceOfBytes(Buffer.from(token)).text, bytes: [] };
    return pieceOfBytes(added === null ? this.#bytesOf(id, token) : Buffer.from(token));
  }

  #bytesOf(id: number, token: string): Uint8Array {
    if (this.#isByteLevel) {
      const bytes = [...token].map((sign) => BYTE_LEVEL_SIGNS.get(sign));
      if (bytes.every((byte) => byte !== undefined)) return Uint8Array.from(bytes);
    }
    const byte = this.#hasByteTokens ? BYTE_TOKEN.exec(token)?.[1] : undefined;
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    return Buffer.from(this.#hasSpaceSigns ? token.replaceAll(SPACE_SIGN, ' ') : this.#source.decode(id));
  }
}

function pieceOfBytes(whole: Uint8Array): TokenPiece {
  const bytes = Buffer.from(whole.subarray(0, LOG_PROBABILITY_LIMITS.maxPieceLength));
  const text = bytes.toString('utf8');
  return bytes.equals(Buffer.from(text)) ? { text } : { text, bytes: [...bytes] };
}
