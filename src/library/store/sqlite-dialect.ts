import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite';
import { SqliteDialect, type SqliteDatabase, type SqliteStatement } from 'kysely';
import { storageErrorOf } from './storage-error';

/** Prepared statements kept. Inserts of many rows differ by their number, so there are more texts than queries. */
const MAX_CACHED_STATEMENTS = 500;

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

/**
 * Kysely's SQLite dialect over the synchronous interface of @photostructure/sqlite. Kysely hands its one connection to
 * one query or transaction at a time. A transaction begins IMMEDIATE: what it reads cannot change before it writes.
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
      const statement = mapped(() => adaptStatement(database.prepare(sql === 'begin' ? 'begin immediate' : sql)));
      if (cached.size >= MAX_CACHED_STATEMENTS) cached.clear();
      cached.set(sql, statement);
      return statement;
    },
  };
  return new SqliteDialect({ database: adapter });
}
