import { describe, expect, it } from 'vitest';
import { validateConversation } from '../../protocol/conversation/check-conversation';
import type { Conversation, ConversationMessage } from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { conversationHash } from './stored-document';
import { mergeConversations } from './merge-conversation';

const EARLIER = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';

function message(id: string, parent: string | null, attachmentId?: string): ConversationMessage {
  const file = { type: 'file', attachment_id: attachmentId ?? '' } as const;
  const answer = { type: 'tool_result', content: [file] } as const;
  return {
    id,
    parent_id: parent,
    participant_id: 'p',
    content: attachmentId === undefined ? [{ type: 'text', text: id }] : [file, answer],
    metadata: {},
  };
}

function conversation(updatedAt: string, more: Partial<Conversation>): Conversation {
  const made: Conversation = {
    tore_spec: 'tore-0005',
    id: 'c',
    title: 'T',
    created_at: EARLIER,
    updated_at: updatedAt,
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'p', role: 'human' }],
    messages: [message('a', null)],
    metadata: {},
    ...more,
  };
  expect(validateConversation(made)).toMatchObject({ ok: true });
  return made;
}

function inline(id: string, digit: string): Attachment {
  return {
    id,
    name: `${id}-${digit}`,
    media_type: 'text/plain',
    size_bytes: 0,
    checksum: { algorithm: 'sha-256', value: digit.repeat(64) },
    storage: 'inline',
    data: '',
  };
}

function reference(id: string, digit: string): Attachment {
  const { data: _data, ...described } = inline(id, digit) as Extract<Attachment, { storage: 'inline' }>;
  return { ...described, storage: 'reference', uri: `urn:sha-256:${digit.repeat(64)}` };
}

describe('attachments of two versions', () => {
  it.each([
    ['newer', EARLIER, LATER],
    ['older', LATER, EARLIER],
  ])('keep their bytes when the %s version holds only a reference', (_which, existingAt, incomingAt) => {
    const withBytes = conversation(existingAt, { attachments: [inline('f', '1')] });
    const without = conversation(incomingAt, { attachments: [reference('f', '1')] });
    expect(mergeConversations(withBytes, without).attachments).toEqual([inline('f', '1')]);
    expect(mergeConversations(without, withBytes).attachments).toEqual([inline('f', '1')]);
  });

  it.each([
    ['newer', EARLIER, LATER],
    ['older', LATER, EARLIER],
  ])('are both kept when a %s version means another file by the same id', (_which, existingAt, incomingAt) => {
    const existing = conversation(existingAt, {
      messages: [message('a', null), message('here', 'a', 'f')],
      attachments: [inline('f', '1')],
    });
    const incoming = conversation(incomingAt, {
      messages: [message('a', null), message('there', 'a', 'f')],
      attachments: [inline('f', '2')],
    });
    const merged = mergeConversations(existing, incoming);
    expect(validateConversation(merged)).toMatchObject({ ok: true });
    const namesIn = (id: string): readonly (string | undefined)[] => {
      const used = JSON.stringify(merged.messages.find((each) => each.id === id)).match(/(?<="attachment_id":")[^"]+/g);
      return (used ?? []).map((each) => merged.attachments?.find((attachment) => attachment.id === each)?.name);
    };
    expect([namesIn('here'), namesIn('there')]).toEqual([
      ['f-1', 'f-1'],
      ['f-2', 'f-2'],
    ]);
    expect(conversationHash(mergeConversations(merged, incoming))).toBe(conversationHash(merged));
  });
});

describe('the end of two versions', () => {
  const short = { messages: [message('a', null), message('b', 'a')], head: 'b' };
  const long = { messages: [...short.messages, message('c', 'b')] };

  it('is the last message of a newer version that names none', () => {
    const merged = mergeConversations(conversation(EARLIER, short), conversation(LATER, long));
    expect(merged).toEqual(conversation(LATER, long));
  });

  it('is named where messages of the older version follow', () => {
    const other = { messages: [message('a', null), message('x', 'a')], head: 'a' };
    const merged = mergeConversations(conversation(EARLIER, other), conversation(LATER, long));
    expect([merged.messages.map(({ id }) => id), merged.head]).toEqual([['a', 'b', 'c', 'x'], 'c']);
  });

  it('stays the one chosen here, however often the other version is imported', () => {
    const here = conversation(EARLIER, {
      messages: [message('a', null), message('b', 'a'), message('c', 'b')],
      head: 'c',
    });
    const given = conversation(LATER, { messages: [message('a', null), message('b', 'a'), message('d', 'b')] });
    const once = mergeConversations(here, given);
    expect([once.messages.map(({ id }) => id), once.head]).toEqual([['a', 'b', 'd', 'c'], 'c']);
    expect(conversationHash(mergeConversations(once, given))).toBe(conversationHash(once));
  });

  it('stays where the older version is the given one', () => {
    const merged = mergeConversations(conversation(LATER, long), conversation(EARLIER, short));
    expect(merged).toEqual(conversation(LATER, long));
  });
});

describe('times of two versions', () => {
  it.each([
    ['another offset', '2026-03-01T12:30:00+02:00', '2026-03-01T11:00:00Z'],
    ['a fraction', '2026-03-01T11:00:00Z', '2026-03-01T11:00:00.5Z'],
    ['lower case', '2026-03-01t10:00:00z', '2026-03-01T11:00:00Z'],
  ])('let the words of the newer copy stand where the older one is written with %s', (_name, older, newer) => {
    const [old, young] = [conversation(older, { title: 'old' }), conversation(newer, { title: 'young' })];
    expect(mergeConversations(young, old)).toMatchObject({ title: 'young', updated_at: newer });
    expect(mergeConversations(old, young)).toMatchObject({ title: 'young', updated_at: newer });
  });

  it('keep the earlier beginning, however it is written', () => {
    const early = conversation(LATER, { created_at: '2026-01-01T01:30:00+02:00' });
    const late = conversation(LATER, {});
    expect(mergeConversations(late, early).created_at).toBe(early.created_at);
    expect(mergeConversations(early, late).created_at).toBe(early.created_at);
  });

  it('are compared as instants, whatever their offset', () => {
    // 22:30 in UTC.
    const existing = conversation('2026-01-01T23:30:00+01:00', { title: 'older' });
    const incoming = conversation('2026-01-01T23:00:00Z', { title: 'newer' });
    expect([mergeConversations(existing, incoming).title, mergeConversations(incoming, existing).title]).toEqual([
      'newer',
      'newer',
    ]);
  });
});
