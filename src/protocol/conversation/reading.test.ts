import { describe, expect, it } from 'vitest';
import { validateConversation } from './check-conversation';
import type { Conversation, ConversationMessage } from './conversation';
import { READING_LIMITS, readingOf } from './reading';
import { splitConversation } from './split-conversation';

function message(id: string, parent: string | null, text = id): ConversationMessage {
  return { id, parent_id: parent, participant_id: 'p', content: [{ type: 'text', text }] };
}

/** q ─ a1 ─ q2 ─ a2 and beside a1: b1 ─ b2; shown is b2. */
const TREE: Conversation = {
  tore_spec: 'tore-0005',
  id: 'c',
  title: 'T',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  source: { platform: 'x', original_id: 'o' },
  participants: [{ id: 'p', role: 'human' }],
  messages: [
    message('q', null),
    message('a1', 'q'),
    message('q2', 'a1'),
    message('a2', 'q2'),
    message('b1', 'q'),
    message('b2', 'b1'),
  ],
  head: 'b2',
};

const idsOf = (through: string | null, conversation = TREE) =>
  readingOf(conversation, through).messages.map(({ id }) => id);

describe('reading a conversation', () => {
  it('shows the branch of the document, or the one through a message to its newest end', () => {
    expect(idsOf(null)).toEqual(['q', 'b1', 'b2']);
    expect(idsOf('a1')).toEqual(['q', 'a1', 'q2', 'a2']);
    expect(idsOf('q')).toEqual(['q', 'b1', 'b2']);
    expect(idsOf('nobody')).toEqual(['q', 'b1', 'b2']);
  });

  it('says which of the answers is shown and which are beside it', () => {
    const [, shown] = readingOf(TREE, 'b1').messages;
    expect(shown?.branch).toEqual({ position: 2, count: 2, previousId: 'a1', nextId: null });
  });

  it('bounds what is shown and says how much is left out', () => {
    const long = { ...TREE, messages: [message('q', null, 'x'.repeat(READING_LIMITS.maxTextLength + 7))], head: 'q' };
    expect(readingOf(long, null).messages[0]?.parts[0]).toMatchObject({ cut: 7 });
  });

  it('ends at a loop of an unchecked document', () => {
    const looped = { ...TREE, messages: [message('x', 'y'), message('y', 'x')], head: 'x' };
    expect(idsOf('x', looped)).toEqual(['y', 'x']);
  });

  it('tells stored files, files elsewhere and lost ones apart', () => {
    const attachment = { name: 'n', media_type: 'image/png', size_bytes: 3 } as const;
    const checksum = { algorithm: 'sha-256', value: 'a'.repeat(64) } as const;
    const withFiles: Conversation = {
      ...TREE,
      attachments: [
        { ...attachment, id: 'in', checksum, storage: 'inline', data: '' },
        { ...attachment, id: 'out', checksum, storage: 'reference', uri: 'https://x.example/y' },
      ],
      messages: [
        {
          ...message('q', null),
          content: [
            { type: 'image', attachment_id: 'in' },
            { type: 'file', attachment_id: 'out' },
            { type: 'image', uri: 'sediment://gone' },
          ],
        },
      ],
      head: 'q',
    };
    expect(readingOf(withFiles, null).messages[0]?.parts).toMatchObject([
      { kind: 'image', name: 'n', place: { kind: 'stored', sha256: 'a'.repeat(64) } },
      { kind: 'file', place: { kind: 'reference', uri: 'https://x.example/y', sizeBytes: 3 } },
      { kind: 'image', place: { kind: 'missing', uri: 'sediment://gone' } },
    ]);
  });
});

describe('splitting a conversation', () => {
  const ids = { firstId: 'one', secondId: 'two', now: '2026-02-01T00:00:00Z' };

  it('parts it in front of a message with everything below, and both are valid', () => {
    const parts = splitConversation(TREE, 'q2', ids);
    expect(parts?.map(({ messages }) => messages.map(({ id }) => id))).toEqual([
      ['q', 'a1', 'b1', 'b2'],
      ['q2', 'a2'],
    ]);
    expect(parts?.map(({ head }) => head)).toEqual(['a1', 'a2']);
    for (const each of parts ?? []) {
      expect(validateConversation(each).ok).toBe(true);
      expect(each.source.original_id).toBeUndefined();
    }
  });

  it('does not part in front of the first message or an unknown one', () => {
    expect(splitConversation({ ...TREE, messages: [message('q', null)], head: 'q' }, 'q', ids)).toBeNull();
    expect(splitConversation(TREE, 'nobody', ids)).toBeNull();
  });
});
