import type { Conversation } from '../../protocol/conversation/conversation';
import type { Reading } from '../../protocol/conversation/reading';
import type { Project } from '../../protocol/project/project';
import type { ExportFormat, ExportReport } from '../export/export-conversations';
import type { ExportTarget } from '../export/writers';
import type { ImportProgress } from '../import/import-sink';
import type {
  ConversationPage,
  EditedConversation,
  ListOptions,
  PlatformCount,
  SavedConversation,
  SaveOptions,
} from '../store/conversation-shelf';
import type { DocumentSummary } from '../store/document-shelf';
import type { LibraryResult } from '../store/errors';
import type { Folder, Tag } from '../store/folder-shelf';
import type { LibraryStorage, StoredImport } from '../store/open-library';
import type { SearchOptions, SearchPage } from '../store/search-library';

/** Everything but the conversations themselves, as a screen shows it beside them. */
export interface LibraryOverview {
  readonly folders: readonly Folder[];
  readonly tags: readonly Tag[];
  readonly platforms: readonly PlatformCount[];
  readonly projects: readonly DocumentSummary[];
  readonly storage: LibraryStorage;
}

interface Ids {
  readonly ids: readonly string[];
}

/** A project with its conversations by id, as the screen edits it. */
export interface ProjectChanges {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly instructions: Project['instructions'];
  readonly conversationIds: readonly string[];
  readonly agreementRef: string | null;
}

/**
 * What can be asked of a library, whether it is opened here or lives in a process of its own: each call with the one value
 * it takes and the one it answers with.
 */
export interface LibraryCalls {
  list: { input: ListOptions; output: ConversationPage };
  search: { input: SearchOptions & { readonly query: string }; output: SearchPage };
  overview: { input: null; output: LibraryOverview };
  /** One branch, ready to be shown; `through` is a message it goes through. */
  read: { input: { readonly id: string; readonly through: string | null }; output: Reading };
  get: { input: { readonly id: string }; output: EditedConversation };
  save: { input: { readonly conversation: Conversation } & SaveOptions; output: SavedConversation };
  markInChat: { input: Ids; output: null };
  rename: { input: { readonly id: string; readonly title: string }; output: null };
  delete: { input: Ids; output: number };
  restore: { input: Ids; output: number };
  /** Removes for good, of the bin only: everything deleted before a time, or the ids named. */
  purge: { input: { readonly before: string } | Ids; output: number };
  move: { input: Ids & { readonly folderId: number | null }; output: null };
  setTags: { input: { readonly id: string; readonly tags: readonly string[] }; output: null };
  createFolder: { input: { readonly name: string; readonly parentId: number | null }; output: number };
  renameFolder: { input: { readonly folderId: number; readonly name: string }; output: null };
  deleteFolder: { input: { readonly folderId: number }; output: null };
  /** Parts a conversation in two in front of a message; both, without the whole, become a project. */
  split: {
    input: { readonly id: string; readonly messageId: string };
    output: { readonly projectId: string; readonly conversationIds: readonly string[] };
  };
  project: { input: { readonly id: string }; output: Project };
  createProject: { input: Ids & { readonly name: string }; output: string };
  changeProject: { input: ProjectChanges; output: null };
  addProjectFile: { input: { readonly id: string; readonly path: string }; output: null };
  removeProjectFile: { input: { readonly id: string; readonly attachmentId: string }; output: null };
  mergeProjects: { input: Ids & { readonly name: string }; output: string };
  /** Conversations of a project that cannot be told from their place in it stay in the library. */
  deleteProject: { input: { readonly id: string; readonly deleted: boolean }; output: null };
  /** Keeps the bytes of an attachment kept elsewhere, after they were checked against its size and checksum. */
  storeAttachment: {
    input: { readonly id: string; readonly attachmentId: string; readonly content: Uint8Array };
    output: null;
  };
  /** The same for a file of a project. */
  storeProjectFile: {
    input: { readonly id: string; readonly attachmentId: string; readonly content: Uint8Array };
    output: null;
  };
  /** Long; `signal` cancels it. */
  import: { input: { readonly path: string }; output: StoredImport };
  /** Long; `signal` cancels it. */
  export: {
    input: Ids & { readonly format: ExportFormat; readonly target: ExportTarget };
    output: ExportReport;
  };
  exportProject: { input: { readonly id: string; readonly path: string }; output: ExportReport };
}

export type LibraryMethod = keyof LibraryCalls;
export type LibraryInput<Method extends LibraryMethod> = LibraryCalls[Method]['input'];
export type LibraryOutput<Method extends LibraryMethod> = LibraryCalls[Method]['output'];

/** How far a long call is: an import by bytes, an export by conversations. */
export type LibraryProgress = ImportProgress | { readonly done: number; readonly total: number };

export interface LibraryCallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LibraryProgress) => void;
}

/** A library, near or far. */
export interface LibraryAccess {
  call<Method extends LibraryMethod>(
    method: Method,
    input: LibraryInput<Method>,
    options?: LibraryCallOptions,
  ): Promise<LibraryResult<LibraryOutput<Method>>>;
}
