import type { ContextSnapshot, Handoff } from '../protocol/conversation/conversation';
import type { Failure } from '../protocol/result';

/** One line of the library's list. */
export interface LibraryEntry {
  readonly id: string;
  readonly title: string;
  readonly platform: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly messageCount: number;
  readonly sizeBytes: number;
  readonly folderId: number | null;
  readonly tags: readonly string[];
  readonly deletedAt: string | null;
}

export interface LibraryPage {
  readonly conversations: readonly LibraryEntry[];
  readonly total: number;
}

/** A piece of a text, in UTF-16 units. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** A place where something was found. */
export interface LibraryHit {
  readonly conversationId: string;
  readonly title: string;
  readonly titleHighlights: readonly TextRange[];
  readonly platform: string;
  readonly updatedAt: string;
  /** Null when the title alone was found. */
  readonly messageId: string | null;
  readonly excerpt: { readonly text: string; readonly highlights: readonly TextRange[] } | null;
}

export interface LibraryHits {
  readonly hits: readonly LibraryHit[];
  readonly hasMore: boolean;
}

export interface LibraryFolder {
  readonly id: number;
  readonly name: string;
  readonly parentId: number | null;
  readonly conversationCount: number;
}

export interface LibraryProject {
  readonly id: string;
  readonly title: string;
  readonly updatedAt: string;
  readonly conversationCount: number;
}

/** What stands beside the list. */
export interface LibraryOverview {
  readonly folders: readonly LibraryFolder[];
  readonly tags: readonly { readonly name: string; readonly conversationCount: number }[];
  readonly platforms: readonly { readonly platform: string; readonly conversationCount: number }[];
  readonly projects: readonly LibraryProject[];
  readonly storage: {
    readonly databaseBytes: number;
    readonly filesBytes: number;
    readonly fileCount: number;
    readonly conversationCount: number;
    readonly messageCount: number;
    readonly deletedCount: number;
  };
}

/** Something an import left out or could not take. */
export interface ImportNote {
  readonly what: string;
  readonly why: string;
}

/** What became of everything in one file. */
export interface ImportOutcome {
  /** Name of the file without its folder. */
  readonly name: string;
  readonly result:
    | {
        readonly kind: 'taken';
        readonly importId: number;
        readonly formats: readonly string[];
        readonly found: number;
        readonly imported: number;
        readonly updated: number;
        readonly alreadyThere: number;
        readonly skippedCount: number;
        readonly failedCount: number;
        readonly skipped: readonly ImportNote[];
        readonly failed: readonly ImportNote[];
        readonly storedFiles: number;
        readonly missingFiles: number;
      }
    | { readonly kind: 'refused'; readonly error: Failure };
}

/** The import under way, or the last one until its report was read. */
export type ImportState =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'running';
      readonly name: string;
      /** From 1. */
      readonly position: number;
      readonly count: number;
      readonly bytesDone: number;
      readonly bytesTotal: number;
      readonly documents: number;
      readonly isCancelling: boolean;
    }
  | { readonly kind: 'finished'; readonly outcomes: readonly ImportOutcome[] };

/** Ways to write conversations. */
export const EXPORT_FORMATS = ['tore5', 'markdown', 'html', 'jsonl'] as const;
export type LibraryExportFormat = (typeof EXPORT_FORMATS)[number];

/** What an export wrote; null when the dialog was closed. */
export type ExportOutcome = {
  readonly path: string;
  readonly written: number;
  readonly leftOutFiles: readonly string[];
} | null;

/** Drafts for going on with another model, to be read and changed before they are used. */
export interface HandoffDraft {
  readonly handoff: Handoff;
  /** Null for a conversation without messages. */
  readonly snapshot: ContextSnapshot | null;
  /** Whether the chosen model can draft them itself; null: it can, else a sentence why not. */
  readonly modelHindrance: string | null;
}

/** A project as its screen shows it. */
export interface ProjectView {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly instructions: readonly {
    readonly id: string;
    readonly title: string;
    readonly content: string;
  }[];
  readonly conversations: readonly { readonly id: string; readonly title: string; readonly messageCount: number }[];
  /** Conversations and sessions that stand in files of their own or are kept as they are. */
  readonly otherCount: number;
  readonly attachments: readonly {
    readonly id: string;
    readonly name: string;
    readonly sizeBytes: number;
    readonly isHere: boolean;
    /** Where it is kept when it is not here. */
    readonly uri: string | null;
  }[];
  readonly agreementRef: string | null;
  readonly updatedAt: string;
}

/** What changed, so that lists are read again. */
export interface LibraryChange {
  /** Counts up. */
  readonly revision: number;
}

/** What a file that was opened from the desktop holds. */
export type LibraryOpened =
  | { readonly kind: 'conversation'; readonly id: string }
  | { readonly kind: 'project'; readonly id: string }
  | { readonly kind: 'import'; readonly importId: number };
