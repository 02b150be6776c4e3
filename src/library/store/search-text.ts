import type { ContentPart } from '../../protocol/conversation/content';
import type { ConversationMessage } from '../../protocol/conversation/conversation';

/** Characters of one message that are searched. A book has a million; what is behind that stays in the document. */
const MAX_SEARCHED_CHARACTERS = 1_000_000;

const LONE_SURROGATES = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** A text that every encoder takes: halves of broken characters become U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATES, '\uFFFD');
}

function wordsOf(part: ContentPart): readonly unknown[] {
  const fields: Record<string, unknown> = { ...part };
  switch (part.type) {
    case 'text':
    case 'thinking':
      return [fields['text']];
    case 'code':
      return [fields['code']];
    case 'image':
      return [fields['name'], fields['alt']];
    case 'file':
      return [fields['name'], fields['extracted_text']];
    case 'citation':
      return [fields['title'], fields['text']];
    case 'tool_call':
      return [fields['arguments']];
    case 'tool_result':
      return [fields['output']];
    default:
      return [];
  }
}

/** The words of a message that one may look for. Hidden messages (system prompts, internal steps) have none. */
export function searchTextOf(message: ConversationMessage): string {
  if (message.metadata?.['hidden'] === true) return '';
  const texts = message.content
    .flatMap((part) => wordsOf(part))
    .filter((text) => typeof text === 'string' && text !== '');
  return wellFormed(texts.join('\n').slice(0, MAX_SEARCHED_CHARACTERS));
}

/** Scripts written without blanks between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const EACH_UNSPACED = new RegExp(UNSPACED.source, 'gu');

const PLAIN = /^[\x20-\x7e\s]*$/;
/** Accents of alphabets. Signs of other scripts, such as vowels of Devanagari, are letters and stay. */
const ACCENTS = /[\u0300-\u036f]/g;

/**
 * Lower case without accents: how words are compared. Turkish tells ı from i, but its capital I is everybody's, so all four
 * letters count as one.
 */
export function fold(text: string): string {
  return PLAIN.test(text)
    ? text.toLowerCase()
    : text.normalize('NFD').replace(ACCENTS, '').normalize('NFC').toLowerCase().replaceAll('ı', 'i');
}

/**
 * A text as the index takes it: folded, and in scripts without blanks each character a word of its own, so that any part
 * of a sentence is found; a query is prepared the same way and becomes a phrase.
 */
export function searchableText(text: string): string {
  const folded = fold(text);
  return UNSPACED.test(folded) ? folded.replace(EACH_UNSPACED, ' $& ') : folded;
}
