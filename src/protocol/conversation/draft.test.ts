import { describe, expect, it } from 'vitest';
import { validateConversation } from './check-conversation';
import type { Conversation, ConversationMessage } from './conversation';
import { readDraftAnswer } from './draft-answer';
import { draftHandoff, draftSnapshot, sentencesOf, snapshotText } from './draft-rules';

function message(id: string, parent: string | null, who: 'h' | 'm', text: string): ConversationMessage {
  return { id, parent_id: parent, participant_id: who, content: [{ type: 'text', text }] };
}

const MESSAGES = [
  message('1', null, 'h', 'I want to move our archive to a new disk. It must not take more than two days. Which one?'),
  message(
    '2',
    '1',
    'm',
    'The archive is 840 GB large.\n\n```sh\nrm -rf must\n```\n\nLet’s see. We will use rsync over the cable.',
  ),
  message('3', '2', 'h', 'Fine, we decided: the blue disk. How do I check the copy?'),
];
const CONVERSATION: Conversation = {
  tore_spec: 'tore-0005',
  id: 'c',
  title: 'Archive',
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  source: { platform: 'chatgpt', model: 'gpt-4o' },
  participants: [
    { id: 'h', role: 'human' },
    { id: 'm', role: 'model', model: 'gpt-4o' },
  ],
  messages: MESSAGES,
};
const NOW = '2026-03-01T10:00:00.000Z';

describe('drafting by rules', () => {
  it('copies goals, decisions, facts, constraints and what is still open, and leaves code alone', () => {
    const snapshot = draftSnapshot(CONVERSATION, MESSAGES, NOW);
    expect(snapshot).toMatchObject({
      goals: ['I want to move our archive to a new disk.'],
      decisions: ['We will use rsync over the cable.', 'Fine, we decided: the blue disk.'],
      facts: ['The archive is 840 GB large.'],
      constraints: ['It must not take more than two days.'],
      open_questions: ['How do I check the copy?'],
      through_message_id: '3',
      created_by: 'extraction rules',
    });
    expect(JSON.stringify(snapshot)).not.toContain('rm -rf');
  });

  it('makes a handoff that the conversation stays valid with', () => {
    const snapshot = draftSnapshot(CONVERSATION, MESSAGES, NOW);
    const handoff = draftHandoff(CONVERSATION, MESSAGES, { platform: 'tore-desktop', model: 'other' }, NOW);
    expect(handoff).toMatchObject({ from: { platform: 'chatgpt', model: 'gpt-4o' }, to: { model: 'other' } });
    expect(handoff.needs).toContain('How do I check the copy?');
    expect(validateConversation({ ...CONVERSATION, handoff, context_snapshot: snapshot }).ok).toBe(true);
    expect(snapshot === null ? '' : snapshotText(snapshot, handoff)).toContain('- We will use rsync over the cable.');
  });

  it('has nothing to say about nothing', () => {
    expect(draftSnapshot(CONVERSATION, [], NOW)).toBeNull();
    expect(sentencesOf('```\nx\n```\n> quoted\n|a|b|')).toEqual([]);
  });

  it('stays short however long the conversation is', () => {
    const many = Array.from({ length: 3_000 }, (_, index) =>
      message(`n${index}`, index === 0 ? null : `n${index - 1}`, 'h', `I want thing ${index}. ${'word '.repeat(500)}.`),
    );
    const snapshot = draftSnapshot({ ...CONVERSATION, messages: many }, many, NOW);
    expect(JSON.stringify(snapshot).length).toBeLessThan(12_000);
  });
});

const ANSWER = {
  reason: 'r',
  needs: ['n'],
  summary: 's {with a brace}',
  goals: [],
  decisions: [],
  open_questions: [],
  facts: ['"quoted"'],
  constraints: [],
};

describe('reading the draft of a model', () => {
  it('finds the object between words and fences', () => {
    expect(readDraftAnswer(`Here it is:\n\`\`\`json\n${JSON.stringify(ANSWER)}\n\`\`\` done }`)).toEqual(ANSWER);
  });

  it.each([
    'no json at all',
    '{"reason": "cut off',
    '{}',
    JSON.stringify({ ...ANSWER, needs: 'n' }),
    JSON.stringify({ ...ANSWER, extra: 1 }),
    JSON.stringify({ ...ANSWER, summary: '' }),
    JSON.stringify([ANSWER.needs]),
  ])('takes nothing else: %s', (answer) => {
    expect(readDraftAnswer(answer)).toBeNull();
  });
});
