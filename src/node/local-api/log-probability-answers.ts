import type { LogProbability, TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { CompletionRequest } from './completion-requests';

function bytesOf({ text, bytes }: LogProbability): Uint8Array {
  return bytes === undefined ? Buffer.from(text, 'utf8') : Uint8Array.from(bytes);
}

/** A special token, such as the one that ends an answer, is no part of its text. */
function addsText({ bytes }: LogProbability): boolean {
  return bytes === undefined || bytes.length > 0;
}

/** One token in the chat's list. */
function chatToken(token: LogProbability): object {
  return { token: token.text, logprob: token.logprob, bytes: addsText(token) ? [...bytesOf(token)] : null };
}

/** The name of a token in a text completion's lists, where only names tell tokens apart. */
function textToken({ text, bytes }: LogProbability): string {
  if (bytes === undefined || bytes.length === 0) return text;
  return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
}

/** Writes the log-probabilities of an answer's tokens in OpenAI's two shapes, in the order the tokens come. */
export class LogProbabilityWriter {
  readonly #kind: CompletionRequest['kind'];
  /** Puts characters that several tokens share together. */
  readonly #decoder = new TextDecoder();
  /** Characters before the next token. */
  #offset = 0;

  constructor(kind: CompletionRequest['kind']) {
    this.#kind = kind;
  }

  /** The field `logprobs` for the next tokens of the answer; null where there is nothing to say. */
  write(tokens: readonly TokenLogProbabilities[]): object | null {
    const shown = tokens.filter(addsText);
    if (shown.length === 0) return null;
    return this.#kind === 'chat' ? chatShape(shown) : this.#textShape(shown);
  }

  #textShape(tokens: readonly TokenLogProbabilities[]): object {
    return {
      tokens: tokens.map(textToken),
      token_logprobs: tokens.map(({ logprob }) => logprob),
      // The token itself belongs to them, also where it is none of the likeliest.
      top_logprobs: tokens.map((token) =>
        Object.fromEntries([...token.top, token].map((entry) => [textToken(entry), entry.logprob])),
      ),
      text_offset: tokens.map((token) => this.#passOver(token)),
    };
  }

  #passOver(token: LogProbability): number {
    const offset = this.#offset;
    this.#offset += [...this.#decoder.decode(bytesOf(token), { stream: true })].length;
    return offset;
  }
}

function chatShape(tokens: readonly TokenLogProbabilities[]): object {
  const content = tokens.map((token) => ({ ...chatToken(token), top_logprobs: token.top.map(chatToken) }));
  return { content, refusal: null };
}
