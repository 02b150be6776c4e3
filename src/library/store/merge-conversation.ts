import type { Conversation, ConversationMessage } from '../../protocol/conversation/conversation';
import { toEpochMs } from '../../protocol/documents/time';
import { conflictingIds, mergeAttachments, repointed } from './merge-attachments';

function byId<Entry extends { readonly id: string }>(entries: readonly Entry[]): Map<string, Entry> {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

/** Messages of the newer version, then those only the older one has, each behind its parent. */
function mergeMessages(
  newer: readonly ConversationMessage[],
  older: readonly ConversationMessage[],
): ConversationMessage[] {
  const known = byId(newer);
  return [...newer, ...older.filter((message) => !known.has(message.id))];
}

/** The message a conversation ends with; undefined only when it has none. */
export function endOf(conversation: Conversation): string | undefined {
  return conversation.head ?? conversation.messages.at(-1)?.id;
}

/**
 * Joins two versions of one conversation: the newer one's words stand, and what only the other has is kept: messages
 * written here after the last import, branches the product has forgotten, files and their bytes, a handoff, a snapshot.
 * The document keeps the id and the age it has here.
 *
 * @param existing - as the library has it.
 * @param given - as the file has it.
 */
export function mergeConversations(existing: Conversation, given: Conversation): Conversation {
  const incoming = repointed(given, conflictingIds(existing.attachments, given.attachments));
  const isNewer = toEpochMs(incoming.updated_at) >= toEpochMs(existing.updated_at);
  const [newer, older] = isNewer ? [incoming, existing] : [existing, incoming];
  const messages = mergeMessages(newer.messages, older.messages);
  // A branch that goes on only here is what the person was reading; the product's own end does not take it away.
  const existingGoesOn = typeof existing.head === 'string' && !incoming.messages.some(({ id }) => id === existing.head);
  const end = existingGoesOn ? existing.head : (endOf(newer) ?? endOf(older));
  // A version that ends with its last message need not say so, unless the person chose that end here.
  const isNamed = existingGoesOn || typeof newer.head === 'string';
  const head = isNamed || end !== messages.at(-1)?.id ? end : newer.head;
  const participants = [...new Map([...byId(older.participants), ...byId(newer.participants)]).values()];
  const attachments = mergeAttachments(newer.attachments, older.attachments);
  const handoff = newer.handoff ?? older.handoff;
  const snapshot = newer.context_snapshot ?? older.context_snapshot;
  const merged: Conversation = {
    ...older,
    ...newer,
    id: existing.id,
    created_at:
      toEpochMs(existing.created_at) < toEpochMs(incoming.created_at) ? existing.created_at : incoming.created_at,
    participants,
    messages,
    ...(head === undefined ? {} : { head }),
    ...(attachments.length === 0 && newer.attachments === undefined ? {} : { attachments }),
    ...(handoff === undefined ? {} : { handoff }),
    ...(snapshot === undefined ? {} : { context_snapshot: snapshot }),
    metadata: { ...older.metadata, ...newer.metadata },
  };
  if (head === undefined) delete merged.head;
  return merged;
}
