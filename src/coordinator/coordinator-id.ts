import type { Random } from './clock';
import type { Database } from './storage/database-schema';

/** The id of the coordinator a database belongs to, made when it is first asked for. */
export async function coordinatorIdOf(database: Database, random: Random): Promise<string> {
  await database
    .insertInto('meta')
    .values({ key: 'coordinator_id', value: random.uuid() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await database
    .selectFrom('meta')
    .select('value')
    .where('key', '=', 'coordinator_id')
    .executeTakeFirstOrThrow();
  return row.value;
}
