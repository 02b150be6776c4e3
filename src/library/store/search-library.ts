import { sql } from 'kysely';
import type { Database } from './database-schema';
import { asResult, type LibraryResult } from './errors';
import { excerptOf, findRanges, parseQuery, toMatchExpression, type Excerpt, type TextRange } from './search-query';

/** A place where something was found. */
export interface SearchHit {
  readonly conversationId: string;
  readonly title: string;
  readonly titleHighlights: readonly TextRange[];
  readonly platform: string;
  readonly updatedAt: string;
  /** The message it stands in; null when the title alone was found. */
  readonly messageId: string | null;
  readonly role: string | null;
  readonly createdAt: string | null;
  /** Plain text; what to highlight is told by ranges, never by markup. */
  readonly excerpt: Excerpt | null;
}

export interface SearchPage {
  readonly hits: readonly SearchHit[];
  /** Whether a further page has something. */
  readonly hasMore: boolean;
}

export interface SearchOptions {
  readonly limit: number;
  readonly offset?: number;
}

const MAX_PAGE = 200;
/** A title says what a conversation is about: it counts as much as a very good place in a message. */
const TITLE_BONUS = 10;

interface Row {
  readonly kind: 'title' | 'message';
  readonly id: string;
  readonly title: string;
  readonly platform: string;
  readonly updated_at: string;
  readonly message_id: string | null;
  readonly role: string | null;
  readonly created_at: string | null;
  readonly text: string | null;
}

/**
 * Finds conversations by titles and by words of their messages, the best first. All words must occur in one title or one
 * message; the last one may be a beginning. Deleted and staged conversations are not found.
 */
export function searchLibrary(
  database: Database,
  query: string,
  { limit, offset = 0 }: SearchOptions,
): Promise<LibraryResult<SearchPage>> {
  return asResult(async () => {
    const terms = parseQuery(query);
    if (terms.length === 0) return { hits: [], hasMore: false };
    const wanted = Math.min(limit, MAX_PAGE);
    const rows = await findRows(database, toMatchExpression(terms), wanted + 1, offset);
    return {
      hasMore: rows.length > wanted,
      hits: rows.slice(0, wanted).map((row) => ({
        conversationId: row.id,
        title: row.title,
        titleHighlights: findRanges(row.title, terms),
        platform: row.platform,
        updatedAt: row.updated_at,
        messageId: row.message_id,
        role: row.role,
        createdAt: row.created_at,
        excerpt: row.text === null ? null : excerptOf(row.text, terms),
      })),
    };
  });
}

/** Best places asked of the index at first; more only when many of them are not to be seen. */
const FIRST_RANKED = 100;
const GROWTH = 10;
/** Places looked at before giving up on a query whose best ones are all deleted. */
const MAX_RANKED = 1_000_000;

interface Ranked {
  readonly key: number;
  readonly score: number;
}

/**
 * Asks the index for the best places and then leaves out those of deleted and staged conversations. Looking up the
 * conversation of every place first would take several times as long when a word is common.
 */
async function findRows(
  database: Database,
  expression: string,
  wanted: number,
  offset: number,
): Promise<readonly Row[]> {
  for (let most = FIRST_RANKED + offset + wanted; ; most *= GROWTH) {
    const titles = await sql<Ranked>`select rowid as key, rank - ${TITLE_BONUS} as score from titles_fts
      where titles_fts match ${expression} order by rank limit ${most}`.execute(database);
    const places = await sql<Ranked>`select rowid as key, rank as score from messages_fts
      where messages_fts match ${expression} order by rank limit ${most}`.execute(database);
    const rows = await visibleRows(database, titles.rows, places.rows, wanted, offset);
    const hasAll = titles.rows.length < most && places.rows.length < most;
    if (rows.length >= wanted || hasAll || most > MAX_RANKED) return rows;
  }
}

async function visibleRows(
  database: Database,
  titles: readonly Ranked[],
  places: readonly Ranked[],
  wanted: number,
  offset: number,
): Promise<readonly Row[]> {
  const { rows } = await sql<Row>`
    with seen as (
      select 'title' as kind, entry.value ->> 'score' as score, entry.value ->> 'key' as conversation_key, null as key
        from json_each(${JSON.stringify(titles)}) as entry
      union all
      select 'message', entry.value ->> 'score', messages.conversation_key, messages.key
        from json_each(${JSON.stringify(places)}) as entry join messages on messages.key = entry.value ->> 'key'
    )
    select seen.kind, conversations.id, conversations.title, conversations.platform, conversations.updated_at,
      messages.message_id, messages.role, messages.created_at, messages.text
    from seen
    join conversations on conversations.key = seen.conversation_key
    left join messages on messages.key = seen.key
    where conversations.state = 'live' and conversations.deleted_at is null
    order by seen.score, seen.kind, seen.conversation_key, seen.key
    limit ${wanted} offset ${offset}
  `.execute(database);
  return rows;
}
