import type { Conversation, ConversationMessage } from './conversation';

/** Key of first messages in the map of children; no message has it, because ids are not empty. */
const ROOT = '';

/** The tree of a conversation by parent: the answers to each message in the order of the document. */
export class MessageTree {
  readonly #byId: ReadonlyMap<string, ConversationMessage>;
  readonly #children = new Map<string, ConversationMessage[]>();
  readonly #last: ConversationMessage | undefined;

  constructor(conversation: Conversation) {
    this.#byId = new Map(conversation.messages.map((message) => [message.id, message]));
    this.#last = this.#byId.get(conversation.head ?? '') ?? conversation.messages.at(-1);
    for (const message of conversation.messages) {
      const key = this.#parentKey(message);
      const known = this.#children.get(key);
      if (known === undefined) this.#children.set(key, [message]);
      else known.push(message);
    }
  }

  #parentKey(message: ConversationMessage): string {
    const id = message.parent_id ?? ROOT;
    return this.#byId.has(id) ? id : ROOT;
  }

  message(id: string): ConversationMessage | undefined {
    return this.#byId.get(id);
  }

  /** A message and everything that stands beside it under the same parent. */
  siblings(message: ConversationMessage): readonly ConversationMessage[] {
    return this.#children.get(this.#parentKey(message)) ?? [message];
  }

  /** From the first message to a message, or to the shown end. A loop or a missing parent of an unchecked document ends it. */
  branchTo(headId: string | null): readonly ConversationMessage[] {
    const branch: ConversationMessage[] = [];
    const seen = new Set<string>();
    let at = headId === null ? this.#last : this.#byId.get(headId);
    while (at !== undefined && !seen.has(at.id)) {
      seen.add(at.id);
      branch.push(at);
      at = this.#byId.get(at.parent_id ?? ROOT);
    }
    return branch.reverse();
  }

  /** The end of the branch that goes through a message: the shown one where it does, else by the newest answer each time. */
  leafUnder(messageId: string): string {
    if (this.branchTo(null).some(({ id }) => id === messageId) && this.#last !== undefined) return this.#last.id;
    let at = messageId;
    const seen = new Set<string>();
    for (;;) {
      seen.add(at);
      const next = this.#children.get(at)?.at(-1);
      if (next === undefined || seen.has(next.id)) return at;
      at = next.id;
    }
  }
}
