import type { ConversationSummary } from '../../../contract/chat';
import type { LibraryAccess } from '../../../library/service/library-access';
import type { Conversation } from '../../../protocol/conversation/conversation';
import { success, type Result } from '../../../protocol/result';

/** Conversations Chat lists; older ones are found in the library. */
const LISTED = 200;

/** A conversation and the number of its state. */
export interface StoredConversation {
  readonly document: Conversation;
  readonly revision: number;
}

export interface SavedState {
  readonly revision: number;
  readonly isJoined: boolean;
}

/** Where Chat keeps its conversations. */
export interface ConversationStore {
  /** The conversations of Chat, the newest first. */
  list(): Promise<Result<readonly ConversationSummary[]>>;
  load(id: string): Promise<Result<StoredConversation>>;
  /** Saves a conversation. When it was changed elsewhere since the revision, both states are joined. */
  save(document: Conversation, revision: number | null): Promise<Result<SavedState>>;
  /** Moves it to the bin. */
  remove(id: string): Promise<Result<void>>;
}

/** Conversations of Chat in the library, where everything else is too. */
export class LibraryConversationStore implements ConversationStore {
  readonly #library: LibraryAccess;

  constructor(library: LibraryAccess) {
    this.#library = library;
  }

  async list(): Promise<Result<readonly ConversationSummary[]>> {
    const page = await this.#library.call('list', { inChat: true, limit: LISTED });
    return page.ok
      ? success(page.value.conversations.map(({ id, title, updatedAt }) => ({ id, title, updatedAt })))
      : page;
  }

  async load(id: string): Promise<Result<StoredConversation>> {
    const found = await this.#library.call('get', { id });
    return found.ok ? success({ document: found.value.conversation, revision: found.value.revision }) : found;
  }

  async save(document: Conversation, revision: number | null): Promise<Result<SavedState>> {
    const saved = await this.#library.call('save', {
      conversation: document,
      isInChat: true,
      ...(revision === null ? {} : { baseRevision: revision }),
    });
    return saved.ok ? success({ revision: saved.value.revision, isJoined: saved.value.joined !== null }) : saved;
  }

  async remove(id: string): Promise<Result<void>> {
    const removed = await this.#library.call('delete', { ids: [id] });
    return removed.ok ? success(undefined) : removed;
  }
}
