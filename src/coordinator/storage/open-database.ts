import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { Kysely } from 'kysely';
import { success } from '../../protocol/result';
import { refuse, type CoordinatorResult } from '../errors';
import type { CoordinatorTables, Database } from './database-schema';
import { databaseVersion, latestVersion, migrate } from '../../storage/migrations';
import { createSqliteDialect } from '../../storage/sqlite-dialect';
import { MIGRATIONS } from './migrations';
import { storageErrorOf } from './storage-error';

/** A reader in another program may hold the file this long before we give up. */
const BUSY_TIMEOUT_MS = 2_000;

/**
 * Opens the coordinator's database and brings its schema up to date.
 * Fails with `database-unwritable`, `database-newer` or `database-corrupt`; the file is then as it was.
 */
export function openDatabase(file: string): CoordinatorResult<Database> {
  let connection: DatabaseSyncInstance | null = null;
  try {
    connection = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    const version = databaseVersion(connection);
    if (version > latestVersion(MIGRATIONS)) {
      connection.close();
      return refuse(
        'database-newer',
        `The database ${file} was made by a newer version of this program (schema ${version}; this one knows ${latestVersion(MIGRATIONS)}). It was not changed.`,
        { suggestion: 'Install the newer version, or start with another database file.' },
      );
    }
    connection.exec('pragma journal_mode = wal');
    // Full: a settled payment survives a power cut. Writes are few, so the extra flush costs little.
    connection.exec('pragma synchronous = full');
    migrate(connection, MIGRATIONS);
    // Taking the write lock once tells now, not at the first request, whether the file can be written.
    connection.exec('begin immediate; commit');
    return success(new Kysely<CoordinatorTables>({ dialect: createSqliteDialect(connection, storageErrorOf) }));
  } catch (thrown) {
    connection?.close();
    const known = storageErrorOf(thrown);
    if (known === null) throw thrown;
    if (known.failure.code === 'database-corrupt') {
      return refuse('database-corrupt', `The file ${file} is damaged or is not a database. It was not changed.`, {
        suggestion: 'Restore it from a copy, or start with another database file.',
      });
    }
    return refuse('database-unwritable', `The database ${file} cannot be opened for writing: ${known.message}`, {
      suggestion: 'Check that its folder exists, may be written and has free space.',
    });
  }
}
