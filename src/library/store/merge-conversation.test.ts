import { describe, expect, it } from 'vitest';
import type { Conversation } from '../../protocol/conversation/conversation';
import { mergeConversations } from './merge-conversation';

function written(created_at: string, updated_at: string, title: string): Conversation {
  return {
    tore_spec: 'tore-0005',
    id: 'c',
    title,
    created_at,
    updated_at,
    source: { platform: 'tore' },
    participants: [],
    messages: [],
    metadata: {},
  };
}

const BEGUN = '2026-01-01T00:00:00Z';

describe('mergeConversations', () => {
  it.each([
    ['another offset', '2026-03-01T12:30:00+02:00', '2026-03-01T11:00:00Z'],
    ['a fraction', '2026-03-01T11:00:00Z', '2026-03-01T11:00:00.5Z'],
    ['lower case', '2026-03-01t10:00:00z', '2026-03-01T11:00:00Z'],
  ])('lets the words of the newer copy stand where the older one is written with %s', (_name, older, newer) => {
    const [old, young] = [written(BEGUN, older, 'old'), written(BEGUN, newer, 'young')];
    expect(mergeConversations(young, old)).toMatchObject({ title: 'young', updated_at: newer });
    expect(mergeConversations(old, young)).toMatchObject({ title: 'young', updated_at: newer });
  });

  it('keeps the earlier beginning, however it is written', () => {
    const [early, late] = ['2026-01-01T01:30:00+02:00', '2026-01-01T00:00:00Z'];
    expect(mergeConversations(written(late, late, ''), written(early, late, '')).created_at).toBe(early);
    expect(mergeConversations(written(early, late, ''), written(late, late, '')).created_at).toBe(early);
  });
});
