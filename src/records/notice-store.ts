import type { CoordinatorNotice } from '../contract/records';
import type { Database } from './database-schema';

/** Notices kept; the oldest go first. */
export const MAX_NOTICES = 500;
/** The same words from the same coordinator within this time are the same notice. */
const SAME_WITHIN_MS = 30 * 86_400_000;
const MAX_TEXT_LENGTH = 2_000;

/** What coordinators had to say, kept until there are too many. */
export class NoticeStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Keeps a notice. @returns whether it is a new one, worth showing */
  async add(atMs: number, kind: CoordinatorNotice['kind'], text: string, source: string): Promise<boolean> {
    const kept = text.slice(0, MAX_TEXT_LENGTH);
    const same = await this.#database
      .selectFrom('notices')
      .select(['id', 'times', 'last_ms'])
      .where('kind', '=', kind)
      .where('text', '=', kept)
      .where('source', '=', source)
      .orderBy('id', 'desc')
      .executeTakeFirst();
    // A clock that was set back gives a negative distance, which is near as well.
    if (same !== undefined && atMs - same.last_ms < SAME_WITHIN_MS) {
      await this.#database
        .updateTable('notices')
        .set({ times: same.times + 1, last_ms: atMs })
        .where('id', '=', same.id)
        .execute();
      return false;
    }
    const added = await this.#database
      .insertInto('notices')
      .values({ kind, text: kept, source, first_ms: atMs, last_ms: atMs })
      .returning('id')
      .executeTakeFirstOrThrow();
    await this.#database
      .deleteFrom('notices')
      .where('id', '<=', added.id - MAX_NOTICES)
      .execute();
    return true;
  }

  /** Newest first. */
  async list(): Promise<readonly CoordinatorNotice[]> {
    const rows = await this.#database.selectFrom('notices').selectAll().orderBy('id', 'desc').execute();
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind as CoordinatorNotice['kind'],
      text: row.text,
      from: row.source,
      firstAt: new Date(row.first_ms).toISOString(),
      lastAt: new Date(row.last_ms).toISOString(),
      times: row.times,
      read: row.is_read !== 0,
    }));
  }

  /** @param id - null marks all */
  async markRead(id: number | null): Promise<void> {
    const update = this.#database.updateTable('notices').set({ is_read: 1 });
    await (id === null ? update : update.where('id', '=', id)).execute();
  }
}
