import type { Database, MarkRow } from './database-schema';

/** Marks kept of one family; the oldest go first. */
export const MAX_MARKS = 500;

/** Things that happen once, by a key `family:…`. */
export class MarkStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @returns whether the key was not marked before */
  async add(family: string, key: string, atMs: number): Promise<boolean> {
    const { numInsertedOrUpdatedRows: added } = await this.#database
      .insertInto('marks')
      .values({ key: `${family}:${key}`, at_ms: atMs })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirstOrThrow();
    if (added === undefined || added === 0n) return false;
    const surplus = this.#database
      .selectFrom('marks')
      .select('key')
      .where('key', 'like', `${family}:%`)
      .orderBy('at_ms', 'desc')
      .limit(-1)
      .offset(MAX_MARKS);
    await this.#database.deleteFrom('marks').where('key', 'in', surplus).execute();
    return true;
  }

  /** Marks of a family, without its name, oldest first. */
  async list(family: string): Promise<readonly MarkRow[]> {
    const rows = await this.#database
      .selectFrom('marks')
      .selectAll()
      .where('key', 'like', `${family}:%`)
      .orderBy('at_ms')
      .execute();
    return rows.map(({ key, at_ms }) => ({ key: key.slice(family.length + 1), at_ms }));
  }
}
