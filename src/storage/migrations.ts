import type { DatabaseSyncInstance } from '@photostructure/sqlite';

/** One step of a schema. Never changed once released; the number of the last step done is the file's `user_version`. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The version a program with these steps writes. */
export function latestVersion(steps: readonly Migration[]): number {
  return steps.reduce((latest, step) => Math.max(latest, step.version), 0);
}

/** Version of an open file, 0 for a new one. */
export function databaseVersion(database: DatabaseSyncInstance): number {
  const row: unknown = database.prepare('pragma user_version').get();
  const version = typeof row === 'object' && row !== null && 'user_version' in row ? row.user_version : 0;
  return typeof version === 'number' ? version : 0;
}

/** Brings a file up to date, each step in a transaction of its own. */
export function migrate(database: DatabaseSyncInstance, steps: readonly Migration[]): void {
  for (const step of steps) {
    if (step.version <= databaseVersion(database)) continue;
    database.exec('begin immediate');
    try {
      database.exec(step.sql);
      database.exec(`pragma user_version = ${step.version}`);
      database.exec('commit');
    } catch (thrown) {
      // SQLite rolls back by itself when the disk is full.
      if (database.isTransaction) database.exec('rollback');
      throw thrown;
    }
  }
}
