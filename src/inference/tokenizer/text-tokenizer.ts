import { Tokenizer } from '@huggingface/tokenizers';
import type { ChatMessage } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import { runWithin, TimeLimitError } from '../time-limit';
import { ChatTemplate } from './chat-template';
import { cutAtSpaces } from './space-cuts';
import type { TokenizerFiles } from './tokenizer-files';
import { TokenPieces, type TokenPiece } from './token-pieces';
import { decodesWithPatterns, growsTexts } from './tokenizer-growth';

/** Text of a request, long before it meets the context's limit: encoding is work done before anyone paid. */
const MAX_TEXT_LENGTH = 4_000_000;
/** Shorter tokens do not bound a text: rules may take characters away before it is cut into tokens. */
const LEAST_LONGEST_TOKEN = 16;
/**
 * The rules of a tokenizer are patterns of whoever made the model. A slow machine encodes 10 characters a millisecond of
 * a text that cannot be cut into words, and many more of others.
 */
const ENCODE_LIMIT_MS = 2_000;
const CHARACTERS_PER_MS = 10;
/** Texts of a few tokens, which take far less than a millisecond. */
const DECODE_LIMIT_MS = 500;
/** The largest published tokenizers take 2 s on a slow machine. */
export const BUILD_LIMIT_MS = 20_000;

/** Turns text into token ids and back, and chats into text, as the model's own files say. */
export class TextTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate | undefined;
  readonly #decodesWithPatterns: boolean;
  readonly #files: TokenizerFiles;
  readonly #vocabularySize: number;
  /** Positions the model reads, and characters that fit into them at most. */
  readonly #context: { readonly length: number; readonly characters: number };
  readonly #pieces: TokenPieces;

  private constructor(
    files: TokenizerFiles,
    tokenizer: Tokenizer,
    template: ChatTemplate | undefined,
    vocabularySize: number,
    contextLength: number,
  ) {
    this.#files = files;
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#decodesWithPatterns = decodesWithPatterns({ ...files.tokenizerJson });
    this.#vocabularySize = vocabularySize;
    let longest = LEAST_LONGEST_TOKEN;
    for (const token of tokenizer.get_vocab().keys()) longest = Math.max(longest, token?.length ?? 0);
    this.#context = { length: contextLength, characters: contextLength * longest };
    const added = tokenizer.get_added_tokens_decoder();
    const { decoder }: { decoder?: unknown } = files.tokenizerJson;
    this.#pieces = new TokenPieces(decoder, {
      tokenOf: (id) => tokenizer.id_to_token(id) ?? null,
      addedOf: (id) => {
        const token = added.get(id);
        return token === undefined ? null : { isSpecial: token.special };
      },
      decode: (id) => this.decode([id]),
    });
  }

  /**
   * @param vocabularySize - rows of the model's embedding; the tokenizer may not name a token beyond it
   * @param contextLength - positions the model reads; longer texts are refused before they are encoded where that shows
   */
  static create(
    files: TokenizerFiles,
    vocabularySize: number,
    contextLength = Number.POSITIVE_INFINITY,
  ): Result<TextTokenizer, EngineErrorCode> {
    if (growsTexts({ ...files.tokenizerJson })) {
      return engineFailure(
        'tokenizer-invalid',
        'tokenizer.json cannot be used: its rules make texts grow without measure.',
      );
    }
    let tokenizer: Tokenizer;
    try {
      tokenizer = runWithin(
        BUILD_LIMIT_MS,
        () => new Tokenizer(cutAtSpaces(files.tokenizerJson), files.tokenizerConfig),
      );
    } catch (thrown) {
      return engineFailure('tokenizer-invalid', `tokenizer.json cannot be used: ${reasonOf(thrown)}`);
    }
    const template = files.chatTemplate === null ? undefined : ChatTemplate.read(files.chatTemplate);
    if (template?.ok === false) return template;
    return success(new TextTokenizer(files, tokenizer, template?.value, vocabularySize, contextLength));
  }

  /** Ids of a text as it is, with the tokens the tokenizer itself puts around a document, once. */
  encodePrompt(prompt: string): Result<number[], EngineErrorCode> {
    const begin = this.#files.beginToken;
    return this.#encode(prompt, begin === null || !prompt.startsWith(begin));
  }

  /** Ids of a chat in the model's own format, ending where the model begins to answer. */
  encodeMessages(messages: readonly ChatMessage[]): Result<number[], EngineErrorCode> {
    if (this.#template === undefined) {
      return engineFailure('template-invalid', 'The model has no chat template.', {
        suggestion: 'Send a plain prompt, or choose a model made for chats.',
      });
    }
    const text = this.#template.render(messages, this.#files);
    if (!text.ok) return text;
    // The template writes the special tokens itself.
    return this.#encode(text.value, false);
  }

  /**
   * Text of ids without special tokens. Bytes that form no character come out as U+FFFD.
   *
   * @throws `TimeLimitError` where a hostile tokenizer's patterns take too long
   */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    const decode = (): string =>
      this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
    return this.#decodesWithPatterns ? runWithin(DECODE_LIMIT_MS, decode) : decode();
  }

  /**
   * What one token is, whatever stands beside it.
   *
   * @throws `TimeLimitError` where a hostile tokenizer's patterns take too long
   */
  pieceOf(id: number): TokenPiece {
    return this.#pieces.pieceOf(id);
  }

  #encode(text: string, addSpecialTokens: boolean): Result<number[], EngineErrorCode> {
    if (text.length > MAX_TEXT_LENGTH) {
      return engineFailure(
        'input-invalid',
        `The text has ${text.length} characters; at most ${MAX_TEXT_LENGTH} are read.`,
      );
    }
    if (text.length > this.#context.characters) {
      return engineFailure(
        'context-exceeded',
        `The model reads at most ${this.#context.length} positions; a text of ${text.length} characters needs more.`,
        { suggestion: 'Shorten the prompt.' },
      );
    }
    const limitMs = ENCODE_LIMIT_MS + Math.ceil(text.length / CHARACTERS_PER_MS);
    let ids: number[];
    try {
      ({ ids } = runWithin(limitMs, () => this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens })));
    } catch (thrown) {
      const why = thrown instanceof TimeLimitError ? thrown.message : `it failed: ${reasonOf(thrown)}`;
      return engineFailure('tokenizer-invalid', `The tokenizer cannot encode this text: ${why}.`);
    }
    const stray = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= this.#vocabularySize);
    if (stray !== undefined) {
      return engineFailure(
        'tokenizer-invalid',
        `The tokenizer gave token ${stray}; the model knows ${this.#vocabularySize}.`,
      );
    }
    if (ids.length === 0) return engineFailure('input-invalid', 'The text holds no tokens.');
    return success(ids);
  }
}
