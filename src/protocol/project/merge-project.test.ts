import { describe, expect, it } from 'vitest';
import { validateConversation } from '../conversation/check-conversation';
import type { Conversation } from '../conversation/conversation';
import { splitConversation } from '../conversation/split-conversation';
import { DOCUMENT_LIMITS } from '../documents/limits';
import { readDocument } from '../documents/read-document';
import { mergeProject } from './merge-project';
import type { InstructionBlock, Project } from './project';

const NOW = '2026-01-01T00:00:00Z';

function project(id: string, more: Partial<Project> = {}): Project {
  return {
    tore_spec: 'tore-0004',
    id,
    name: id,
    instructions: [],
    conversations: [],
    attachments: [],
    metadata: {},
    created_at: NOW,
    updated_at: NOW,
    ...more,
  };
}

function block(id: string, order: number, content = id): InstructionBlock {
  return { id, content, order };
}

function merged(...projects: readonly Project[]): Project {
  const result = mergeProject(
    projects.map((document) => ({ kind: 'project', document })),
    { id: 'new', name: 'New', now: NOW },
  );
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** The project as somebody reads it who gets its file. */
function readAgain(written: Project): Project {
  const read = readDocument(JSON.stringify(written));
  if (!read.ok) throw new Error(read.error.message);
  return read.value.document as Project;
}

describe('projects put into one can be read again', () => {
  it('with blocks whose ids are as long as ids may be', () => {
    const id = 'b'.repeat(DOCUMENT_LIMITS.maxIdLength);
    const { instructions } = readAgain(
      merged(...['one', 'two', 'three'].map((name) => project(name, { instructions: [block(id, 1, name)] }))),
    );
    expect((instructions as InstructionBlock[]).map(({ content }) => content)).toEqual(['one', 'two', 'three']);
  });

  it('with blocks whose new ids others have already', () => {
    const one = project('one', { instructions: [block('b', 1), block('two/b', 2), block('block-3', 3)] });
    const { instructions } = readAgain(merged(one, project('two', { instructions: [block('b', 1)] })));
    expect(instructions).toHaveLength(4);
  });

  it('with blocks numbered as high as numbers go', () => {
    const high = (name: string) =>
      project(name, { instructions: [block(`${name} last`, Number.MAX_VALUE), block(`${name} first`, -5)] });
    const { instructions } = readAgain(merged(high('one'), high('two')));
    const ordered = [...(instructions as InstructionBlock[])].sort((a, b) => a.order - b.order);
    expect(ordered.map(({ id }) => id)).toEqual(['one first', 'one last', 'two first', 'two last']);
  });

  it('with what earlier merges kept', () => {
    const once = merged(project('one'), project('two', { description: 'Kept.' }));
    expect(readAgain(merged(once, project('three'))).metadata).toMatchObject({
      merged_from: [{ id: 'two', description: 'Kept.' }, { id: 'three' }],
    });
  });

  it('or are refused', () => {
    let nested: unknown = [];
    for (let depth = 1; depth < DOCUMENT_LIMITS.maxDepth - 2; depth += 1) nested = [nested];
    const deep = readAgain(project('deep', { metadata: { nested } }));
    expect(() => merged(project('one'), deep)).toThrow('more than one project can hold');
    const blocks = Array.from({ length: DOCUMENT_LIMITS.maxListEntries }, (_, index) => block(String(index), index));
    const long = readAgain(project('long', { instructions: blocks }));
    expect(() => merged(project('one', { instructions: 'Be brief.' }), long)).toThrow('more than one project can hold');
  });
});

describe('the parts of a conversation can be read again', () => {
  const message = (id: string, parent: string | null) => ({
    id,
    parent_id: parent,
    participant_id: 'p',
    content: [],
    metadata: {},
  });
  const conversation = (more: Partial<Conversation>): Conversation => ({
    tore_spec: 'tore-0005',
    id: 'c',
    title: 'T',
    created_at: NOW,
    updated_at: NOW,
    source: { platform: 'tore-desktop' },
    participants: [{ id: 'p', role: 'human' }],
    messages: [message('a', null), message('b', 'a')],
    metadata: {},
    ...more,
  });
  const ids = { firstId: 'first', secondId: 'second', now: NOW };

  it('when its title is as long as titles may be', () => {
    const parts = splitConversation(conversation({ title: 'T'.repeat(DOCUMENT_LIMITS.maxNameLength) }), 'b', ids) ?? [];
    expect(parts.map((part) => validateConversation(part).ok)).toEqual([true, true]);
    expect(parts.map(({ title }) => title.slice(-5))).toEqual(['T (1)', 'T (2)']);
  });

  it('when hundreds of thousands of messages answer one', () => {
    const answers = Array.from({ length: 300_000 }, (_, index) => message(`answer ${index}`, 'b'));
    const whole = conversation({ messages: [message('a', null), message('b', 'a'), ...answers] });
    expect(splitConversation(whole, 'b', ids)?.map(({ messages }) => messages.length)).toEqual([1, 300_001]);
  });
});
