/** Door of the library room: conversations and projects kept, found, imported and exported. */
export { openLibrary, type Library } from './store/open-library';
export type { SearchHit } from './store/search-library';
export type { LibraryResult } from './store/errors';
export type { ImportReport } from './import/import-report';
export { exportConversations, type ExportFormat } from './export/export-conversations';
