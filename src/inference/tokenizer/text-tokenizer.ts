import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import type { ChatMessage } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, reasonOf, type EngineErrorCode } from '../errors';
import type { TokenizerFiles } from './tokenizer-files';

/** Text of a request, long before it meets the context's limit: encoding is work done before anyone paid. */
const MAX_TEXT_LENGTH = 4_000_000;

/** Turns text into token ids and back, and chats into text, as the model's own files say. */
export class TextTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #template: Template | undefined;
  readonly #files: TokenizerFiles;
  readonly #vocabularySize: number;

  private constructor(
    files: TokenizerFiles,
    tokenizer: Tokenizer,
    template: Template | undefined,
    vocabularySize: number,
  ) {
    this.#files = files;
    this.#tokenizer = tokenizer;
    this.#template = template;
    this.#vocabularySize = vocabularySize;
  }

  /** @param vocabularySize - rows of the model's embedding; the tokenizer may not name a token beyond it */
  static create(files: TokenizerFiles, vocabularySize: number): Result<TextTokenizer, EngineErrorCode> {
    let tokenizer: Tokenizer;
    try {
      tokenizer = new Tokenizer(files.tokenizerJson, files.tokenizerConfig);
    } catch (thrown) {
      return engineFailure('tokenizer-invalid', `tokenizer.json cannot be used: ${reasonOf(thrown)}`);
    }
    let template: Template | undefined;
    try {
      if (files.chatTemplate !== null) template = new Template(files.chatTemplate);
    } catch (thrown) {
      return engineFailure('template-invalid', `The chat template cannot be read: ${reasonOf(thrown)}`);
    }
    return success(new TextTokenizer(files, tokenizer, template, vocabularySize));
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
    let text: string;
    try {
      text = this.#template.render({
        messages: messages.map(({ role, content }) => ({ role, content })),
        add_generation_prompt: true,
        bos_token: this.#files.beginToken ?? '',
        eos_token: this.#files.endToken ?? '',
      });
    } catch (thrown) {
      return engineFailure('template-invalid', `The chat template refused these messages: ${reasonOf(thrown)}`);
    }
    // The template writes the special tokens itself.
    return this.#encode(text, false);
  }

  /** Text of ids without special tokens. Bytes that form no character come out as U+FFFD. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  #encode(text: string, addSpecialTokens: boolean): Result<number[], EngineErrorCode> {
    if (text.length > MAX_TEXT_LENGTH) {
      return engineFailure(
        'input-invalid',
        `The text has ${text.length} characters; at most ${MAX_TEXT_LENGTH} are read.`,
      );
    }
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
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
