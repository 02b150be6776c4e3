import { describe, expect, it } from 'vitest';
import { readAttachment } from '../../documents/attachments';
import { validateDocument } from '../../../protocol/documents/read-document';
import { claudeProject, fullClaude } from '../testdata/exports';
import { CONTEXT, conversationOf, messageOf, partsOf } from '../testdata/reading';
import { convertClaude } from './claude';
import { convertClaudeProject } from './claude-project';

function convert(record: Record<string, unknown>): ReturnType<typeof conversationOf> {
  return conversationOf(convertClaude(record, CONTEXT));
}

describe('Claude conversations', () => {
  const full = convert(fullClaude());

  it('keeps branches, with parents of zeros as first messages', () => {
    expect(full.messages.map(({ id, parent_id: parent }) => [id, parent])).toEqual([
      ['m1', null],
      ['m2', 'm1'],
      ['m3', 'm1'],
    ]);
    expect(full.head).toBe('m3');
  });

  it('ends the branch at the last message when the export does not name the leaf', () => {
    const { current_leaf_message_uuid: _leaf, ...record } = fullClaude();
    expect(convert(record).head).toBe('m3');
    expect(convert({ ...record, current_leaf_message_uuid: 'unknown' }).head).toBe('m3');
  });

  it('chains the messages of older exports, which have no parents', () => {
    const record = fullClaude();
    const messages = (record['chat_messages'] as Record<string, unknown>[]).map(
      ({ parent_message_uuid: _parent, ...rest }) => rest,
    );
    expect(convert({ ...record, chat_messages: messages }).messages.map((message) => message.parent_id)).toEqual([
      null,
      'm1',
      'm2',
    ]);
  });

  it('keeps pasted text and names files', () => {
    expect(partsOf(full, 'm1')).toEqual([
      { type: 'text', text: 'How long does dough rest?' },
      {
        type: 'file',
        name: 'paste.txt',
        media_type: 'text/plain',
        size_bytes: 12,
        extracted_text: 'Flour, water, salt',
      },
      { type: 'image', name: 'dough.png', uri: 'claude-file://c0ffee00-0000-4000-8000-000000000001' },
    ]);
  });

  it('keeps thinking, tools, citations and blocks it does not know', () => {
    expect(partsOf(full, 'm2')).toEqual([
      { type: 'thinking', text: 'Room temperature?', summary: 'Thinking of warmth' },
      { type: 'tool_call', call_id: 'toolu_1', name: 'web_search', arguments: { query: 'dough' } },
      { type: 'tool_result', call_id: 'toolu_1', name: 'web_search', output: 'An hour at 24 degrees' },
      { type: 'text', text: 'An hour.' },
      { type: 'citation', title: 'Baking', uri: 'https://bread.example/rest', part_index: 3, start: 0, end: 7 },
      { type: 'claude.injected_prompt_block', prompt: 'be brief' },
    ]);
  });

  it('takes the plain text when there are no blocks', () => {
    expect(partsOf(full, 'm3')).toEqual([{ type: 'text', text: 'Two hours when cold.' }]);
  });

  it('keeps the raw record', () => {
    const rebuilt = {
      ...(full.metadata?.['source_record'] as object),
      chat_messages: full.messages.map((message) => messageOf(full, message.id).metadata?.['source_record']),
    };
    expect(rebuilt).toEqual(fullClaude());
  });
});

describe('Claude projects', () => {
  it('become valid project documents with their files inside', () => {
    const converted = convertClaudeProject(claudeProject(), CONTEXT);
    if (converted.kind !== 'document' || converted.document.kind !== 'project') throw new Error('no project');
    const project = converted.document.document;
    expect(validateDocument(project).ok).toBe(true);
    expect([project.name, project.description, project.instructions]).toEqual([
      'Bakery',
      'Bread only',
      'Answer in grams.',
    ]);
    const [attachment] = project.attachments;
    const content = attachment === undefined ? null : readAttachment(attachment);
    expect(content?.ok === true && Buffer.from(content.value ?? []).toString()).toBe('# Flour');
  });
});
