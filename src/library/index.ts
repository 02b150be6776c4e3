/** Door of the library room: conversations and projects kept, found, imported and exported. */
export { Library, openLibrary, type LibraryStorage, type OpenOptions } from './store/open-library';
export type { ConversationPage, ConversationShelf, ConversationSummary, ListOptions } from './store/conversation-shelf';
export type { Folder, FolderShelf, Tag } from './store/folder-shelf';
export type { DocumentShelf, DocumentSummary } from './store/document-shelf';
export type { SearchHit, SearchOptions, SearchPage } from './store/search-library';
export type { Excerpt, TextRange } from './store/search-query';
export type { FileStore } from './store/file-store';
export type { LibraryErrorCode, LibraryFailure, LibraryResult } from './store/errors';
export { importFile, type ImportOptions } from './import/import-file';
export type { AddOutcome, ImportReport, ReportEntry } from './import/import-report';
export type { ImportProgress, ImportSink, OtherDocument, StoredFile } from './import/import-sink';
export {
  exportConversations,
  type ExportFormat,
  type ExportOptions,
  type ExportReport,
  type ExportSource,
  type ExportTarget,
} from './export/export-conversations';
export { writeDocumentStream, type DocumentStream, type FileReader } from './export/write-document-stream';
