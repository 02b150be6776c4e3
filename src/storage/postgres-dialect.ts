import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import pg from 'pg';
import type { MapStorageError } from './sqlite-dialect';

/** Object ids of PostgreSQL's types (pg_type.dat). */
const TYPE_INT8 = 20;
const TYPE_NUMERIC = 1700;

/** First key of the advisory lock that stands for "writes in a transaction"; the second is the schema. */
const WRITER_LOCK = 0x746f7265;

/** What a pool is opened with. */
export interface PostgresSettings {
  /** `postgresql://user:password@host:port/database`, as libpq reads it. */
  readonly url: string;
  readonly maxConnections: number;
  /** A transaction waits this long for its turn. */
  readonly lockTimeoutMs: number;
  /** A connection has to come about in this time. */
  readonly connectTimeoutMs: number;
  /** Called when an idle connection breaks; the pool replaces it by itself. */
  readonly onIdleError: (thrown: unknown) => void;
}

/** Whole numbers arrive as text; beyond 2^53 they would silently become others. */
function readWholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the number ${text} of the database is too large`);
  return value;
}

function parserOf(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === TYPE_INT8) return readWholeNumber;
  if (oid === TYPE_NUMERIC) return Number;
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown;
}

class PostgresConnection implements DatabaseConnection {
  isBroken = false;

  constructor(
    readonly client: pg.PoolClient,
    private readonly mapError: MapStorageError,
  ) {}

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { command, rowCount, rows } = await this.guard(() =>
      this.client.query<Row & pg.QueryResultRow>(query.sql, [...query.parameters]),
    );
    const changes = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE';
    return changes && rowCount !== null ? { rows, numAffectedRows: BigInt(rowCount) } : { rows };
  }

  /** Several statements in one round trip, without parameters. */
  async run(statements: string): Promise<void> {
    await this.guard(() => this.client.query(statements));
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('rows are read in pages here, not streamed');
  }

  private async guard<Value>(run: () => Promise<Value>): Promise<Value> {
    try {
      return await run();
    } catch (thrown) {
      const known = this.mapError(thrown);
      if (known !== null) this.isBroken = true;
      throw known ?? thrown;
    }
  }
}

/**
 * Transactions take turns, as SQLite's IMMEDIATE ones do: each first takes one lock of the schema, across all
 * processes, and only then reads. What a transaction reads was therefore not read by another that has yet to write,
 * so nothing can be spent twice and no transaction has to be tried again. Statements outside a transaction do not wait.
 * A transaction that declares itself `read only` sees one moment and does not wait either.
 */
class PostgresDriver implements Driver {
  private pool: pg.Pool | null = null;
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly settings: PostgresSettings,
    private readonly mapError: MapStorageError,
  ) {
    this.free = settings.maxConnections;
  }

  init(): Promise<void> {
    this.pool = new pg.Pool({
      connectionString: this.settings.url,
      max: this.settings.maxConnections,
      connectionTimeoutMillis: this.settings.connectTimeoutMs,
      lock_timeout: this.settings.lockTimeoutMs,
      // A process that hangs inside a transaction must not hold the others up for ever.
      idle_in_transaction_session_timeout: 3 * this.settings.lockTimeoutMs,
      keepAlive: true,
      application_name: 'tore-coordinator',
      types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
    });
    this.pool.on('error', this.settings.onIdleError);
    return Promise.resolve();
  }

  async acquireConnection(): Promise<PostgresConnection> {
    await this.turn();
    try {
      if (this.pool === null) throw new Error('the database is closed');
      return new PostgresConnection(await this.pool.connect(), this.mapError);
    } catch (thrown) {
      this.pass();
      throw this.mapError(thrown) ?? thrown;
    }
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const begin =
      settings.accessMode === 'read only'
        ? 'begin isolation level repeatable read read only'
        : `begin; select pg_advisory_xact_lock(${WRITER_LOCK}, hashtext(current_schema()))`;
    await (connection as PostgresConnection).run(begin);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  /** What made the transaction fail counts; a rollback that fails too would hide it. The connection is not used again. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    const target = connection as PostgresConnection;
    try {
      await target.run('rollback');
    } catch {
      target.isBroken = true;
    }
  }

  releaseConnection(connection: DatabaseConnection): Promise<void> {
    const { client, isBroken } = connection as PostgresConnection;
    client.release(isBroken);
    this.pass();
    return Promise.resolve();
  }

  /**
   * Waits for a connection. The pool's own waiting counts against the time to connect, and a thousand requests at once
   * wait for their turn, not for a server that is away.
   */
  private turn(): Promise<void> {
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private pass(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free += 1;
    else next();
  }

  async destroy(): Promise<void> {
    const { pool } = this;
    this.pool = null;
    await pool?.end();
  }
}

/** Kysely's PostgreSQL dialect over `pg`, with transactions that take turns and whole numbers as in SQLite. */
export function createPostgresDialect(settings: PostgresSettings, mapError: MapStorageError): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(settings, mapError),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}
