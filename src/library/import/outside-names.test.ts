import { describe, expect, it } from 'vitest';
import { validateConversation } from '../../protocol/conversation/check-conversation';
import type { Converted } from './converter';
import { convertChatMessages } from './converters/chat-messages';
import { convertChatGpt } from './converters/chatgpt';
import { convertMarkdown } from './converters/markdown';
import { htmlToMarkdown } from './html-to-markdown';
import { mediaTypeOf } from './media-type';
import { plainText } from './scan-html';
import { chatGpt, node } from './testdata/exports';
import { CONTEXT } from './testdata/reading';

/** What every object of the language has is no word of ours. */
describe('names that every object has', () => {
  it.each<readonly [string, Converted]>([
    ['a heading', convertMarkdown('# Classes\n\n## Constructor\n\nIt makes one.\n', CONTEXT)],
    [
      'a role in a list of messages',
      convertChatMessages({ messages: [{ role: 'constructor', content: 'a' }] }, CONTEXT),
    ],
    ['a role of ChatGPT', convertChatGpt(chatGpt([node('a', null, [], { role: 'constructor' })]), CONTEXT)],
  ])('make a valid conversation: %s', (_name, converted) => {
    if (converted.kind === 'conversation')
      expect(validateConversation(converted.conversation)).toMatchObject({ ok: true });
    else expect(converted.kind).toBe('skipped');
  });

  it('are words and endings like any other', () => {
    expect(htmlToMarkdown('<constructor>a</constructor>')).toBe('a');
    expect(plainText('a &toString; b')).toBe('a &toString; b');
    expect(mediaTypeOf('a.constructor', new Uint8Array())).toBe('application/octet-stream');
  });
});
