import { mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { Kysely } from 'kysely';
import { failure, success } from '../protocol/result';
import { databaseVersion, latestVersion, migrate } from '../storage/migrations';
import { createSqliteDialect } from '../storage/sqlite-dialect';
import { MIGRATIONS, type RecordTables } from './database-schema';
import { recordsErrorOf, type RecordsErrorCode, type RecordsResult } from './errors';
import { LogStore } from './log-store';
import { MarkStore } from './mark-store';
import { NoticeStore } from './notice-store';
import { WorkStore } from './work-store';

const BUSY_TIMEOUT_MS = 2_000;

/** Statistics, event log and notices, in one file. */
export interface Records {
  readonly work: WorkStore;
  readonly log: LogStore;
  readonly notices: NoticeStore;
  readonly marks: MarkStore;
  close(): Promise<void>;
}

export interface OpenedRecords {
  readonly records: Records;
  /** Where a file that could not be read was put, or null. */
  readonly damagedFile: string | null;
}

/**
 * Opens the records, or begins new ones. A damaged file is set aside, since nothing but figures is in it; one of a newer
 * program is left alone (`records-newer`).
 */
export function openRecords(file: string, nowMs: number): RecordsResult<OpenedRecords> {
  const opened = openFile(file);
  if (opened.ok) return success({ records: opened.value, damagedFile: null });
  if (opened.error.code !== 'records-corrupt') return opened;
  const damagedFile = `${file}.damaged-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '-')}`;
  try {
    renameSync(file, damagedFile);
  } catch {
    return opened;
  }
  const anew = openFile(file);
  return anew.ok ? success({ records: anew.value, damagedFile }) : anew;
}

function openFile(file: string): RecordsResult<Records> {
  let connection: DatabaseSyncInstance | null = null;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    connection = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
    const version = databaseVersion(connection);
    if (version > latestVersion(MIGRATIONS)) {
      connection.close();
      return failure<RecordsErrorCode>(
        'records-newer',
        'Statistics and the event log were written by a newer version of this app. They were not changed.',
        { suggestion: 'Install the newer version to see them.' },
      );
    }
    connection.exec('pragma journal_mode = wal');
    // A power cut may cost the last minute; the app need not wait for the disk each time.
    connection.exec('pragma synchronous = normal');
    connection.exec('pragma cache_size = -2048');
    migrate(connection, MIGRATIONS);
    return success(recordsOf(connection));
  } catch (thrown) {
    connection?.close();
    const known = recordsErrorOf(thrown);
    if (known !== null) return { ok: false, error: known.failure };
    return failure<RecordsErrorCode>(
      'records-unwritable',
      `Statistics and the event log cannot be kept: ${thrown instanceof Error ? thrown.message : String(thrown)}.`,
      { suggestion: 'Check that the folder of the app may be written.' },
    );
  }
}

function recordsOf(connection: DatabaseSyncInstance): Records {
  const database = new Kysely<RecordTables>({ dialect: createSqliteDialect(connection, recordsErrorOf) });
  return {
    work: new WorkStore(database),
    log: new LogStore(database),
    notices: new NoticeStore(database),
    marks: new MarkStore(database),
    close: () => database.destroy(),
  };
}
