import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { engineOf, IN_MEMORY, openDatabase } from '../storage/open-database';
import type { Database } from '../storage/database-schema';
import { refuse, type CoordinatorResult } from '../errors';

/** The file of a SQLite database with its whole path; null for one in memory or on a server. */
export function databasePath(location: string): string | null {
  return engineOf(location) === 'sqlite' && location !== IN_MEMORY ? resolve(location) : null;
}

/**
 * Opens a database somebody has used before, as `openDatabase` does. Fails with `database-missing` where that would make an
 * empty file: a command that was called in another folder looks into nothing then, and its answer is worth nothing.
 */
export async function openExistingDatabase(location: string): Promise<CoordinatorResult<Database>> {
  const path = databasePath(location);
  if (path !== null && !existsSync(path)) {
    return refuse('database-missing', `The database ${path} is not there.`, {
      suggestion: 'Name the configuration with --config, or the file with --database.',
    });
  }
  return openDatabase(location);
}
