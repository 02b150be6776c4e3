import type { Conversation } from '../../../protocol/conversation/conversation';
import { success, type Result } from '../../../protocol/result';
import type { ConversationStore, StoredConversation } from './conversation-store';

interface Open {
  document: Conversation;
  /** State the document was read in or saved as; null while it was never saved. */
  revision: number | null;
  /** Whether what is here is not in the store. */
  isUnsaved: boolean;
}

/**
 * The conversations Chat works on at the moment. Everything else stays in the store and is read when it is asked for, so
 * that a library of any size costs nothing here. Saves of one conversation happen one after the other, each with the newest
 * state.
 */
export class ConversationDesk {
  readonly #store: ConversationStore;
  readonly #repair: (document: Conversation) => Conversation;
  readonly #open = new Map<string, Open>();
  readonly #writes = new Map<string, Promise<Result<void>>>();
  /** The conversation read last: while a question is typed it is asked for again and again. */
  #recent: { readonly id: string; readonly document: Conversation; readonly revision: number } | null = null;

  /** @param repair - mends what a crash left in a conversation, when it is read */
  constructor(store: ConversationStore, repair: (document: Conversation) => Conversation) {
    this.#store = store;
    this.#repair = repair;
  }

  async #load(id: string): Promise<Result<StoredConversation>> {
    const loaded = await this.#store.load(id);
    return loaded.ok ? success({ ...loaded.value, document: this.#repair(loaded.value.document) }) : loaded;
  }

  /** The conversation as it is now, without keeping it open. */
  async read(id: string): Promise<Result<Conversation>> {
    const open = this.#open.get(id);
    if (open !== undefined) return success(open.document);
    if (this.#recent?.id === id) return success(this.#recent.document);
    const loaded = await this.#load(id);
    if (!loaded.ok) return loaded;
    this.#recent = { id, ...loaded.value };
    return success(loaded.value.document);
  }

  /** Reads a conversation and keeps it open until `release`. */
  async open(id: string): Promise<Result<Conversation>> {
    const known = this.#open.get(id);
    if (known !== undefined) return success(known.document);
    const loaded = await this.#load(id);
    if (!loaded.ok) return loaded;
    this.#open.set(id, { ...loaded.value, isUnsaved: false });
    return success(loaded.value.document);
  }

  /** An open conversation. */
  get(id: string): Conversation | undefined {
    return this.#open.get(id)?.document;
  }

  /** Puts the next state of a conversation here; a new one is opened by it. */
  put(document: Conversation): void {
    const open = this.#open.get(document.id);
    if (open === undefined) this.#open.set(document.id, { document, revision: null, isUnsaved: true });
    else Object.assign(open, { document, isUnsaved: true });
    if (this.#recent?.id === document.id) this.#recent = null;
  }

  /**
   * Saves an open conversation after the saves before it.
   * @param complete - adds what is not in the document yet, at the moment it is written.
   */
  save(id: string, complete: (document: Conversation) => Conversation): Promise<Result<void>> {
    const before = this.#writes.get(id) ?? Promise.resolve();
    const write = before.then(async (): Promise<Result<void>> => {
      const open = this.#open.get(id);
      if (open === undefined) return success(undefined);
      const { document } = open;
      const saved = await this.#store.save(complete(document), open.revision);
      if (!saved.ok) return saved;
      // Joined with a change made elsewhere: the next save has to be joined with it again, so its base stays the old one.
      if (!saved.value.isJoined) open.revision = saved.value.revision;
      if (open.document === document) open.isUnsaved = false;
      return success(undefined);
    });
    this.#writes.set(id, write);
    void write.finally(() => {
      if (this.#writes.get(id) === write) this.#writes.delete(id);
    });
    return write;
  }

  /** Closes a conversation, unless something in it could not be saved: that stays in view until the app is closed. */
  release(id: string): void {
    if (this.#open.get(id)?.isUnsaved !== true) this.#open.delete(id);
  }

  /** Closes a conversation whatever is in it. */
  forget(id: string): void {
    this.#open.delete(id);
    if (this.#recent?.id === id) this.#recent = null;
  }

  /** Something changed in the store that was not done here. */
  storeChanged(): void {
    this.#recent = null;
  }

  /** Resolves when every save has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#writes.values());
  }
}
