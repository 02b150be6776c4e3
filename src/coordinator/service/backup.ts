import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { sql, type Kysely, type Transaction } from 'kysely';
import { success } from '../../protocol/result';
import { sqlWords, type SqlEngine } from '../../storage/sql-words';
import { COORDINATOR_VERSION } from '../version';
import type { Database } from '../storage/database-schema';
import { SCHEMA_STEPS } from '../storage/migrations';
import { engineOf, IN_MEMORY, openDatabase } from '../storage/open-database';
import { refuse, type CoordinatorFailure, type CoordinatorResult } from '../errors';
import { openExistingDatabase } from './existing-database';
import { copyRows } from './restore-rows';
import { readKeyFile, writeSigningKey, type SigningKeyPlace } from './signing-key';

/*
 * A backup is a gzip file of JSON lines, independent of the engine: a header, the key that signs the ledger (PEM) if there
 * is one, then for every table a line with its name
 * and one line per row (an array, in the order of the columns; bytes as {"$bytes": base64}), then an end with the number
 * of rows and the SHA-256 of everything before it. It is one moment of the database, taken while the coordinator runs.
 */
const FORMAT = 'tore-coordinator-backup/1';
/** Rows read at once. */
const PAGE_ROWS = 1_000;
/** A row holds at most one model manifest or discovery record. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** The record of what was done to the schema; the header has it. */
const STEP_TABLE = 'schema_steps';

export interface BackupSummary {
  readonly rows: number;
  readonly tables: number;
  /** Whether the key that signs the ledger is in the backup. */
  readonly hasSigningKey: boolean;
  /** Why the key is not in the backup although there is one. */
  readonly keyFailure?: CoordinatorFailure;
}

type Row = Record<string, unknown>;
type Untyped = Kysely<Record<string, Row>>;
/** What is read from, and which engine it is. */
interface Source {
  readonly engine: SqlEngine;
  readonly database: Untyped;
}

/** Tables in the order in which the steps make them: what a row refers to comes before it. */
export function tablesInOrder(): string[] {
  const statements = SCHEMA_STEPS.toSorted((left, right) => left.number - right.number).flatMap((step) =>
    step.statements(sqlWords('sqlite')),
  );
  return statements.flatMap((statement) => {
    const name = /^\s*create\s+table\s+(\w+)/i.exec(statement)?.[1];
    return name === undefined ? [] : [name];
  });
}

function written(value: unknown): unknown {
  return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString('base64') } : value;
}

async function* rowsOf(source: Source, table: string, columns: readonly string[]): AsyncGenerator<unknown[]> {
  const key = await keyOf(source, table, columns);
  let last: unknown[] | null = null;
  for (;;) {
    let query = source.database.selectFrom(table).selectAll().limit(PAGE_ROWS);
    for (const column of key) query = query.orderBy(column);
    const after: readonly unknown[] | null = last;
    if (after !== null) {
      const left = sql.join(key.map((column) => sql.ref(column)));
      query = query.where(sql<boolean>`(${left}) > (${sql.join(after)})`);
    }
    const rows = await query.execute();
    for (const row of rows) yield columns.map((column) => row[column]);
    const end = rows.at(-1);
    if (rows.length < PAGE_ROWS || end === undefined) return;
    last = key.map((column) => end[column]);
  }
}

/** Columns that tell rows apart: the primary key, from the engine's own catalogue. */
async function keyOf({ engine, database }: Source, table: string, columns: readonly string[]): Promise<string[]> {
  const query =
    engine === 'sqlite'
      ? sql<{ name: string }>`select name from pragma_table_info(${table}) where pk > 0 order by pk`
      : sql<{ name: string }>`
          select a.attname as name from pg_index i
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
          where i.indisprimary and i.indrelid = ${table}::regclass
          order by array_position(i.indkey::int2[], a.attnum)`;
  const found = await query.execute(database);
  return found.rows.length > 0 ? found.rows.map((row) => row.name) : [...columns];
}

async function columnsOf({ engine, database }: Source, table: string): Promise<string[]> {
  const query =
    engine === 'sqlite'
      ? sql<{ name: string }>`select name from pragma_table_info(${table}) order by cid`
      : sql<{ name: string }>`
          select column_name as name from information_schema.columns
          where table_schema = current_schema() and table_name = ${table} order by ordinal_position`;
  return (await query.execute(database)).rows.map((row) => row.name);
}

async function* backupLines(source: Source, signingKey: string | null): AsyncGenerator<string> {
  const hash = createHash('sha256');
  let rows = 0;
  const line = (value: unknown): string => {
    const text = `${JSON.stringify(value)}\n`;
    hash.update(text);
    return text;
  };
  const steps = await source.database.selectFrom(STEP_TABLE).select('number').orderBy('number').execute();
  yield line({
    format: FORMAT,
    made_by: COORDINATOR_VERSION,
    made_at: new Date().toISOString(),
    steps: steps.map((step) => step['number']),
  });
  if (signingKey !== null) yield line({ signing_key: signingKey });
  for (const table of tablesInOrder()) {
    const columns = await columnsOf(source, table);
    if (columns.length === 0) continue;
    yield line({ table, columns });
    for await (const row of rowsOf(source, table, columns)) {
      rows += 1;
      yield line(row.map(written));
    }
  }
  yield `${JSON.stringify({ end: true, rows, sha256: hash.digest('hex') })}\n`;
}

/**
 * Writes everything in a database to a file, as of one moment; the coordinator may go on meanwhile. The file appears
 * when it is whole. A key that cannot be read is left out, and the summary says why. Fails with the codes of
 * `openExistingDatabase`, or `storage-failed` when the file cannot be written.
 */
export async function backUp(
  location: string,
  file: string,
  keyPlace: SigningKeyPlace = null,
): Promise<CoordinatorResult<BackupSummary>> {
  const key = keyPlace === null ? success(null) : await readKeyFile(keyPlace);
  const signingKey = key.ok ? (key.value?.pem ?? null) : null;
  const opened = await openExistingDatabase(location);
  if (!opened.ok) return opened;
  const engine = engineOf(location);
  const partial = `${file}.partial`;
  const counts = { rows: 0, tables: 0, hasSigningKey: signingKey !== null };
  try {
    await opened.value
      .transaction()
      .setAccessMode('read only')
      .execute(async (transaction) => {
        const counted = async function* (): AsyncGenerator<string> {
          for await (const line of backupLines({ engine, database: transaction as unknown as Untyped }, signingKey)) {
            if (line.startsWith('[')) counts.rows += 1;
            if (line.startsWith('{"table"')) counts.tables += 1;
            yield line;
          }
        };
        await pipeline(
          Readable.from(counted()),
          createGzip(),
          createWriteStream(partial, { flags: 'wx', mode: 0o600 }),
        );
      });
    await rename(partial, file);
    return success(key.ok ? counts : { ...counts, keyFailure: key.error });
  } catch (thrown) {
    await rm(partial, { force: true });
    if (thrown instanceof Error && 'syscall' in thrown) {
      return refuse('storage-failed', `The backup ${file} cannot be written: ${thrown.message}`);
    }
    throw thrown;
  } finally {
    await opened.value.destroy();
  }
}

interface Header {
  readonly format: string;
  readonly steps: readonly number[];
}

function isHeader(value: unknown): value is Header {
  return (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    value.format === FORMAT &&
    'steps' in value &&
    Array.isArray(value.steps)
  );
}

/** Lines of a gzip file, not one of which is longer than a row can be. Fails with BackupError. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  const text = createGunzip().setEncoding('utf8');
  input.on('error', (error) => text.destroy(error));
  input.pipe(text);
  let rest = '';
  try {
    for await (const chunk of text) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES) throw new BackupError('a row is too large');
      yield* lines;
    }
  } catch (thrown) {
    throw thrown instanceof BackupError ? thrown : new BackupError('it is not a whole gzip file');
  } finally {
    input.destroy();
  }
}

class BackupError extends Error {
  override readonly name = 'BackupError';
}

async function isEmpty(database: Database): Promise<boolean> {
  for (const table of tablesInOrder()) {
    const row = await (database as unknown as Untyped).selectFrom(table).selectAll().limit(1).executeTakeFirst();
    if (row !== undefined) return false;
  }
  return true;
}

interface Filled extends Omit<BackupSummary, 'hasSigningKey'> {
  readonly signingKey: string | null;
}

async function fill(transaction: Transaction<Record<string, Row>>, engine: SqlEngine, file: string): Promise<Filled> {
  const hash = createHash('sha256');
  const known = new Set(tablesInOrder());
  let target: { table: string; columns: string[] } | null = null;
  let waiting: unknown[][] = [];
  let rows = 0;
  let tables = 0;
  let signingKey: string | null = null;
  let isWhole = false;
  const flush = async (): Promise<void> => {
    if (target !== null && waiting.length > 0)
      await copyRows(transaction, engine, target.table, target.columns, waiting);
    waiting = [];
  };
  for await (const line of linesOf(file)) {
    const value: unknown = JSON.parse(line);
    if (Array.isArray(value)) {
      waiting.push(value);
      rows += 1;
      if (waiting.length >= PAGE_ROWS) await flush();
    } else if (typeof value === 'object' && value !== null && 'signing_key' in value) {
      signingKey = String(value.signing_key);
    } else if (typeof value === 'object' && value !== null && 'table' in value && 'columns' in value) {
      await flush();
      const next = value as { table: string; columns: string[] };
      if (!known.has(next.table)) throw new BackupError(`there is no table ${next.table}`);
      target = next;
      tables += 1;
    } else if (typeof value === 'object' && value !== null && 'end' in value) {
      const end = value as { rows?: unknown; sha256?: unknown };
      if (end.rows !== rows || end.sha256 !== hash.digest('hex'))
        throw new BackupError('it was changed after it was made');
      isWhole = true;
      break;
    }
    hash.update(`${line}\n`);
  }
  if (!isWhole) throw new BackupError('its end is missing');
  await flush();
  return { rows, tables, signingKey };
}

async function readHeader(file: string): Promise<Header | null> {
  for await (const line of linesOf(file)) {
    const value: unknown = JSON.parse(line);
    return isHeader(value) ? value : null;
  }
  return null;
}

/**
 * Fills an empty database from a backup, all or nothing, and writes the signing key of the backup to its place unless a
 * key is there already. Fails with `backup-invalid` when the file is damaged, foreign or
 * newer than this program, with `database-in-use` when the database is not empty, and with the codes of `openDatabase`.
 */
export async function restore(
  location: string,
  file: string,
  keyPlace: SigningKeyPlace = null,
): Promise<CoordinatorResult<BackupSummary>> {
  const damaged = (why: string): ReturnType<typeof refuse> =>
    refuse('backup-invalid', `The backup ${file} cannot be used: ${why}. The database was not changed.`);
  let header: Header | null;
  try {
    header = await readHeader(file);
  } catch {
    return damaged('it cannot be read');
  }
  if (header === null) return damaged('it is not a backup of a coordinator');
  const known = SCHEMA_STEPS.map((step) => step.number);
  if (header.steps.some((step) => !known.includes(step))) return damaged('a newer version of this program made it');
  const steps = header.steps;
  const opened = await openDatabase(
    location,
    undefined,
    SCHEMA_STEPS.filter((step) => steps.includes(step.number)),
  );
  if (!opened.ok) return opened;
  try {
    if (!(await isEmpty(opened.value))) {
      return refuse('database-in-use', 'The database holds data already; a backup is restored into an empty one.', {
        suggestion: 'Name a new file or a new PostgreSQL database.',
      });
    }
    const filled = await (opened.value as unknown as Untyped)
      .transaction()
      .execute((transaction) => fill(transaction, engineOf(location), file));
    // What the backup's program did not know yet is done now, on the restored rows.
    const upgraded = await openDatabase(location);
    if (!upgraded.ok) return upgraded;
    if (location !== IN_MEMORY) await upgraded.value.destroy();
    const { signingKey, ...counts } = filled;
    const kept = signingKey === null || keyPlace === null ? null : await writeSigningKey(keyPlace, signingKey);
    if (kept?.ok === false) return kept;
    return success({ ...counts, hasSigningKey: signingKey !== null });
  } catch (thrown) {
    if (thrown instanceof BackupError) return damaged(thrown.message);
    if (thrown instanceof SyntaxError) return damaged('a line is not JSON');
    throw thrown;
  } finally {
    await opened.value.destroy();
  }
}
