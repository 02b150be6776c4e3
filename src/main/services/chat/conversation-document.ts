import { isPart } from '../../../protocol/conversation/content';
import type {
  Conversation,
  ConversationMessage,
  ConversationParticipant,
} from '../../../protocol/conversation/conversation';

import type { Turn } from './context-window';

/*
 * Conversations are tore-0005 documents. Unknown fields, part types and metadata of other programs are kept as they
 * are: this file has what Chat does with them.
 */

/** What this program writes as the source of a conversation. */
export const SOURCE_PLATFORM = 'tore-desktop';

const TITLE_LENGTH = 60;

/** The first line of the first question, cut at a word. */
export function titleOf(question: string): string {
  const line =
    question
      .split('\n')
      .map((text) => text.trim())
      .find((text) => text !== '') ?? 'New conversation';
  const characters = [...line.replace(/\s+/g, ' ')];
  if (characters.length <= TITLE_LENGTH) return characters.join('');
  const cut = characters.slice(0, TITLE_LENGTH).join('');
  const lastSpace = cut.lastIndexOf(' ');
  return `${lastSpace > TITLE_LENGTH / 2 ? cut.slice(0, lastSpace) : cut}…`;
}

/** A new conversation without messages. */
export function createConversation(id: string, title: string, createdAt: string): Conversation {
  return {
    tore_spec: 'tore-0005',
    id,
    title,
    created_at: createdAt,
    updated_at: createdAt,
    source: { platform: SOURCE_PLATFORM },
    participants: [],
    messages: [],
    head: null,
    metadata: {},
  };
}

/** Finds or adds the participant of a role; a model is one participant per model id. */
export function withParticipant(
  document: Conversation,
  wanted: { readonly role: 'human' } | { readonly role: 'model'; readonly modelId: string },
  newId: string,
): { readonly document: Conversation; readonly participantId: string } {
  const found = document.participants.find(
    (participant) =>
      participant.role === wanted.role && (wanted.role === 'human' || participant.model === wanted.modelId),
  );
  if (found !== undefined) return { document, participantId: found.id };
  const added: ConversationParticipant =
    wanted.role === 'human'
      ? { id: newId, role: 'human', name: 'You' }
      : { id: newId, role: 'model', name: wanted.modelId, model: wanted.modelId };
  return { document: { ...document, participants: [...document.participants, added] }, participantId: newId };
}

/** Adds a message and makes it the end of the shown branch. */
export function appendMessage(document: Conversation, message: ConversationMessage): Conversation {
  return { ...document, messages: [...document.messages, message], head: message.id };
}

/** Replaces the message of the same id. */
export function replaceMessage(document: Conversation, message: ConversationMessage): Conversation {
  return { ...document, messages: document.messages.map((other) => (other.id === message.id ? message : other)) };
}

/** The text parts of a message, joined. */
export function textOf(message: ConversationMessage): string {
  return message.content.map((part) => (isPart(part, 'text') ? part.text : '')).join('');
}

/** What Chat shows and sends of a conversation, question by question: those that have an answer, up to a place of the branch. */
export function turnsOf(
  document: Conversation,
  branch: readonly ConversationMessage[],
  before = Number.POSITIVE_INFINITY,
): readonly Turn[] {
  const turns: Turn[] = [];
  let question: string | null = null;
  for (const message of branch.slice(0, before)) {
    if (message.metadata?.['hidden'] === true) continue;
    const role = roleOf(document, message);
    const text = textOf(message);
    if (role === 'human') question = text;
    if (role !== 'model' || question === null || text === '') continue;
    turns.push({ question, answer: text });
    question = null;
  }
  return turns;
}

/** Role of a message's author; a message of an unknown participant counts as a human's. */
export function roleOf(document: Conversation, message: ConversationMessage): ConversationParticipant['role'] {
  return document.participants.find(({ id }) => id === message.participant_id)?.role ?? 'human';
}
