import { sql, type SelectQueryBuilder } from 'kysely';
import { LOG_PAGE_SIZE, type LogEntry, type LogFilter, type LogKind, type LogPage } from '../contract/records';
import type { Database, RecordTables } from './database-schema';

/** Months of ordinary use, and a few megabytes. */
export const MAX_LOG_ENTRIES = 20_000;
/** Sentences are short; what is longer was not written by this app. */
const MAX_TEXT_LENGTH = 2_000;
/** Old entries are removed in steps, not with every line. */
const PRUNE_EVERY = 200;

type LogQuery = SelectQueryBuilder<RecordTables, 'log', object>;

const escapeLike = (word: string): string => word.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`);

/** What happened and why, in plain sentences, newest first. */
export class LogStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(atMs: number, kind: LogKind, text: string): Promise<void> {
    const kept = text.slice(0, MAX_TEXT_LENGTH);
    const added = await this.#database
      .insertInto('log')
      .values({ at_ms: atMs, kind, text: kept, folded: kept.toLowerCase() })
      .returning('id')
      .executeTakeFirstOrThrow();
    // By number, not by time: a clock that was set must not make the newest entries the oldest.
    if (added.id % PRUNE_EVERY !== 0) return;
    await this.#database
      .deleteFrom('log')
      .where('id', '<=', added.id - MAX_LOG_ENTRIES)
      .execute();
  }

  /** @param beforeId - only entries older than this one; lines that are added meanwhile then move nothing */
  async page(
    filter: LogFilter,
    offset: number,
    limit = LOG_PAGE_SIZE,
    beforeId: number | null = null,
  ): Promise<LogPage> {
    const { matching } = await this.#matching(filter)
      .select((query) => query.fn.countAll<number>().as('matching'))
      .executeTakeFirstOrThrow();
    const { kept } = await this.#database
      .selectFrom('log')
      .select((query) => query.fn.countAll<number>().as('kept'))
      .executeTakeFirstOrThrow();
    const matchingRows = this.#matching(filter);
    const rows = await (beforeId === null ? matchingRows : matchingRows.where('id', '<', beforeId))
      .select(['id', 'at_ms', 'kind', 'text'])
      .orderBy('id', 'desc')
      .limit(limit)
      .offset(offset)
      .execute();
    const entries = rows.map(({ id, at_ms: atMs, kind, text }): LogEntry => ({
      id,
      at: new Date(atMs).toISOString(),
      kind: kind as LogKind,
      text,
    }));
    return { entries, matching, kept };
  }

  #matching({ kinds, fromMs, untilMs, text }: LogFilter): LogQuery {
    let query = this.#database.selectFrom('log') as LogQuery;
    if (kinds.length > 0) query = query.where('kind', 'in', [...kinds]);
    if (fromMs !== null) query = query.where('at_ms', '>=', fromMs);
    if (untilMs !== null) query = query.where('at_ms', '<', untilMs);
    for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
      query = query.where(sql<boolean>`folded like ${`%${escapeLike(word)}%`} escape '\\'`);
    }
    return query;
  }
}
