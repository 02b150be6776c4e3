import { sql, type SelectQueryBuilder } from 'kysely';
import type { Database, LibraryTables } from './database-schema';
import type { FileStore } from './file-store';

/** Files looked at in one step, so that other work gets its turn. */
const FILES_AT_ONCE = 500;

function selectUnused(database: Database): SelectQueryBuilder<LibraryTables, 'files', object> {
  return database
    .selectFrom('files')
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('attachments').select('sha256').whereRef('attachments.sha256', '=', 'files.sha256'))),
    )
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('document_files').select('sha256').whereRef('document_files.sha256', '=', 'files.sha256'))),
    );
}

/** Of some files those that no document needs yet. */
export async function unusedAmong(database: Database, hashes: readonly string[]): Promise<Set<string>> {
  const rows = await selectUnused(database)
    .select('sha256')
    .where(sql<boolean>`sha256 in (select value from json_each(${JSON.stringify(hashes)}))`)
    .execute();
  return new Set(rows.map(({ sha256 }) => sha256));
}

/**
 * Removes files that no document needs any more, but for those a document is about to be saved with. Returns the bytes
 * freed. Nothing may write files meanwhile.
 */
export async function removeUnusedFiles(
  database: Database,
  files: FileStore,
  expected: ReadonlySet<string> = new Set(),
): Promise<number> {
  let freedBytes = 0;
  for (;;) {
    const unused = await selectUnused(database)
      .select(['sha256', 'size_bytes'])
      .where(sql<boolean>`sha256 not in (select value from json_each(${JSON.stringify([...expected])}))`)
      .limit(FILES_AT_ONCE)
      .execute();
    if (unused.length === 0) return freedBytes;
    const hashes = unused.map(({ sha256 }) => sha256);
    await database.deleteFrom('files').where('sha256', 'in', hashes).execute();
    for (const { sha256, size_bytes: sizeBytes } of unused) {
      await files.remove(sha256);
      freedBytes += sizeBytes;
    }
  }
}

/** Removes files a crash left in the folder without an entry in the database. */
export async function removeStrayFiles(database: Database, files: FileStore): Promise<void> {
  for await (const { sha256 } of files.list()) {
    const known = await database.selectFrom('files').select('sha256').where('sha256', '=', sha256).executeTakeFirst();
    if (known === undefined) await files.remove(sha256);
  }
}
