import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { sql, type Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applySteps, type SchemaStep } from '../../storage/schema-steps';
import { sqlWords } from '../../storage/sql-words';
import { freshLocation, testEngine, type TestLocation } from '../testing/test-database';
import type { Database } from './database-schema';
import { describeLocation, openDatabase } from './open-database';
import { CORE_STEPS } from './steps/core-steps';

let folder = '';
let place: TestLocation;
const open: Database[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-database-'));
  place = await freshLocation();
  if (testEngine() === 'sqlite') place = { ...place, location: join(folder, 'c.db') };
});
afterEach(async () => {
  for (const database of open.splice(0)) await database.destroy();
  await place.drop();
  await rm(folder, { recursive: true, force: true });
});

async function connect(): Promise<Database> {
  const opened = await openDatabase(place.location);
  if (!opened.ok) throw new Error(opened.error.message);
  open.push(opened.value);
  return opened.value;
}

const untyped = (database: Database): Kysely<unknown> => database as unknown as Kysely<unknown>;

async function stepNumbers(database: Database): Promise<number[]> {
  const { rows } = await sql<{ number: number }>`select number from schema_steps order by number`.execute(database);
  return rows.map((row) => row.number);
}

describe('the schema', () => {
  it('is made once, however many open it at the same time', async () => {
    // Processes wait for each other on either engine; within one process a wait for a file would block its own end.
    const databases =
      testEngine() === 'sqlite'
        ? [await connect(), await connect()]
        : await Promise.all([connect(), connect(), connect()]);
    for (const database of databases) expect(await stepNumbers(database)).toContain(1);
  });

  it('takes a step up that was added late, and refuses one it does not know', async () => {
    const database = await connect();
    const step = (number: number): SchemaStep => ({
      number,
      name: `step ${number}`,
      statements: ({ integer, table }) => [table(`extra_${number}`, `id ${integer} primary key`)],
    });
    const words = sqlWords(testEngine());
    const known = (await stepNumbers(database)).map((number): SchemaStep => ({
      number,
      name: 'known',
      statements: () => ['this is never run'],
    }));
    expect(await applySteps(untyped(database), words, [...known, step(901)])).toBeNull();
    expect(await applySteps(untyped(database), words, [...known, step(901), step(900)])).toBeNull();
    expect((await stepNumbers(database)).slice(-2)).toEqual([900, 901]);
    expect(await applySteps(untyped(database), words, [...known, step(901)])).toEqual({ unknownSteps: [900] });
    expect(await openDatabase(place.location)).toMatchObject({ ok: false, error: { code: 'database-newer' } });
  });

  it('undoes a step of which a statement fails', async () => {
    const database = await connect();
    const known = (await stepNumbers(database)).map((number): SchemaStep => ({
      number,
      name: 'known',
      statements: () => [],
    }));
    const broken: SchemaStep = {
      number: 900,
      name: 'broken',
      statements: ({ integer, table }) => [
        table('half', `id ${integer} primary key`),
        'insert into nowhere values (1)',
      ],
    };
    await expect(applySteps(untyped(database), sqlWords(testEngine()), [...known, broken])).rejects.toThrow('nowhere');
    await expect(sql`select * from half`.execute(database)).rejects.toThrow('half');
    expect(await stepNumbers(database)).not.toContain(900);
  });

  it.runIf(testEngine() === 'sqlite')('adopts a file of the first release', async () => {
    const file = new DatabaseSync(place.location);
    for (const statement of CORE_STEPS[0]?.statements(sqlWords('sqlite')) ?? []) file.exec(statement);
    file.exec(`insert into meta values ('coordinator_id', 'kept'); pragma user_version = 1`);
    file.close();
    const database = await connect();
    expect(await database.selectFrom('meta').selectAll().execute()).toEqual([{ key: 'coordinator_id', value: 'kept' }]);
    expect(await stepNumbers(database)).toContain(1);
  });
});

describe('what is stored', () => {
  it('keeps whole numbers up to 2^53 and floating point numbers exactly', async () => {
    const database = await connect();
    await sql`insert into nodes (id, public_key, hardware_json, hardware_class, multiplier, status, reliability,
      max_gpu_utilization, protocol_version, registered_at, last_seen, hardware_changes)
      values ('a', 'a', '{}', 'x', ${0.1 + 0.2}, 'active', 1, ${1.2345678912345679e28}, '0.1', '', '', ${Number.MAX_SAFE_INTEGER})`.execute(
      database,
    );
    expect(await database.selectFrom('nodes').selectAll().executeTakeFirstOrThrow()).toMatchObject({
      multiplier: 0.1 + 0.2,
      max_gpu_utilization: 1.2345678912345679e28,
      hardware_changes: Number.MAX_SAFE_INTEGER,
    });
    const { rows } = await sql<{ sum: number; count: number }>`
      select sum(hardware_changes) as sum, count(*) as count from nodes`.execute(database);
    expect(rows).toEqual([{ sum: Number.MAX_SAFE_INTEGER, count: 1 }]);
  });

  it('never turns a larger number into another one', async () => {
    const database = await connect();
    await sql`insert into ledger_head values (1, 9007199254740993, '', 0)`.execute(database);
    await expect(database.selectFrom('ledger_head').selectAll().execute()).rejects.toThrow('9007199254740993');
  });
});

describe('transactions', () => {
  it('take turns, across connections too, so that what is read stays true until it is written', async () => {
    const databases = testEngine() === 'sqlite' ? [await connect()] : [await connect(), await connect()];
    await sql`insert into ledger_head values (1, 0, '', 10)`.execute(databases[0] as Database);
    const spend = (database: Database): Promise<boolean> =>
      database.transaction().execute(async (transaction) => {
        const head = await transaction.selectFrom('ledger_head').selectAll().executeTakeFirstOrThrow();
        await new Promise((resolve) => setImmediate(resolve));
        if (head.supply_micro_gft === 0) return false;
        await transaction
          .updateTable('ledger_head')
          .set({ supply_micro_gft: head.supply_micro_gft - 1, entries: head.entries + 1 })
          .execute();
        return true;
      });
    const spent = await Promise.all(
      Array.from({ length: 60 }, (_, index) => spend(databases[index % databases.length] as Database)),
    );
    expect(spent.filter((success) => success)).toHaveLength(10);
    expect(await databases[0]?.selectFrom('ledger_head').selectAll().executeTakeFirst()).toMatchObject({
      entries: 10,
      supply_micro_gft: 0,
    });
  });
});

describe('a location', () => {
  it('is described without its password', () => {
    expect(describeLocation('postgresql://tore:secret@db.example:5432/tore')).toBe('postgresql://db.example:5432/tore');
    expect(describeLocation('/var/lib/tore/c.db')).toBe('/var/lib/tore/c.db');
  });

  it('that cannot be reached is refused with a reason and without the password', async () => {
    const refused = await openDatabase('postgresql://tore:secret@127.0.0.1:1/tore');
    expect(refused).toMatchObject({
      ok: false,
      error: { code: 'database-unwritable', message: expect.stringContaining('127.0.0.1:1/tore') as string },
    });
    expect(JSON.stringify(refused)).not.toContain('secret');
  });
});
