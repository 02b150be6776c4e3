import { utf8Bytes } from '../documents/utf-8';
import type { ChatMessage } from './model';

/** Tokens a chat template adds around each message; the templates of known models need between 3 and 10. */
const TEMPLATE_TOKENS_PER_MESSAGE = 10;
/** Characters of text that make one token, chosen low: English in small vocabularies has 2.5, in large ones 4. */
const CHARACTERS_PER_TOKEN = 2;

/**
 * Tokens a text cannot exceed: byte-level vocabularies have a token for every byte, so no text has more tokens than
 * bytes in UTF-8.
 */
export function tokensAtMost(messages: readonly ChatMessage[]): number {
  return messages.reduce(
    (sum, { content }) => sum + utf8Bytes(content) + TEMPLATE_TOKENS_PER_MESSAGE,
    TEMPLATE_TOKENS_PER_MESSAGE,
  );
}

/** Tokens a text probably has, rather too many than too few. */
export function tokensProbably(text: string): number {
  return Math.ceil([...text].length / CHARACTERS_PER_TOKEN) + TEMPLATE_TOKENS_PER_MESSAGE;
}
