import { describe, expect, it } from 'vitest';
import { JAN_THREAD, janMessages, libreChat, lmStudio, openWebUi } from '../testdata/local-exports';
import { CONTEXT, conversationOf, messageOf, partsOf, roleOf } from '../testdata/reading';
import type { SourceRecord } from '../source-values';
import { convertChatMessages } from './chat-messages';
import { convertJan } from './jan';
import { convertLibreChat } from './librechat';
import { convertLmStudio } from './lm-studio';
import { convertOpenWebUi } from './open-webui';

describe('Open WebUI', () => {
  const found = conversationOf(convertOpenWebUi(openWebUi(), CONTEXT));

  it('keeps the tree, the shown branch, the system prompt and tags', () => {
    expect(found.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
      ['system-prompt', null],
      ['q', 'system-prompt'],
      ['a1', 'q'],
      ['a2', 'q'],
    ]);
    expect([found.head, found.metadata?.['tags'], found.created_at]).toEqual([
      'a1',
      ['space'],
      '2023-11-14T22:13:20.000Z',
    ]);
    expect(messageOf(found, 'system-prompt').metadata?.['hidden']).toBe(true);
  });

  it('keeps thoughts, sources, usage and pictures', () => {
    expect(partsOf(found, 'a2')).toEqual([
      { type: 'thinking', text: 'Counting' },
      { type: 'text', text: 'Very many.' },
      { type: 'citation', title: 'Almanac', uri: 'https://stars.example', text: '10^22' },
    ]);
    expect(messageOf(found, 'a2').usage).toEqual({ input_tokens: 7, output_tokens: 9 });
    expect(partsOf(found, 'q')[1]).toEqual({ type: 'image', uri: 'data:image/png;base64,iVBORw==' });
  });

  it('reads chats of the first versions, a plain list', () => {
    const old = conversationOf(
      convertOpenWebUi(
        {
          chat: {
            title: 'Old',
            messages: [
              { role: 'user', content: 'a' },
              { role: 'assistant', content: 'b' },
            ],
          },
        },
        CONTEXT,
      ),
    );
    expect(old.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
      ['message-1', null],
      ['message-2', 'message-1'],
    ]);
  });
});

describe('LibreChat', () => {
  it('takes trees and lists of messages alike', () => {
    const tree = conversationOf(convertLibreChat(libreChat(), CONTEXT));
    const [root] = libreChat()['messages'] as { children: object[] }[];
    const flat = [{ ...root, children: [] }, ...(root?.children ?? [])];
    const list = conversationOf(convertLibreChat({ ...libreChat(), messages: flat }, CONTEXT));
    for (const found of [tree, list]) {
      expect(found.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
        ['q', null],
        ['a', 'q'],
      ]);
      expect(found.head).toBe('a');
    }
    expect(partsOf(tree, 'a')).toEqual([
      { type: 'thinking', text: 'Nile or Amazon' },
      { type: 'tool_call', call_id: 'call_1', name: 'search', arguments: { q: 'river' } },
      { type: 'tool_result', call_id: 'call_1', name: 'search', output: 'Nile' },
      { type: 'text', text: 'The Nile.' },
    ]);
  });

  it('takes a tree of fifty thousand levels apart', () => {
    let tree: Record<string, unknown> = { messageId: 'last', text: 'x', children: [] };
    for (let level = 0; level < 50_000; level += 1) tree = { messageId: `m${level}`, text: 'x', children: [tree] };
    const converted = convertLibreChat({ conversationId: 'deep', messages: [tree] }, CONTEXT);
    expect(converted.kind === 'conversation' && converted.conversation.messages.length).toBe(50_001);
  });
});

describe('LM Studio', () => {
  const found = conversationOf(convertLmStudio(lmStudio(), CONTEXT));

  it('makes branches of versions and goes on from the selected one', () => {
    expect(found.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
      ['system-prompt', null],
      ['message-1-version-1', 'system-prompt'],
      ['message-2-version-1', 'message-1-version-1'],
      ['message-2-version-2', 'message-1-version-1'],
      ['message-3-version-1', 'message-2-version-2'],
    ]);
    expect(found.head).toBe('message-3-version-1');
  });

  it('keeps thoughts, files, model and usage', () => {
    expect(partsOf(found, 'message-2-version-2')).toEqual([
      { type: 'thinking', text: 'Blue?' },
      { type: 'text', text: 'Violets' },
    ]);
    expect(partsOf(found, 'message-1-version-1')[1]).toEqual({
      type: 'image',
      uri: '17-sea.png',
      name: '17-sea.png',
      size_bytes: 9,
    });
    expect(messageOf(found, 'message-2-version-1')).toMatchObject({
      model: 'llama-3',
      usage: { input_tokens: 3, output_tokens: 1 },
    });
  });

  it('stays the same conversation when it goes on', () => {
    const record = lmStudio();
    const shorter = { ...record, messages: (record['messages'] as unknown[]).slice(0, 2) };
    expect(conversationOf(convertLmStudio(shorter, CONTEXT)).id).toBe(found.id);
  });
});

describe('Jan', () => {
  it('joins a thread with its messages, or does without', () => {
    const whole = conversationOf(convertJan(JAN_THREAD, janMessages() as SourceRecord[], CONTEXT));
    expect(whole.messages.map(({ id }) => id)).toEqual(['instructions', '01', '02']);
    expect([whole.title, whole.source.original_id, whole.created_at]).toEqual([
      'Trains',
      'jan_17',
      '2024-05-29T16:26:40.000Z',
    ]);
    expect(partsOf(whole, '02')).toEqual([{ type: 'text', text: 'Yes.' }]);
    const alone = conversationOf(convertJan(null, janMessages() as SourceRecord[], CONTEXT));
    expect(alone.source.original_id).toBe('jan_17');
    expect(alone.title).toBe('Fast?');
  });
});

describe('the common form of chat messages', () => {
  it('reads roles, names of other forms, tools and pictures', () => {
    const found = conversationOf(
      convertChatMessages(
        {
          messages: [
            { role: 'developer', content: 'Be brief' },
            {
              role: 'user',
              content: [
                { type: 'text', text: 'Look' },
                { type: 'image_url', image_url: { url: 'https://i.example/a.png' } },
              ],
            },
            {
              role: 'assistant',
              content: null,
              tool_calls: [{ id: 'c1', type: 'function', function: { name: 'see', arguments: '{"x":1}' } }],
            },
            { role: 'tool', tool_call_id: 'c1', content: 'a cat' },
            { from: 'gpt', value: 'A cat' },
          ],
        },
        CONTEXT,
      ),
    );
    expect(found.messages.map(({ id }) => roleOf(found, id))).toEqual(['system', 'human', 'model', 'tool', 'model']);
    expect(partsOf(found, 'message-2')[1]).toEqual({ type: 'image', uri: 'https://i.example/a.png' });
    expect(partsOf(found, 'message-3')).toEqual([
      { type: 'tool_call', call_id: 'c1', name: 'see', arguments: { x: 1 } },
    ]);
    expect(partsOf(found, 'message-4')).toEqual([{ type: 'tool_result', call_id: 'c1', output: 'a cat' }]);
  });
});
