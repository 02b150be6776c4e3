import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { sql } from 'kysely';
import pg from 'pg';
import { inject } from 'vitest';
import type { SqlEngine } from '../../storage/sql-words';
import type { Database } from '../storage/database-schema';
import { openDatabase } from '../storage/open-database';
import './test-context';

/** A database nobody else uses. */
export interface TestLocation {
  /** As `openDatabase` takes it. */
  readonly location: string;
  /** As options of a coordinator. */
  readonly options: { readonly databaseFile: string } | { readonly databaseUrl: string };
  drop(): Promise<void>;
}

async function postgresUrl(): Promise<string> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(inject('postgresBroker'));
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('utf8');
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });
  const answer = JSON.parse(text) as { url?: string; problem?: string };
  if (answer.url === undefined) throw new Error(answer.problem);
  return answer.url;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The engine the tests of this project run on (vitest.config.ts). */
export function testEngine(): SqlEngine {
  return inject('engine');
}

/** An empty database: in memory, or a schema of its own on the test run's PostgreSQL server. */
export async function freshLocation(): Promise<TestLocation> {
  if (testEngine() === 'sqlite') {
    return { location: ':memory:', options: { databaseFile: ':memory:' }, drop: () => Promise.resolve() };
  }
  const url = await postgresUrl();
  const schema = `test_${randomUUID().replaceAll('-', '')}`;
  await execute(url, `create schema ${schema}`);
  const location = `${url}&options=${encodeURIComponent(`-c search_path=${schema}`)}`;
  return {
    location,
    options: { databaseUrl: location },
    drop: () => execute(url, `drop schema ${schema} cascade`),
  };
}

/** A fresh database, open and with its schema. `close` removes it. */
export async function openTestDatabase(): Promise<{ database: Database; close(): Promise<void> }> {
  const target = await freshLocation();
  const opened = await openDatabase(target.location);
  if (!opened.ok) throw new Error(opened.error.message);
  const database = opened.value;
  return {
    database,
    close: async () => {
      await database.destroy();
      await target.drop();
    },
  };
}

/** Takes one of a table's triggers away, to see what happens behind its back. */
export async function dropTrigger(database: Database, trigger: string, table: string): Promise<void> {
  const where = testEngine() === 'sqlite' ? '' : ` on ${table}`;
  await sql.raw(`drop trigger ${trigger}${where}`).execute(database);
}
