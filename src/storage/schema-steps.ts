import { sql, type Kysely, type Transaction } from 'kysely';
import type { SqlWords } from './sql-words';

/** One step of a schema that runs on both engines. Never changed once released. */
export interface SchemaStep {
  /** Steps run in the order of their numbers; a number is given once and may leave a gap. */
  readonly number: number;
  readonly name: string;
  /** One statement per element. */
  statements(words: SqlWords): readonly string[];
}

/** The table in which a database keeps what was done to it. */
interface StepTables {
  schema_steps: { number: number; name: string; applied_at: string };
}

/** A database holds steps this program does not know. */
export interface NewerSchema {
  readonly unknownSteps: readonly number[];
}

async function prepare(transaction: Transaction<StepTables>, words: SqlWords): Promise<void> {
  const columns = `number ${words.integer} primary key, name text not null, applied_at text not null`;
  await sql.raw(words.table('schema_steps', columns, 'table if not exists')).execute(transaction);
}

async function note(transaction: Transaction<StepTables>, step: SchemaStep): Promise<void> {
  await transaction
    .insertInto('schema_steps')
    .values({ number: step.number, name: step.name, applied_at: new Date().toISOString() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function appliedSteps(source: Kysely<StepTables>): Promise<Set<number>> {
  const rows = await source.selectFrom('schema_steps').select('number').execute();
  return new Set(rows.map((row) => row.number));
}

/**
 * Runs the steps a database has not seen, each in a transaction of its own, so that programs which start at the same
 * time wait for each other. A step that was added late runs although later numbers are there already.
 *
 * @param adopted - numbers of steps an older way of counting has done
 * @returns what a newer program did to the database, which is then unchanged, or null
 */
export async function applySteps(
  database: Kysely<unknown>,
  words: SqlWords,
  steps: readonly SchemaStep[],
  adopted: readonly number[] = [],
): Promise<NewerSchema | null> {
  const target = database as Kysely<StepTables>;
  await target.transaction().execute(async (transaction) => {
    await prepare(transaction, words);
    for (const step of steps) if (adopted.includes(step.number)) await note(transaction, step);
  });
  const known = new Set(steps.map((step) => step.number));
  const unknownSteps = [...(await appliedSteps(target))].filter((number) => !known.has(number));
  if (unknownSteps.length > 0) return { unknownSteps: unknownSteps.sort((left, right) => left - right) };
  for (const step of [...steps].sort((left, right) => left.number - right.number)) {
    await target.transaction().execute(async (transaction) => {
      if ((await appliedSteps(transaction)).has(step.number)) return;
      for (const statement of step.statements(words)) await sql.raw(statement).execute(transaction);
      await note(transaction, step);
    });
  }
  return null;
}
