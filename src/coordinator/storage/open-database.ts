import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { Kysely } from 'kysely';
import { success } from '../../protocol/result';
import { databaseVersion } from '../../storage/migrations';
import { createPostgresDialect } from '../../storage/postgres-dialect';
import { applySteps, type NewerSchema, type SchemaStep } from '../../storage/schema-steps';
import { sqlWords, type SqlEngine } from '../../storage/sql-words';
import { createSqliteDialect } from '../../storage/sqlite-dialect';
import { refuse, type CoordinatorResult } from '../errors';
import type { CoordinatorTables, Database } from './database-schema';
import { SCHEMA_STEPS } from './migrations';
import { storageErrorOf } from './storage-error';

/** A reader in another program may hold the file this long before we give up. */
const BUSY_TIMEOUT_MS = 2_000;
/** Transactions on PostgreSQL take turns; a turn is milliseconds, so a queue of this length means trouble. */
const LOCK_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections of one coordinator. Writes take turns anyway; reads are short. */
const MAX_CONNECTIONS = 10;

/** `user_version` of a file of the first release, whose steps were counted there. */
const FIRST_RELEASE = { version: 1, steps: [1] };
/** `user_version` of a file that keeps its steps in a table; makes the first release refuse it as too new. */
const STEPS_IN_TABLE = 1_000;

/** The location of a database that lasts as long as its process. */
export const IN_MEMORY = ':memory:';

/** Which engine a location names: a `postgresql://` address, or else a file (or `:memory:`). */
export function engineOf(location: string): SqlEngine {
  return /^postgres(?:ql)?:\/\//.test(location) ? 'postgres' : 'sqlite';
}

/** A location without the password in it, for messages and logs. */
export function describeLocation(location: string): string {
  if (engineOf(location) === 'sqlite') return location;
  try {
    const { host, pathname } = new URL(location);
    return `postgresql://${host}${pathname}`;
  } catch {
    return 'postgresql://';
  }
}

function newer(location: string, what: string): CoordinatorResult<never> {
  return refuse(
    'database-newer',
    `The database ${describeLocation(location)} was made by a newer version of this program (${what}). It was not changed.`,
    { suggestion: 'Install the newer version, or start with another database.' },
  );
}

/** Fails with `database-newer` when the database has seen steps this program does not know. */
async function upgrade(
  database: Database,
  location: string,
  adopted: readonly number[],
  steps: readonly SchemaStep[],
): Promise<CoordinatorResult<Database>> {
  const unknown: NewerSchema | null = await applySteps(
    database as unknown as Kysely<unknown>,
    sqlWords(engineOf(location)),
    steps,
    adopted,
  );
  if (unknown === null) return success(database);
  return newer(location, `step ${unknown.unknownSteps.join(', ')} of its schema is not known here`);
}

async function openFile(file: string, steps: readonly SchemaStep[]): Promise<CoordinatorResult<Database>> {
  const connection: DatabaseSyncInstance = new DatabaseSync(file, {
    timeout: BUSY_TIMEOUT_MS,
    enableForeignKeyConstraints: true,
  });
  try {
    const version = databaseVersion(connection);
    if (![0, FIRST_RELEASE.version, STEPS_IN_TABLE].includes(version)) {
      connection.close();
      return newer(file, `schema ${version}`);
    }
    connection.exec('pragma journal_mode = wal');
    // Full: a settled payment survives a power cut. Writes are few, so the extra flush costs little.
    connection.exec('pragma synchronous = full');
    const database = new Kysely<CoordinatorTables>({ dialect: createSqliteDialect(connection, storageErrorOf) });
    const adopted = version === FIRST_RELEASE.version ? FIRST_RELEASE.steps : [];
    const upgraded = await upgrade(database, file, adopted, steps);
    if (!upgraded.ok) {
      await database.destroy();
      return upgraded;
    }
    // Also takes the write lock once, which tells now, not at the first request, whether the file can be written.
    connection.exec(`begin immediate; pragma user_version = ${STEPS_IN_TABLE}; commit`);
    return upgraded;
  } catch (thrown) {
    if (connection.isOpen) connection.close();
    throw thrown;
  }
}

async function openServer(
  url: string,
  onIdleError: (thrown: unknown) => void,
  steps: readonly SchemaStep[],
): Promise<CoordinatorResult<Database>> {
  const dialect = createPostgresDialect(
    {
      url,
      maxConnections: MAX_CONNECTIONS,
      lockTimeoutMs: LOCK_TIMEOUT_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onIdleError,
    },
    storageErrorOf,
  );
  const database = new Kysely<CoordinatorTables>({ dialect });
  try {
    const upgraded = await upgrade(database, url, [], steps);
    if (!upgraded.ok) await database.destroy();
    return upgraded;
  } catch (thrown) {
    await database.destroy();
    throw thrown;
  }
}

/**
 * Opens the coordinator's database and brings its schema up to date.
 * Fails with `database-unwritable`, `database-newer` or `database-corrupt`; the database is then as it was.
 *
 * @param location - a SQLite file, `:memory:`, or a `postgresql://` address
 * @param steps - of the schema; fewer than all only to fill it as an older program left it
 * @param onIdleError - told when a connection breaks that nobody uses; the next use opens another
 */
export async function openDatabase(
  location: string,
  onIdleError: (thrown: unknown) => void = () => undefined,
  steps: readonly SchemaStep[] = SCHEMA_STEPS,
): Promise<CoordinatorResult<Database>> {
  const engine = engineOf(location);
  try {
    return engine === 'sqlite' ? await openFile(location, steps) : await openServer(location, onIdleError, steps);
  } catch (thrown) {
    const known = storageErrorOf(thrown);
    if (known === null) throw thrown;
    const where = describeLocation(location);
    if (known.failure.code === 'database-corrupt' && engine === 'sqlite') {
      return refuse('database-corrupt', `The file ${where} is damaged or is not a database. It was not changed.`, {
        suggestion: 'Restore it from a copy, or start with another database file.',
      });
    }
    return refuse('database-unwritable', `The database ${where} cannot be opened for writing: ${known.message}`, {
      suggestion:
        engine === 'sqlite'
          ? 'Check that its folder exists, may be written and has free space.'
          : 'Check the address, that the server runs, and that the user may create tables there.',
    });
  }
}
