import { describe, expect, it } from 'vitest';
import { chatGpt, CHATGPT_ID, fullChatGpt, node, text } from '../testdata/exports';
import { CONTEXT, conversationOf, messageOf, partsOf, roleOf } from '../testdata/reading';
import { convertChatGpt } from './chatgpt';

function convert(record: Record<string, unknown>): ReturnType<typeof conversationOf> {
  return conversationOf(convertChatGpt(record, CONTEXT));
}

describe('ChatGPT conversations', () => {
  const full = convert(fullChatGpt());

  it('keeps ids, title, times and model', () => {
    expect(full.id).toBe(CHATGPT_ID);
    expect(full.source).toEqual({ platform: 'chatgpt', model: 'gpt-4o', original_id: CHATGPT_ID });
    expect([full.title, full.created_at, full.updated_at]).toEqual([
      'Tides',
      '2023-11-14T22:13:20.250Z',
      '2023-11-14T22:21:40.000Z',
    ]);
  });

  it('keeps the whole tree and the shown branch, stepping over nodes without a message', () => {
    expect(full.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
      ['system', null],
      ['user', 'system'],
      ['answer-1', 'user'],
      ['call', 'user'],
      ['result', 'call'],
      ['thoughts', 'result'],
      ['answer-2', 'thoughts'],
    ]);
    expect(full.head).toBe('answer-2');
  });

  it('keeps the raw record: each node with its message, the rest with the conversation', () => {
    const source = full.metadata?.['source_record'] as Record<string, unknown>;
    expect(Object.keys(source['mapping'] as object)).toEqual(['root', 'gap']);
    const rebuilt = { ...(source['mapping'] as object) } as Record<string, unknown>;
    for (const message of full.messages) rebuilt[message.id] = message.metadata?.['source_record'];
    expect({ ...source, mapping: rebuilt }).toEqual(fullChatGpt());
  });

  it('flags what was hidden', () => {
    expect(messageOf(full, 'system').metadata?.['hidden']).toBe(true);
    expect(messageOf(full, 'user').metadata?.['hidden']).toBeUndefined();
    const instructions = convert(
      chatGpt([
        node('a', null, [], {
          content: { content_type: 'user_editable_context', user_profile: 'Sailor', user_instructions: 'Be brief' },
        }),
      ]),
    );
    expect(messageOf(instructions, 'a').metadata?.['hidden']).toBe(true);
    expect(partsOf(instructions, 'a').map((part) => part['text'])).toEqual(['Sailor', 'Be brief']);
  });

  it('makes images of asset pointers and names attached files, in texts and objects mixed with null', () => {
    expect(partsOf(full, 'user')).toEqual([
      {
        type: 'image',
        uri: 'file-service://file-AbC123xyz',
        name: 'beach.png',
        size_bytes: 4,
        media_type: 'image/png',
        width: 2,
        height: 3,
      },
      { type: 'text', text: 'What is on this picture?' },
      {
        type: 'file',
        uri: 'sediment://file_00000000aa11',
        name: 'notes.pdf',
        media_type: 'application/pdf',
        size_bytes: 5,
      },
    ]);
  });

  it('takes new asset pointers, voice and video', () => {
    const pointer = {
      content_type: 'image_asset_pointer',
      asset_pointer: 'sediment://file_000000001234',
      metadata: { dalle: { prompt: 'A cat' } },
    };
    const found = convert(
      chatGpt([
        node('a', null, [], {
          content: {
            content_type: 'multimodal_text',
            parts: [
              pointer,
              { content_type: 'audio_transcription', text: 'spoken', direction: 'in' },
              {
                content_type: 'real_time_user_audio_video_asset_pointer',
                audio_asset_pointer: {
                  content_type: 'audio_asset_pointer',
                  asset_pointer: 'sediment://file_000000005678',
                  format: 'wav',
                },
              },
              { content_type: 'hologram', depth: 3 },
            ],
          },
        }),
      ]),
    );
    expect(partsOf(found, 'a')).toEqual([
      { type: 'image', uri: 'sediment://file_000000001234', alt: 'A cat' },
      { type: 'text', text: 'spoken', metadata: { transcription: true } },
      { type: 'file', uri: 'sediment://file_000000005678', media_type: 'audio/wav' },
      { type: 'chatgpt.hologram', content_type: 'hologram', depth: 3 },
    ]);
  });

  it('joins calls of tools with their results, with pictures a program drew', () => {
    expect(partsOf(full, 'call')).toEqual([
      { type: 'tool_call', call_id: 'call', name: 'python', arguments: { code: 'print(1)' } },
    ]);
    expect(partsOf(full, 'result')).toEqual([
      { type: 'tool_result', call_id: 'call', name: 'python', output: '1' },
      { type: 'image', uri: 'file-service://file-Plot99', width: 1, height: 1 },
    ]);
    expect(roleOf(full, 'result')).toBe('tool');
  });

  it('keeps thoughts with their summaries', () => {
    expect(partsOf(full, 'thoughts')).toEqual([{ type: 'thinking', text: 'It is a beach', summary: 'Looking' }]);
  });

  it('resolves citation marks', () => {
    const [answer, citation] = partsOf(full, 'answer-2');
    const shown = '([noaa.gov](https://noaa.gov/tides))';
    expect(answer?.['text']).toBe(`Tides come twice a day${shown}.`);
    expect(citation).toEqual({
      type: 'citation',
      title: 'Tides',
      uri: 'https://noaa.gov/tides',
      text: 'Twice daily',
      part_index: 0,
      start: 22,
      end: 22 + shown.length,
    });
  });

  it('leaves no private-use mark in the text, shows the words in it, and names marks nobody explains', () => {
    const found = convert(
      chatGpt([
        node('a', null, [], {
          role: 'assistant',
          content: text(
            'See \uE200entity\uE202["people","Ada Lovelace","writer"]\uE201 and \uE200url\uE202page\uE202https://a.example\uE201\uE200cite\uE202turn1\uE201\uE203!\uE204 \uE200broken',
          ),
        }),
      ]),
    );
    expect(partsOf(found, 'a')[0]?.['text']).toBe('See Ada Lovelace and [page](https://a.example)! broken');
    expect(messageOf(found, 'a').metadata?.['unresolved_citations']).toEqual(['\uE200cite\uE202turn1\uE201']);
  });

  it('resolves the older marks by their position in code points', () => {
    const found = convert(
      chatGpt([
        node('a', null, [], {
          role: 'assistant',
          content: text('🌊🌊 waves【3†source】 and 【9†kept】'),
          metadata: {
            citations: [
              {
                start_ix: 8,
                end_ix: 18,
                metadata: { type: 'webpage', title: 'Waves', url: 'https://w.example', text: 'wavy' },
              },
            ],
          },
        }),
      ]),
    );
    expect(partsOf(found, 'a')).toEqual([
      { type: 'text', text: '🌊🌊 waves and 【9†kept】' },
      { type: 'citation', title: 'Waves', uri: 'https://w.example', text: 'wavy', part_index: 0, start: 10, end: 10 },
    ]);
  });

  it('survives loops, strangers among the children and missing parents', () => {
    const found = convert(
      chatGpt(
        [
          node('a', 'c', ['b', 'ghost', 'a'], { content: text('A') }),
          node('b', 'a', ['c'], { content: text('B') }),
          node('c', 'b', ['a'], { content: text('C') }),
          node('d', 'nowhere', [], { content: text('D') }),
          node('e', 'f', [], null),
          node('f', 'e', [], null),
          node('g', 'e', [], { content: text('G') }),
        ],
        { current_node: 'f' },
      ),
    );
    expect(found.messages.map(({ id }) => id).sort()).toEqual(['a', 'b', 'c', 'd', 'g']);
    expect(found.messages.some(({ id }) => id === found.head)).toBe(true);
  });

  it('follows a hundred thousand messages in a row', () => {
    const nodes = Array.from({ length: 100_000 }, (_, index) =>
      node(`n${index}`, index === 0 ? null : `n${index - 1}`, [`n${index + 1}`], { content: text('x') }),
    );
    expect(convert(chatGpt(nodes, { current_node: 'n99999' })).messages).toHaveLength(100_000);
  });

  it('skips a conversation without messages and takes one without an id', () => {
    expect(convertChatGpt(chatGpt([node('root', null, [], null)]), CONTEXT).kind).toBe('skipped');
    const bare = { mapping: { a: node('a', null, [], { time: null }) } };
    expect(convert(bare).created_at).toBe(CONTEXT.fallbackTime);
    expect(convert(bare).id).toBe(convert({ ...bare, title: 'x' }).id);
  });
});
