import { expect, it } from 'vitest';
import { validateConversation } from '../../../protocol/conversation/check-conversation';
import type { Conversation } from '../../../protocol/conversation/conversation';
import { belongsTo, continuedDocument, type Continuation } from './continuation';

const NOW = '2026-01-01T00:00:00Z';

const document: Conversation = {
  tore_spec: 'tore-0005',
  id: 'c',
  title: 'T',
  created_at: NOW,
  updated_at: NOW,
  source: { platform: 'tore-desktop' },
  participants: [{ id: 'p', role: 'human' }],
  messages: [{ id: 'm', participant_id: 'p', content: [], metadata: {} }],
  metadata: {},
};

const handoff = { from: { platform: 'tore-desktop' }, reason: '', needs: [], created_at: NOW };
const snapshot = {
  summary: '',
  goals: [],
  decisions: [],
  open_questions: [],
  facts: [],
  constraints: [],
  through_message_id: 'm',
  created_at: NOW,
  created_by: 'somebody',
};

const NO_DAY = '2026-02-30T00:00:00Z';

it.each<readonly [string, Partial<Continuation>, boolean]>([
  ['messages that are there', { through: 'm', snapshot }, true],
  ['no message', {}, true],
  ['an end that is no message', { through: 'nobody' }, false],
  ['a snapshot through no message', { snapshot: { ...snapshot, through_message_id: 'nobody' } }, false],
  ['a snapshot of no day', { snapshot: { ...snapshot, created_at: NO_DAY } }, false],
  ['a handoff of no day', { handoff: { ...handoff, created_at: NO_DAY } }, false],
])('belongs to a conversation exactly when its file can be read again: %s', (_name, more, belongs) => {
  const continuation: Continuation = { id: 'c', through: null, handoff, snapshot: null, ...more };
  const continued = continuedDocument(document, continuation, NOW);
  expect([belongsTo(document, continuation), validateConversation(continued).ok]).toEqual([belongs, belongs]);
});
