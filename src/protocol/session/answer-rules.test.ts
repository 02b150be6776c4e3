import { describe, expect, it } from 'vitest';
import { MAX_MODEL_TURNS_IN_A_ROW, mentions, shouldAnswer, type AnswerRuleName } from './answer-rules';
import type { Turn } from './session';

function turn(participant: string, author: 'human' | 'model', text: string, edits?: string): Turn {
  return {
    id: `${participant} ${text}`,
    seq: 1,
    participant_id: participant,
    author,
    created_at: '2026-01-01T00:00:00Z',
    content: [{ type: 'text', text }],
    ...(edits === undefined ? {} : { metadata: { edits } }),
  };
}

const ask = (rule: AnswerRuleName, ...turns: Turn[]) =>
  shouldAnswer({ rule, participantId: 'me', names: ['tiny', 'Ada Ray'], turns });

describe('answering by rule', () => {
  it('answers who speaks to it', () => {
    expect(ask('mention', turn('you', 'human', 'What do you say, @Tiny?'))).toBe(true);
    expect(ask('mention', turn('you', 'human', '@ada ray please'))).toBe(true);
    expect(ask('mention', turn('you', 'human', 'nothing for you'))).toBe(false);
    expect(ask('asked', turn('you', 'human', '@tiny'))).toBe(false);
    expect(mentions('@tinyhouse', ['tiny'])).toBe(false);
    expect(mentions('@', [''])).toBe(false);
  });

  it('answers every turn of a person, its own person included, and none of a model', () => {
    expect(ask('every-turn', turn('you', 'human', 'x'))).toBe(true);
    expect(ask('every-turn', turn('me', 'human', 'x'))).toBe(true);
    expect(ask('every-turn', turn('you', 'model', 'x'))).toBe(false);
    expect(ask('every-turn', turn('you', 'human', 'x', 'earlier'))).toBe(false);
  });

  it('ends when two models only talk to each other', () => {
    const turns = [turn('you', 'human', '@tiny begin')];
    let answers = 0;
    while (ask('mention', ...turns) && answers < 100) {
      turns.push(turn('me', 'model', '@other go on'), turn('you', 'model', '@tiny go on'));
      answers += 1;
    }
    expect(answers).toBeLessThanOrEqual(MAX_MODEL_TURNS_IN_A_ROW);
    expect(ask('mention', ...turns, turn('you', 'human', '@tiny once more'))).toBe(true);
    expect(ask('every-turn', turn('me', 'model', '@tiny myself'))).toBe(false);
  });

  it('moderates from time to time', () => {
    const spoken = Array.from({ length: 6 }, (_, index) => turn('you', 'human', `turn ${index}`));
    expect(ask('moderator', ...spoken)).toBe(true);
    expect(ask('moderator', ...spoken.slice(0, 5))).toBe(false);
    expect(ask('moderator', ...spoken, turn('me', 'model', 'sum'), turn('you', 'human', 'next'))).toBe(false);
  });
});
