import type { Database } from './database-schema';
import type { FileStore } from './file-store';

/** Files looked at in one step, so that other work gets its turn. */
const FILES_AT_ONCE = 500;

/** Removes files that no document needs any more. Returns the bytes freed. */
export async function removeUnusedFiles(database: Database, files: FileStore): Promise<number> {
  let freedBytes = 0;
  for (;;) {
    const unused = await database
      .selectFrom('files')
      .select(['sha256', 'size_bytes'])
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('attachments').select('sha256').whereRef('attachments.sha256', '=', 'files.sha256'))),
      )
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(selectFrom('document_files').select('sha256').whereRef('document_files.sha256', '=', 'files.sha256')),
        ),
      )
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
