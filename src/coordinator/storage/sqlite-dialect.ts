import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { storageErrorOf } from './storage-error';

/** Prepared statements kept; the coordinator has fewer distinct ones, so all stay prepared. */
const MAX_CACHED_STATEMENTS = 300;

/** The part of a statement the adapter needs. */
type Statement = Pick<StatementSyncInstance, 'all' | 'run' | 'iterate' | 'columns'>;

function mapped<Value>(run: () => Value): Value {
  try {
    return run();
  } catch (thrown) {
    throw storageErrorOf(thrown) ?? thrown;
  }
}

function adaptStatement(statement: Statement): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => mapped(() => statement.all(...parameters)),
    run: (parameters) => mapped(() => statement.run(...parameters)),
    iterate: (parameters) => mapped(() => statement.iterate(...parameters)),
  };
}

/** SQLite rolls back by itself when the disk is full; a second rollback would hide that behind an error of its own. */
function rollbackStatement(database: DatabaseSyncInstance): SqliteStatement {
  return {
    reader: false,
    all: () => [],
    run: () => {
      if (database.isTransaction) mapped(() => database.exec('rollback'));
      return { changes: 0, lastInsertRowid: 0 };
    },
    iterate: () => [].values(),
  };
}

/**
 * Kysely's SQLite dialect over the synchronous API of node:sqlite, which @photostructure/sqlite mirrors. A transaction
 * begins IMMEDIATE: it takes the write lock first, so a balance it reads cannot change before it writes.
 */
export function createSqliteDialect(database: DatabaseSyncInstance): SqliteDialect {
  const cached = new Map<string, SqliteStatement>();
  const adapter: SqliteDatabase = {
    close: () => {
      cached.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = cached.get(sql);
      if (known !== undefined) return known;
      if (sql === 'rollback') return rollbackStatement(database);
      const statement = mapped(() => adaptStatement(database.prepare(sql === 'begin' ? 'begin immediate' : sql)));
      if (cached.size >= MAX_CACHED_STATEMENTS) cached.clear();
      cached.set(sql, statement);
      return statement;
    },
  };
  return new SqliteDialect({ database: adapter });
}
