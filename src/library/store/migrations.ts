import type { DatabaseSyncInstance } from '@photostructure/sqlite';
import { migrate, type Migration } from '../../storage/migrations';
import { searchableText } from './search-text';

/** What steps call to prepare a text for the index. */
const SEARCHABLE_TEXT = 'searchable_text';

/*
 * The schema, step by step; steps are only ever added.
 *
 * The search index holds no text of its own (`content=''`): the words shown in results come from `messages.text`, and
 * what is indexed is that text prepared by `searchableText`. Prefixes of two and three characters are indexed, so that
 * results come while typing. The larger buffer (`hashsize`, bytes) makes imports a tenth faster. Without `deletemerge = 0`
 * removing words costs ten times as much as adding them, and cancelling an import takes minutes; what is left of removed
 * words goes with later merges and with `compactIndex`.
 *
 * Partial indexes are used only when the query names the state itself: write `sql.lit('live')`, not a parameter.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'conversations, search, folders, documents, files',
    sql: `
      create table imports (
        id integer primary key autoincrement,
        name text not null,
        state text not null check (state in ('running', 'committed')),
        started_at text not null,
        finished_at text,
        imported integer not null default 0,
        updated integer not null default 0
      ) strict;

      create table folders (
        id integer primary key,
        name text not null check (name <> ''),
        parent_id integer references folders (id)
      ) strict;
      create unique index folders_by_name on folders (coalesce(parent_id, 0), name);

      create table conversations (
        key integer primary key,
        id text not null,
        platform text not null,
        original_id text,
        title text not null,
        title_edited integer not null default 0,
        created_at text not null,
        updated_at text not null,
        message_count integer not null,
        json_bytes integer not null,
        content_hash text not null,
        folder_id integer references folders (id) on delete set null,
        revision integer not null,
        state text not null check (state in ('staged', 'live')),
        import_id integer references imports (id),
        replaces_key integer,
        replaces_revision integer,
        deleted_at text
      ) strict;
      create unique index conversations_by_id on conversations (id) where state = 'live';
      create index conversations_by_origin on conversations (platform, original_id);
      create index conversations_by_time on conversations (updated_at, key) where state = 'live' and deleted_at is null;
      create index conversations_by_folder on conversations (folder_id) where folder_id is not null;
      create index conversations_staged on conversations (import_id, id) where state = 'staged';
      create index conversations_deleted on conversations (deleted_at) where deleted_at is not null;

      create table conversation_documents (
        conversation_key integer primary key references conversations (key),
        document blob not null
      ) strict;

      create table messages (
        key integer primary key,
        conversation_key integer not null references conversations (key),
        position integer not null,
        message_id text not null,
        role text not null,
        created_at text,
        text text not null
      ) strict;
      create index messages_by_conversation on messages (conversation_key, position);

      create virtual table messages_fts using fts5 (
        text, content = '', contentless_delete = 1, prefix = '2 3', tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
      );
      create virtual table titles_fts using fts5 (
        title, content = '', contentless_delete = 1, prefix = '2 3', tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
      );

      insert into messages_fts (messages_fts, rank) values ('hashsize', 16777216);
      insert into messages_fts (messages_fts, rank) values ('deletemerge', 0);
      insert into titles_fts (titles_fts, rank) values ('deletemerge', 0);

      create table files (
        sha256 text primary key,
        size_bytes integer not null
      ) strict, without rowid;

      create table attachments (
        conversation_key integer not null references conversations (key),
        attachment_id text not null,
        sha256 text not null references files (sha256),
        primary key (conversation_key, attachment_id)
      ) strict, without rowid;
      create index attachments_by_file on attachments (sha256);

      create table tags (
        id integer primary key,
        name text not null unique collate nocase check (name <> '')
      ) strict;

      create table conversation_tags (
        conversation_key integer not null references conversations (key),
        tag_id integer not null references tags (id) on delete cascade,
        primary key (conversation_key, tag_id)
      ) strict, without rowid;
      create index conversation_tags_by_tag on conversation_tags (tag_id);

      create table documents (
        key integer primary key,
        id text not null,
        kind text not null check (kind in ('project', 'session', 'discovery', 'agreement')),
        title text not null,
        created_at text not null,
        updated_at text not null,
        document blob not null,
        json_bytes integer not null,
        content_hash text not null,
        state text not null check (state in ('staged', 'live')),
        import_id integer references imports (id),
        replaces_key integer,
        deleted_at text
      ) strict;
      create unique index documents_by_id on documents (kind, id) where state = 'live';

      create table document_files (
        document_key integer not null references documents (key),
        sha256 text not null references files (sha256),
        primary key (document_key, sha256)
      ) strict, without rowid;
      create index document_files_by_file on document_files (sha256);

      create table project_conversations (
        document_key integer not null references documents (key),
        position integer not null,
        conversation_id text not null,
        primary key (document_key, position)
      ) strict, without rowid;
    `,
  },
  {
    version: 2,
    name: 'conversations of Chat',
    sql: `
      alter table conversations add column in_chat integer not null default 0;
      create index conversations_in_chat on conversations (updated_at, key)
        where state = 'live' and deleted_at is null and in_chat = 1;
      create index conversations_by_import on conversations (import_id) where import_id is not null;
    `,
  },
  {
    version: 3,
    name: 'lists in the order of instants',
    sql: `
      drop index conversations_by_time;
      drop index conversations_in_chat;
      create index conversations_by_time on conversations (julianday(replace(upper(updated_at), ':60', ':59')), key)
        where state = 'live' and deleted_at is null;
      create index conversations_in_chat on conversations (julianday(replace(upper(updated_at), ':60', ':59')), key)
        where state = 'live' and deleted_at is null and in_chat = 1;
    `,
  },
  {
    version: 4,
    name: 'words with a dotless i in the search index',
    sql: `
      delete from messages_fts where rowid in (select key from messages where instr(text, 'ı') > 0);
      insert into messages_fts (rowid, text)
        select key, ${SEARCHABLE_TEXT}(text) from messages where instr(text, 'ı') > 0;
      delete from titles_fts where rowid in (select key from conversations where instr(title, 'ı') > 0);
      insert into titles_fts (rowid, title)
        select key, ${SEARCHABLE_TEXT}(title) from conversations where instr(title, 'ı') > 0;
    `,
  },
];

/** Brings a library up to date. */
export function migrateLibrary(connection: DatabaseSyncInstance): void {
  connection.function(SEARCHABLE_TEXT, { deterministic: true }, searchableText);
  migrate(connection, MIGRATIONS);
}
