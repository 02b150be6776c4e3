import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';

/** Prepared statements kept. Inserts of many rows differ by their number, so there are more texts than queries. */
const MAX_CACHED_STATEMENTS = 500;

/** Turns an error of SQLite into the room's own, or gives null when it is a bug (a broken constraint, wrong SQL). */
export type MapStorageError = (thrown: unknown) => Error | null;

type Guard = <Value>(run: () => Value) => Value;

/** The part of a statement the adapter needs. */
type Statement = Pick<StatementSyncInstance, 'all' | 'run' | 'iterate' | 'columns' | 'setReturnArrays'>;

type Row = Record<string, unknown>;

/**
 * Gives the rows of a statement names. SQLite hands them over as arrays, because a property set from native code costs
 * several times as much as one set here, and that is most of the time of reading a whole table.
 */
function rowNamer(statement: Statement): (values: readonly unknown[]) => Row {
  const namesOf = (): string[] => statement.columns().map(({ name }) => name);
  let names = namesOf();
  return (values) => {
    // A table that got another column meanwhile: SQLite prepares `select *` anew by itself.
    if (values.length !== names.length) names = namesOf();
    const row: Row = {};
    for (let index = 0; index < names.length; index += 1) row[names[index] ?? ''] = values[index];
    return row;
  };
}

function* named(rows: Iterable<unknown[]>, nameRow: (values: readonly unknown[]) => Row): IterableIterator<Row> {
  for (const values of rows) yield nameRow(values);
}

function guardWith(mapError: MapStorageError): Guard {
  return (run) => {
    try {
      return run();
    } catch (thrown) {
      throw mapError(thrown) ?? thrown;
    }
  };
}

function adaptStatement(statement: Statement, guard: Guard): SqliteStatement {
  const isReader = statement.columns().length > 0;
  if (isReader) statement.setReturnArrays(true);
  const nameRow = rowNamer(statement);
  return {
    reader: isReader,
    all: (parameters) => guard(() => (statement.all(...parameters) as unknown[][]).map(nameRow)),
    run: (parameters) => guard(() => statement.run(...parameters)),
    iterate: (parameters) =>
      guard(() => named(statement.iterate(...parameters) as IterableIterator<unknown[]>, nameRow)),
  };
}

/** SQLite rolls back by itself when the disk is full; a second rollback would hide that behind an error of its own. */
function rollbackStatement(database: DatabaseSyncInstance, guard: Guard): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    run: () => {
      if (database.isTransaction) guard(() => database.exec('rollback'));
      return { changes: 0, lastInsertRowid: 0 };
    },
    iterate: () => [].values(),
  };
}

/**
 * Kysely's SQLite dialect over the synchronous API of node:sqlite, which @photostructure/sqlite mirrors. A transaction
 * begins IMMEDIATE: it takes the write lock first, so what it reads cannot change before it writes.
 */
export function createSqliteDialect(database: DatabaseSyncInstance, mapError: MapStorageError): SqliteDialect {
  const guard = guardWith(mapError);
  const cached = new Map<string, SqliteStatement>();
  const adapter: SqliteDatabase = {
    close: () => {
      cached.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = cached.get(sql);
      if (known !== undefined) return known;
      if (sql === 'rollback') return rollbackStatement(database, guard);
      const statement = guard(() => adaptStatement(database.prepare(sql === 'begin' ? 'begin immediate' : sql), guard));
      if (cached.size >= MAX_CACHED_STATEMENTS) cached.clear();
      cached.set(sql, statement);
      return statement;
    },
  };
  return new SqliteDialect({ database: adapter });
}
