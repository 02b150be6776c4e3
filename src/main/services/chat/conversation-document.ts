import { isPart } from '../../../protocol/conversation/content';
import type {
  Conversation,
  ConversationMessage,
  ConversationParticipant,
} from '../../../protocol/conversation/conversation';
import { readDocument } from '../../../protocol/documents/read-document';

/*
 * Conversations are tore-0005 documents. Unknown fields, part types and metadata of other programs are kept as they
 * are: this file has what Chat does with them.
 */

/** Ending of a conversation's file, short for `.tore5-conversation.json` of other exports. */
export const CONVERSATION_FILE_ENDING = '.tore5.json';
/** What this program writes as the source of a conversation. */
export const SOURCE_PLATFORM = 'tore-desktop';

/** Reads the text of a conversation's file. The reason is a clause to put behind "cannot be used because". */
export function parseConversation(
  text: string,
): { readonly ok: true; readonly document: Conversation } | { readonly ok: false; readonly reason: string } {
  const read = readDocument(text);
  if (!read.ok) return { ok: false, reason: `of its content: ${read.error.message}` };
  if (read.value.kind !== 'conversation')
    return { ok: false, reason: `it is a ${read.value.kind}, not a conversation` };
  return { ok: true, document: read.value.document };
}

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

/** The shown branch from its first message to the head. Documents of others may hold loops or gaps; both end it. */
export function branchOf(document: Conversation): readonly ConversationMessage[] {
  const byId = new Map(document.messages.map((message) => [message.id, message]));
  const branch: ConversationMessage[] = [];
  const seen = new Set<string>();
  let id = document.head ?? document.messages.at(-1)?.id ?? null;
  while (id !== null && !seen.has(id)) {
    seen.add(id);
    const message = byId.get(id);
    if (message === undefined) break;
    branch.push(message);
    id = message.parent_id ?? null;
  }
  return branch.reverse();
}

/** The text parts of a message, joined. */
export function textOf(message: ConversationMessage): string {
  return message.content.map((part) => (isPart(part, 'text') ? part.text : '')).join('');
}

/** Role of a message's author; a message of an unknown participant counts as a human's. */
export function roleOf(document: Conversation, message: ConversationMessage): ConversationParticipant['role'] {
  return document.participants.find(({ id }) => id === message.participant_id)?.role ?? 'human';
}
