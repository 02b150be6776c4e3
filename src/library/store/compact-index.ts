import { sql } from 'kysely';
import type { Database } from './database-schema';

/** Pages of the index merged in one step: some tens of milliseconds. */
const PAGES_AT_ONCE = 500;
/** FTS5 reports fewer than two changes when a step had nothing to do. */
const CHANGES_OF_NOTHING = 2;
/** Steps of one run: a library of ten million messages needs fewer. */
const MAX_STEPS = 20_000;

async function totalChanges(database: Database): Promise<number> {
  const { rows } = await sql<{ changes: number }>`select total_changes() as changes`.execute(database);
  return rows[0]?.changes ?? 0;
}

/**
 * Joins the pieces of the search index in small steps, which also frees what removed words have left behind
 * (sqlite.org/fts5.html, section 6.8). Searching and writing go on meanwhile.
 */
export async function compactIndex(database: Database): Promise<void> {
  for (const table of ['messages_fts', 'titles_fts'] as const) {
    const name = sql.ref(table);
    // The first, negative step says that everything is to be joined; the further ones carry that out.
    let pages = -PAGES_AT_ONCE;
    for (let step = 0; step < MAX_STEPS; step += 1) {
      const before = await totalChanges(database);
      await sql`insert into ${name} (${name}, rank) values ('merge', ${pages})`.execute(database);
      if ((await totalChanges(database)) - before < CHANGES_OF_NOTHING) break;
      pages = PAGES_AT_ONCE;
    }
  }
}
