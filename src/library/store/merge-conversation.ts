import type { Conversation, ConversationMessage } from '../../protocol/conversation/conversation';
import { toEpochMs } from '../../protocol/documents/time';

function byId<Entry extends { readonly id: string }>(entries: readonly Entry[] | null | undefined): Map<string, Entry> {
  return new Map((entries ?? []).map((entry) => [entry.id, entry]));
}

/** Messages of the newer version, then those only the older one has, each behind its parent. */
function mergeMessages(
  newer: readonly ConversationMessage[],
  older: readonly ConversationMessage[],
): readonly ConversationMessage[] {
  const known = byId(newer);
  return [...newer, ...older.filter((message) => !known.has(message.id))];
}

function mergeById<Entry extends { readonly id: string }>(
  newer: readonly Entry[] | null | undefined,
  older: readonly Entry[] | null | undefined,
): Entry[] {
  return [...new Map([...byId(older), ...byId(newer)]).values()];
}

/**
 * Joins two versions of one conversation: the newer one's words stand, and what only the other has is kept: messages
 * written here after the last import, branches the product has forgotten, files, a handoff, a snapshot. The document
 * keeps the id and the age it has here.
 *
 * @param existing - as the library has it.
 * @param incoming - as the file has it.
 */
export function mergeConversations(existing: Conversation, incoming: Conversation): Conversation {
  const isNewer = toEpochMs(incoming.updated_at) >= toEpochMs(existing.updated_at);
  const [newer, older] = isNewer ? [incoming, existing] : [existing, incoming];
  const newerIds = new Set(newer.messages.map((message) => message.id));
  // A branch that goes on only here is what the person was reading; the product's own end does not take it away.
  const existingGoesOn = typeof existing.head === 'string' && !incoming.messages.some(({ id }) => id === existing.head);
  const head = existingGoesOn ? existing.head : (newer.head ?? older.head);
  const participants = mergeById(newer.participants, older.participants);
  const attachments = mergeById(newer.attachments, older.attachments);
  const handoff = newer.handoff ?? older.handoff;
  const snapshot = newer.context_snapshot ?? older.context_snapshot;
  const isOlderHere = toEpochMs(existing.created_at) < toEpochMs(incoming.created_at);
  const hasOlderOnly = older.messages.some((message) => !newerIds.has(message.id));
  return {
    ...older,
    ...newer,
    id: existing.id,
    created_at: isOlderHere ? existing.created_at : incoming.created_at,
    participants,
    messages: hasOlderOnly ? [...mergeMessages(newer.messages, older.messages)] : newer.messages,
    ...(head === undefined ? {} : { head }),
    ...(attachments.length === 0 && newer.attachments === undefined ? {} : { attachments }),
    ...(handoff === undefined ? {} : { handoff }),
    ...(snapshot === undefined ? {} : { context_snapshot: snapshot }),
    metadata: { ...older.metadata, ...newer.metadata },
  };
}
