import { DOCUMENT_LIMITS } from '../documents/limits';
import { MessageTree } from './branches';
import type { Conversation, ConversationMessage } from './conversation';

/** Ids and the time of a split, given from outside. */
export interface SplitIds {
  readonly firstId: string;
  readonly secondId: string;
  /** RFC 3339. */
  readonly now: string;
}

/** Everything that hangs below a message, itself included. */
function idsBelow(messages: readonly ConversationMessage[], rootId: string): ReadonlySet<string> {
  const children = new Map<string, string[]>();
  for (const { id, parent_id: parentId } of messages) {
    const key = parentId ?? '';
    const known = children.get(key);
    if (known === undefined) children.set(key, [id]);
    else known.push(id);
  }
  const below = new Set<string>();
  const waiting = [rootId];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (below.has(id)) continue;
    below.add(id);
    // One at a time: a message may have more answers than a call takes arguments.
    for (const child of children.get(id) ?? []) waiting.push(child);
  }
  return below;
}

function withoutOrigin(conversation: Conversation): Conversation['source'] {
  const { original_id: _original, ...source } = conversation.source;
  return source;
}

/** A title with a number behind it, no longer than titles may be. */
function numberedTitle(title: string, number: number): string {
  const ending = ` (${number})`;
  const kept = title.slice(0, DOCUMENT_LIMITS.maxNameLength - ending.length).replace(/[\ud800-\udbff]$/, '');
  return `${title.length + ending.length <= DOCUMENT_LIMITS.maxNameLength ? title : kept}${ending}`;
}

function part(
  conversation: Conversation,
  id: string,
  number: number,
  messages: ConversationMessage[],
  now: string,
): Conversation {
  const { head: _head, handoff: _handoff, context_snapshot: _snapshot, ...rest } = conversation;
  return {
    ...rest,
    id,
    title: numberedTitle(conversation.title, number),
    updated_at: now,
    // Not the product's conversation any more: a later import must find that one, not a part of it.
    source: withoutOrigin(conversation),
    messages,
    metadata: { ...conversation.metadata, split_from: { id: conversation.id, part: number } },
  };
}

/**
 * Parts a conversation in two in front of a message: the message and all its answers begin the second one. Both keep the
 * participants and the attachments; the conversation itself is not changed.
 *
 * @returns null when the message is unknown or nothing would be left in front of it.
 */
export function splitConversation(
  conversation: Conversation,
  messageId: string,
  ids: SplitIds,
): readonly [Conversation, Conversation] | null {
  const tree = new MessageTree(conversation);
  const first = tree.message(messageId);
  if (first === undefined) return null;
  const below = idsBelow(conversation.messages, messageId);
  const before = conversation.messages.filter(({ id }) => !below.has(id));
  if (before.length === 0) return null;
  const after = conversation.messages
    .filter(({ id }) => below.has(id))
    .map((message) => (message.id === messageId ? { ...message, parent_id: null } : message));
  const parent = first.parent_id ?? null;
  const one = part(conversation, ids.firstId, 1, before, ids.now);
  const two = part(conversation, ids.secondId, 2, after, ids.now);
  const leaf = tree.leafUnder(messageId);
  return [
    { ...one, ...(parent === null ? {} : { head: parent }) },
    { ...two, head: leaf },
  ];
}
