import { describe, expect, it } from 'vitest';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import { buildContext } from './session-context';

const person = (id: string, name: string): SessionParticipant => ({
  id,
  display_name: name,
  platform: 'x',
  role: 'member',
  joined_at: '2026-01-01T00:00:00Z',
});

function turn(seq: number, participant: string, author: 'human' | 'model', text: string, edits?: string): Turn {
  return {
    id: `t${seq}`,
    seq,
    participant_id: participant,
    author,
    created_at: '2026-01-01T00:00:00Z',
    content: [{ type: 'text', text }],
    ...(edits === undefined ? {} : { metadata: { edits } }),
  };
}

const base = {
  title: 'Assay',
  participants: [person('a', 'Ada'), person('b', 'Ben')],
  participantId: 'a',
  modelName: 'tiny',
  inReplyTo: null,
  contextLength: 4_000,
  maxNewTokens: 100,
};

describe('what a model is told of a session', () => {
  it('is who said what, its own answers as its own', () => {
    const turns = [
      turn(1, 'a', 'human', 'One?'),
      turn(2, 'b', 'human', 'Two.'),
      turn(3, 'a', 'model', 'Three.'),
      turn(4, 'b', 'model', 'Four.'),
    ];
    const { messages, turnsLeftOut } = buildContext({ ...base, turns });
    expect(messages.slice(1)).toEqual([
      { role: 'user', content: 'Ada: One?\n\nBen: Two.' },
      { role: 'assistant', content: 'Three.' },
      { role: 'user', content: 'Ben’s model: Four.' },
    ]);
    expect(messages[0]?.role).toBe('system');
    expect(turnsLeftOut).toBe(0);
  });

  it('stands on edited words and ends with the turn that is asked about', () => {
    const turns = [
      turn(1, 'b', 'human', 'wrong'),
      turn(2, 'b', 'human', 'later'),
      turn(3, 'b', 'human', 'right', 't1'),
    ];
    const { messages } = buildContext({ ...base, turns, inReplyTo: 't1' });
    expect(messages.slice(1)).toEqual([{ role: 'user', content: 'Ben: right' }]);
  });

  it('leaves the oldest out when the window is small, and never the last', () => {
    const turns = Array.from({ length: 20 }, (_, index) => turn(index + 1, 'b', 'human', `sentence number ${index}`));
    const { messages, turnsLeftOut } = buildContext({ ...base, turns, contextLength: 256 });
    expect(turnsLeftOut).toBeGreaterThan(0);
    expect(messages.at(-1)?.content).toContain('sentence number 19');
    const long = [turn(1, 'b', 'human', 'x'.repeat(10_000))];
    expect(buildContext({ ...base, turns: long, contextLength: 256 }).messages).toHaveLength(1);
  });
});
