import { validate as isUuid } from 'uuid';
import type { ContentPart } from '../../protocol/conversation/content';
import type {
  Conversation,
  ConversationMessage,
  ConversationParticipant,
  ParticipantRole,
} from '../../protocol/conversation/conversation';
import type { Attachment } from '../../protocol/documents/attachment';
import { derivedId, fittingName } from './identity';
import { orderTree } from './message-tree';
import { timeSpan } from './source-values';

/** A message as a converter hands it over. */
export interface DraftMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly participantId: string;
  readonly createdAt: string | null;
  readonly content: readonly ContentPart[];
  readonly model?: string | null;
  readonly usage?: { readonly input_tokens?: number; readonly output_tokens?: number };
  /** Not shown by the source product (system prompts, internal steps); kept and flagged `metadata.hidden`. */
  readonly hidden?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The record it was made from, kept as `metadata.source_record`. */
  readonly sourceRecord?: unknown;
}

/** What a conversation has besides its messages. */
export interface DraftConversation {
  readonly platform: string;
  /** The source's id, or a hash of the content where it gives none. */
  readonly originalId: string;
  readonly title: string | null;
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
  readonly model?: string | null;
  /** The source's id of the message that ends the shown branch. */
  readonly head: string | null;
  readonly attachments?: readonly Attachment[];
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The record without its messages. */
  readonly sourceRecord: unknown;
  /** When nothing in the source has a time: that of the file. */
  readonly fallbackTime: string;
}

/**
 * Collects what a converter finds and turns it into a valid tore-0005 document: ids unique, parents before children,
 * loops and missing parents cut (and said so in `metadata`), the head one of the messages.
 */
export class ConversationBuilder {
  readonly #participants = new Map<string, ConversationParticipant>();
  readonly #messages: DraftMessage[] = [];

  /** Id of the participant with this role, name and model; made when it is new. */
  participant(
    role: ParticipantRole,
    details: { readonly name?: string | null; readonly model?: string | null } = {},
  ): string {
    const name = details.name ?? null;
    const model = details.model ?? null;
    const key = JSON.stringify([role, name, model]);
    const known = this.#participants.get(key);
    if (known !== undefined) return known.id;
    const id = derivedId('participant', key);
    this.#participants.set(key, {
      id,
      role,
      ...(name === null ? {} : { name: fittingName(name) }),
      ...(model === null ? {} : { model: fittingName(model) }),
    });
    return id;
  }

  add(message: DraftMessage): void {
    this.#messages.push(message);
  }

  get messageCount(): number {
    return this.#messages.length;
  }

  finish(draft: DraftConversation): Conversation {
    const ordered = orderTree(this.#messages);
    const messages = ordered.nodes.map(({ node, id, parentId, notes }) => writeMessage(node, id, parentId, notes));
    const span = timeSpan(messages.map((message) => message.created_at));
    const createdAt = draft.createdAt ?? span?.first ?? draft.updatedAt ?? draft.fallbackTime;
    const head = draft.head === null ? undefined : ordered.idOf.get(draft.head);
    const { originalId } = draft;
    return {
      tore_spec: 'tore-0005',
      id: conversationId(draft.platform, originalId),
      title: fittingName(draft.title ?? firstLine(messages) ?? 'Untitled'),
      created_at: createdAt,
      updated_at: draft.updatedAt ?? span?.last ?? createdAt,
      source: {
        platform: draft.platform,
        ...(draft.model === null || draft.model === undefined ? {} : { model: fittingName(draft.model) }),
        original_id: fittingName(originalId),
      },
      participants: [...this.#participants.values()],
      messages,
      head: head ?? ordered.lastLeaf,
      ...(draft.attachments === undefined || draft.attachments.length === 0
        ? {}
        : { attachments: [...draft.attachments] }),
      metadata: { ...draft.metadata, source_record: draft.sourceRecord },
    };
  }
}

/** Id of the document: the source's own where that is a UUID. */
function conversationId(platform: string, originalId: string): string {
  return isUuid(originalId) ? originalId.toLowerCase() : derivedId('conversation', platform, originalId);
}

function writeMessage(
  draft: DraftMessage,
  id: string,
  parentId: string | null,
  notes: Readonly<Record<string, unknown>>,
): ConversationMessage {
  return {
    id,
    parent_id: parentId,
    participant_id: draft.participantId,
    ...(draft.createdAt === null ? {} : { created_at: draft.createdAt }),
    content: [...draft.content],
    ...(draft.model === null || draft.model === undefined ? {} : { model: fittingName(draft.model) }),
    ...(draft.usage === undefined ? {} : { usage: draft.usage }),
    metadata: {
      ...draft.metadata,
      ...(draft.hidden === true ? { hidden: true } : {}),
      ...notes,
      ...(draft.sourceRecord === undefined ? {} : { source_record: draft.sourceRecord }),
    },
  };
}

const TITLE_LENGTH = 80;

/** A title from the first text that is shown. */
function firstLine(messages: readonly ConversationMessage[]): string | null {
  for (const message of messages) {
    if (message.metadata?.['hidden'] === true) continue;
    for (const part of message.content) {
      if (part.type !== 'text' || !('text' in part) || typeof part.text !== 'string') continue;
      const line =
        part.text
          .trim()
          .split('\n', 1)[0]
          ?.trim()
          .replace(/^#+\s*/, '') ?? '';
      if (line !== '') return [...line].slice(0, TITLE_LENGTH).join('');
    }
  }
  return null;
}
