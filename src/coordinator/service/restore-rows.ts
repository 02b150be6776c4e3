import { sql, type Transaction } from 'kysely';
import type { SqlEngine } from '../../storage/sql-words';

/** Values one statement may carry: SQLite takes 32766 parameters. */
const MAX_PARAMETERS = 30_000;

function readBack(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$bytes' in value)) return value;
  return Buffer.from(String(value.$bytes), 'base64');
}

/** Inserts rows given as arrays in the order of `columns`, and moves the counter of a counted key past them. */
export async function copyRows(
  transaction: Transaction<Record<string, Record<string, unknown>>>,
  engine: SqlEngine,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
): Promise<void> {
  const perStatement = Math.max(1, Math.floor(MAX_PARAMETERS / Math.max(1, columns.length)));
  for (let start = 0; start < rows.length; start += perStatement) {
    const values = rows
      .slice(start, start + perStatement)
      .map((row) => Object.fromEntries(columns.map((column, index) => [column, readBack(row[index])])));
    await transaction.insertInto(table).values(values).execute();
  }
  if (engine === 'sqlite') return;
  const counted = await sql<{ column: string }>`
    select column_name as column from information_schema.columns
    where table_schema = current_schema() and table_name = ${table} and is_identity = 'YES'`.execute(transaction);
  for (const { column } of counted.rows) {
    await sql`select setval(pg_get_serial_sequence(${table}, ${column}), max(${sql.ref(column)})) from ${sql.table(table)}`.execute(
      transaction,
    );
  }
}
