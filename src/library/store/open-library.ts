import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { Kysely, sql } from 'kysely';
import { importFile, type ImportOptions } from '../import/import-file';
import type { ImportReport } from '../import/import-report';
import type { StoredFile } from '../import/import-sink';
import { compactIndex } from './compact-index';
import { ConversationShelf } from './conversation-shelf';
import type { Database, LibraryTables } from './database-schema';
import { DocumentShelf } from './document-shelf';
import { asResult, LibraryError, reasonOf, refuse, type LibraryResult } from './errors';
import { FileGate } from './file-gate';
import { FileStore } from './file-store';
import { FolderShelf } from './folder-shelf';
import { ImportHold } from './import-hold';
import { ImportSession, type TouchedDocument } from './import-session';
import { databaseVersion, latestVersion } from '../../storage/migrations';
import { createSqliteDialect } from '../../storage/sqlite-dialect';
import { migrateLibrary, MIGRATIONS } from './migrations';
import { searchLibrary, type SearchOptions, type SearchPage } from './search-library';
import { storageErrorOf } from './storage-error';
import { undoImport } from './undo-import';
import { removeStrayFiles, removeUnusedFiles, unusedAmong } from './unused-files';

/** Another process (the command line) may hold the file this long before we give up. */
const BUSY_TIMEOUT_MS = 5_000;
/** Memory SQLite keeps for pages, in KiB; more makes imports no faster. */
const CACHE_KIB = 32_768;
const DATABASE_FILE = 'library.db';
const FILES_FOLDER = 'files';

/** What a library takes on the disk. */
export interface LibraryStorage {
  readonly databaseBytes: number;
  readonly filesBytes: number;
  readonly fileCount: number;
  readonly conversationCount: number;
  readonly messageCount: number;
  /** Conversations in the bin. */
  readonly deletedCount: number;
}

/** What an import did, and its number, by which lists show what it brought. */
export interface StoredImport extends ImportReport {
  readonly importId: number;
  /** The first documents of the file, new here or not. */
  readonly touched: readonly TouchedDocument[];
}

/**
 * The conversations, projects and files of a person, in one folder: an SQLite database and files by their hash. All
 * work on one library goes through one of these.
 */
export class Library {
  readonly conversations: ConversationShelf;
  readonly folders: FolderShelf;
  readonly documents: DocumentShelf;
  readonly files: FileStore;
  readonly #database: Database;
  readonly #now: () => Date;
  readonly #gate = new FileGate();
  readonly #hold: ImportHold;
  /** Added for documents that are not saved yet; all of them are in the database. */
  readonly #expectedFiles = new Set<string>();
  #isImporting = false;

  /** @internal use `openLibrary` */
  constructor(database: Database, files: FileStore, hold: ImportHold, now: () => Date) {
    this.#database = database;
    this.#hold = hold;
    this.#now = now;
    this.files = files;
    const onSaved = (): Promise<void> => this.#expectNoSaved();
    this.conversations = new ConversationShelf(database, now, onSaved);
    this.folders = new FolderShelf(database);
    this.documents = new DocumentShelf(database, onSaved);
  }

  /**
   * Imports a file, an archive or a folder. All of it or, when it fails or is cancelled, nothing: what was read stays
   * unseen until the end. One import at a time (`import-running`).
   */
  importFile(path: string, options: ImportOptions = {}): Promise<LibraryResult<StoredImport>> {
    return asResult(async () => {
      const isRunning = (): never => {
        throw new LibraryError('import-running', 'Another import is running.', {
          retryable: true,
          suggestion: 'Wait until it has finished.',
        });
      };
      if (this.#isImporting) isRunning();
      this.#isImporting = true;
      try {
        return await this.#hold.during(() => this.#importAlone(path, options), isRunning);
      } finally {
        this.#isImporting = false;
      }
    });
  }

  async #importAlone(path: string, options: ImportOptions): Promise<StoredImport> {
    try {
      return await this.#gate.write(() => this.#import(path, options));
    } finally {
      // What the import replaced, or brought before it failed.
      await this.#removeUnusedFiles();
    }
  }

  async #import(path: string, options: ImportOptions): Promise<StoredImport> {
    const session = await ImportSession.begin(this.#database, this.files, basename(path), this.#now().toISOString());
    let isCommitted = false;
    try {
      const report = await importFile(path, session, options);
      if (!report.ok) {
        const { code, message, retryable, suggestion } = report.error;
        throw new LibraryError(code, message, suggestion === undefined ? { retryable } : { retryable, suggestion });
      }
      await session.commit(this.#now().toISOString());
      isCommitted = true;
      return { ...report.value, importId: session.id, touched: session.touched };
    } finally {
      if (!isCommitted) await session.undo();
    }
  }

  /**
   * Keeps the bytes of a file that a document is about to be saved with. When that never happens, `cleanUp` removes it
   * after the library was opened anew.
   */
  addFile(content: AsyncIterable<Uint8Array>): Promise<LibraryResult<StoredFile>> {
    return asResult(() =>
      this.#gate.write(async () => {
        const stored = await this.files.write(content);
        await this.#database
          .insertInto('files')
          .values({ sha256: stored.sha256, size_bytes: stored.sizeBytes })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        this.#expectedFiles.add(stored.sha256);
        return stored;
      }),
    );
  }

  /** Removes for good what lies in the bin since before a time, and the files only that needed. */
  emptyBin(deletedBefore: Date): Promise<LibraryResult<number>> {
    return asResult(async () => {
      const conversations = await this.conversations.purge(deletedBefore);
      if (!conversations.ok) throw new LibraryError(conversations.error.code, conversations.error.message);
      const documents = await this.documents.purge(deletedBefore);
      if (!documents.ok) throw new LibraryError(documents.error.code, documents.error.message);
      await this.cleanUp();
      return conversations.value + documents.value;
    });
  }

  search(query: string, options: SearchOptions): Promise<LibraryResult<SearchPage>> {
    return searchLibrary(this.#database, query, options);
  }

  storage(): Promise<LibraryResult<LibraryStorage>> {
    return asResult(async () => {
      const { rows } = await sql<{ databaseBytes: number }>`
        select page_count * page_size as databaseBytes from pragma_page_count(), pragma_page_size()
      `.execute(this.#database);
      const files = await this.#database
        .selectFrom('files')
        .select((row) => [row.fn.countAll<number>().as('count'), row.fn.sum<number | null>('size_bytes').as('bytes')])
        .executeTakeFirstOrThrow();
      const live = this.#database.selectFrom('conversations').where('state', '=', sql.lit('live'));
      const counted = await live
        .where('deleted_at', 'is', null)
        .select((row) => [
          row.fn.countAll<number>().as('count'),
          row.fn.sum<number | null>('message_count').as('messages'),
        ])
        .executeTakeFirstOrThrow();
      const deleted = await live
        .where('deleted_at', 'is not', null)
        .select((row) => row.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return {
        databaseBytes: rows[0]?.databaseBytes ?? 0,
        filesBytes: files.bytes ?? 0,
        fileCount: files.count,
        conversationCount: counted.count,
        messageCount: counted.messages ?? 0,
        deletedCount: deleted.count,
      };
    });
  }

  /**
   * Removes files that no document needs any more and tidies the search index, in small steps, for idle times. Does
   * nothing while an import runs. Returns the bytes of the files removed.
   */
  cleanUp(): Promise<LibraryResult<number>> {
    return asResult(async () => {
      if (this.#isImporting) return 0;
      await compactIndex(this.#database);
      // An import that has begun meanwhile ends with this itself; it may be long.
      if (this.#isImporting) return 0;
      return this.#hold.during(
        () => this.#removeUnusedFiles(),
        () => 0,
      );
    });
  }

  #removeUnusedFiles(): Promise<number> {
    return this.#gate.collect(async () => {
      await this.#expectNoSaved();
      return removeUnusedFiles(this.#database, this.files, this.#expectedFiles);
    });
  }

  /** Files a document was saved with go with the last one that needs them. */
  async #expectNoSaved(): Promise<void> {
    if (this.#expectedFiles.size === 0) return;
    const asked = [...this.#expectedFiles];
    const unused = await unusedAmong(this.#database, asked);
    for (const sha256 of asked) if (!unused.has(sha256)) this.#expectedFiles.delete(sha256);
  }

  /** Closes the database. Nothing of the library may be used afterwards. */
  async close(): Promise<void> {
    // The driver gives the file free only when its statements are collected; what is in the log must not wait for that.
    await sql`pragma wal_checkpoint(truncate)`.execute(this.#database);
    await this.#database.destroy();
  }
}

export interface OpenOptions {
  readonly now?: () => Date;
}

/**
 * Opens the library in a folder, or makes one. An import that a crash interrupted is undone first; one that another process
 * is at goes on.
 * Fails with `library-unwritable`, `library-newer` or `library-corrupt`; the files are then as they were.
 */
export async function openLibrary(folder: string, options: OpenOptions = {}): Promise<LibraryResult<Library>> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    return refuse('library-unwritable', `The folder of the library cannot be made: ${reasonOf(thrown)}.`, {
      suggestion: 'Choose another folder.',
    });
  }
  const opened = openDatabase(join(folder, DATABASE_FILE));
  if (!opened.ok) return opened;
  const files = new FileStore(join(folder, FILES_FOLDER));
  const hold = new ImportHold(folder);
  const prepared = await asResult(() =>
    hold.during(
      async () => {
        await files.prepare();
        await undoInterrupted(opened.value, files);
      },
      () => undefined,
    ),
  );
  if (!prepared.ok) {
    await opened.value.destroy();
    return prepared;
  }
  return { ok: true, value: new Library(opened.value, files, hold, options.now ?? (() => new Date())) };
}

async function undoInterrupted(database: Database, files: FileStore): Promise<void> {
  const running = await database.selectFrom('imports').select('id').where('state', '=', 'running').execute();
  if (running.length === 0) return;
  for (const { id } of running) await undoImport(database, id);
  await removeUnusedFiles(database, files);
  await removeStrayFiles(database, files);
}

function openDatabase(file: string): LibraryResult<Database> {
  let connection: DatabaseSyncInstance | null = null;
  try {
    connection = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    const version = databaseVersion(connection);
    if (version > latestVersion(MIGRATIONS)) {
      connection.close();
      return refuse(
        'library-newer',
        `The library was made by a newer version of this program (schema ${version}; this one knows ${latestVersion(MIGRATIONS)}). It was not changed.`,
        { suggestion: 'Install the newer version, or choose another folder.' },
      );
    }
    connection.exec('pragma journal_mode = wal');
    // Full: what an import reported as done survives a power cut.
    connection.exec('pragma synchronous = full');
    connection.exec(`pragma cache_size = -${CACHE_KIB}`);
    migrateLibrary(connection);
    connection.exec('begin immediate; commit');
    return { ok: true, value: new Kysely<LibraryTables>({ dialect: createSqliteDialect(connection, storageErrorOf) }) };
  } catch (thrown) {
    connection?.close();
    const known = storageErrorOf(thrown);
    if (known === null) throw thrown;
    if (known.failure.code === 'library-corrupt') {
      return refuse('library-corrupt', `The file ${file} is damaged or is not a library. It was not changed.`, {
        suggestion: 'Restore it from a copy, or choose another folder.',
      });
    }
    return refuse('library-unwritable', `The library ${file} cannot be opened for writing: ${known.message}`, {
      suggestion: 'Check that its folder exists, may be written and has free space.',
    });
  }
}
