import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';

/*
 * Conversations are tore-0005 documents. Unknown fields, part types and metadata of other programs are kept as they
 * are: this file names only what Chat reads and writes.
 */

/** Ending of a conversation's file, short for `.tore5-conversation.json` of other exports. */
export const CONVERSATION_FILE_ENDING = '.tore5.json';
/** What this program writes as the source of a conversation. */
export const SOURCE_PLATFORM = 'tore-desktop';

const Id = Type.String({ minLength: 1, maxLength: 200 });
const Time = Type.String({ maxLength: 100 });
const OptionalId = Type.Optional(Type.Union([Id, Type.Null()]));

const ContentPart = Type.Object({ type: Type.String({ maxLength: 100 }), text: Type.Optional(Type.String()) });
const Participant = Type.Object({
  id: Id,
  role: Type.Union([Type.Literal('human'), Type.Literal('model'), Type.Literal('system'), Type.Literal('tool')]),
  name: Type.Optional(Type.String({ maxLength: 1_000 })),
  model: Type.Optional(Type.Unknown()),
});
export type Participant = Static<typeof Participant>;

/** Longest branch and most branches a reader takes: far more than a person writes in one conversation. */
const MAX_MESSAGES = 100_000;

const Message = Type.Object({
  id: Id,
  parent_id: OptionalId,
  participant_id: Id,
  created_at: Type.Optional(Time),
  content: Type.Array(ContentPart, { maxItems: 10_000 }),
  model: Type.Optional(Type.Unknown()),
  usage: Type.Optional(Type.Unknown()),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type ConversationMessage = Static<typeof Message>;

export const ConversationDocument = Type.Object({
  tore_spec: Type.Literal('tore-0005'),
  id: Id,
  title: Type.String({ maxLength: 10_000 }),
  created_at: Time,
  updated_at: Time,
  source: Type.Object({ platform: Type.String({ maxLength: 1_000 }) }),
  participants: Type.Array(Participant, { maxItems: 10_000 }),
  messages: Type.Array(Message, { maxItems: MAX_MESSAGES }),
  head: OptionalId,
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type ConversationDocument = Static<typeof ConversationDocument>;

const documentValidator = Compile(ConversationDocument);

/** Reads the text of a conversation's file. The reason is a clause to put behind "cannot be used because". */
export function parseConversation(
  text: string,
): { readonly ok: true; readonly document: ConversationDocument } | { readonly ok: false; readonly reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: text.trim() === '' ? 'it is empty' : 'it is not JSON or ends in the middle' };
  }
  if (documentValidator.Check(value)) return { ok: true, document: value };
  const place = documentValidator.Errors(value)[0]?.instancePath ?? '';
  return { ok: false, reason: `it is not a conversation${place === '' ? '' : ` (${place})`}` };
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
export function createConversation(id: string, title: string, createdAt: string): ConversationDocument {
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
  document: ConversationDocument,
  wanted: { readonly role: 'human' } | { readonly role: 'model'; readonly modelId: string },
  newId: string,
): { readonly document: ConversationDocument; readonly participantId: string } {
  const found = document.participants.find(
    (participant) =>
      participant.role === wanted.role && (wanted.role === 'human' || participant.model === wanted.modelId),
  );
  if (found !== undefined) return { document, participantId: found.id };
  const added: Participant =
    wanted.role === 'human'
      ? { id: newId, role: 'human', name: 'You' }
      : { id: newId, role: 'model', name: wanted.modelId, model: wanted.modelId };
  return { document: { ...document, participants: [...document.participants, added] }, participantId: newId };
}

/** Adds a message and makes it the end of the shown branch. */
export function appendMessage(document: ConversationDocument, message: ConversationMessage): ConversationDocument {
  return { ...document, messages: [...document.messages, message], head: message.id };
}

/** Replaces the message of the same id. */
export function replaceMessage(document: ConversationDocument, message: ConversationMessage): ConversationDocument {
  return { ...document, messages: document.messages.map((other) => (other.id === message.id ? message : other)) };
}

/** The shown branch from its first message to the head. Documents of others may hold loops or gaps; both end it. */
export function branchOf(document: ConversationDocument): readonly ConversationMessage[] {
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
  return message.content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
}

/** Role of a message's author; a message of an unknown participant counts as a human's. */
export function roleOf(document: ConversationDocument, message: ConversationMessage): Participant['role'] {
  return document.participants.find(({ id }) => id === message.participant_id)?.role ?? 'human';
}
