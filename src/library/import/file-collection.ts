import type { ReportEntry } from './import-report';

/** One file of what is being imported. */
export interface FileEntry {
  /** Path inside the archive or folder, with forward slashes; the bare name of a single file. */
  readonly name: string;
  readonly sizeBytes: number;
  /** When it was changed, RFC 3339, where that is known. */
  readonly modifiedAt: string | null;
  /** The bytes, unpacked, from the beginning. */
  open(): Promise<AsyncIterable<Buffer>>;
}

/** What a path names: one file, the files of an archive, or those of a folder. */
export interface FileCollection {
  readonly kind: 'file' | 'archive' | 'folder';
  readonly entries: readonly FileEntry[];
  /** What was left out, with the reasons. */
  readonly skipped: readonly ReportEntry[];
  close(): Promise<void>;
}
