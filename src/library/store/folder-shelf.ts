import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import type { Connection } from './conversation-rows';
import { keyOf, requireFolder } from './conversation-shelf';
import type { Database } from './database-schema';
import { asResult, LibraryError, type LibraryResult } from './errors';
import { wellFormed } from './search-text';

export interface Folder {
  readonly id: number;
  readonly name: string;
  readonly parentId: number | null;
  readonly conversationCount: number;
}

export interface Tag {
  readonly name: string;
  readonly conversationCount: number;
}

/** Characters of a folder's or a tag's name. */
const MAX_NAME = 200;
/** Folders inside each other. */
const MAX_DEPTH = 50;

function cleanName(name: string): string {
  return wellFormed(name).trim().slice(0, MAX_NAME);
}

/** Folders and tags of a library. */
export class FolderShelf {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  list(): Promise<LibraryResult<readonly Folder[]>> {
    return asResult(async () => {
      const rows = await this.#database
        .selectFrom('folders')
        .leftJoin('conversations', (join) =>
          join
            .onRef('conversations.folder_id', '=', 'folders.id')
            .on('conversations.state', '=', sql.lit('live'))
            .on('conversations.deleted_at', 'is', null),
        )
        .select(['folders.id', 'folders.name', 'folders.parent_id'])
        .select((row) => row.fn.count<number>('conversations.key').as('count'))
        .groupBy('folders.id')
        .orderBy('folders.name')
        .execute();
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        parentId: row.parent_id,
        conversationCount: row.count,
      }));
    });
  }

  /** Makes a folder; `name-taken` when its parent has one of that name. Returns its id. */
  create(name: string, parentId: number | null = null): Promise<LibraryResult<number>> {
    return asResult(() =>
      this.#database.transaction().execute(async (transaction) => {
        if (parentId !== null) await requireFolder(transaction, parentId);
        const clean = await freeName(transaction, name, parentId, null);
        const { id } = await transaction
          .insertInto('folders')
          .values({ name: clean, parent_id: parentId })
          .returning('id')
          .executeTakeFirstOrThrow();
        return id;
      }),
    );
  }

  /** Changes the name or the place of a folder; `folder-loop` when it would come to lie inside itself. */
  change(
    id: number,
    changes: { readonly name?: string; readonly parentId?: number | null },
  ): Promise<LibraryResult<void>> {
    return asResult(() =>
      this.#database.transaction().execute(async (transaction) => {
        const folder = await transaction.selectFrom('folders').selectAll().where('id', '=', id).executeTakeFirst();
        if (folder === undefined) throw new LibraryError('not-found', 'This folder is not there any more.');
        const parentId = changes.parentId === undefined ? folder.parent_id : changes.parentId;
        if (parentId !== null && parentId !== folder.parent_id) await requireOutside(transaction, id, parentId);
        const name = await freeName(transaction, changes.name ?? folder.name, parentId, id);
        await transaction.updateTable('folders').set({ name, parent_id: parentId }).where('id', '=', id).execute();
      }),
    );
  }

  /** Removes a folder; what is in it moves to the folder around it. */
  delete(id: number): Promise<LibraryResult<void>> {
    return asResult(() =>
      this.#database.transaction().execute(async (transaction) => {
        const folder = await transaction.selectFrom('folders').selectAll().where('id', '=', id).executeTakeFirst();
        if (folder === undefined) return;
        const { parent_id: parentId } = folder;
        await transaction
          .updateTable('conversations')
          .set({ folder_id: parentId })
          .where('folder_id', '=', id)
          .execute();
        // It goes last, since the others point to it, and must not keep its name from one of them.
        await transaction
          .updateTable('folders')
          .set({ name: `${folder.name} ${randomUUID()}` })
          .where('id', '=', id)
          .execute();
        const children = await transaction.selectFrom('folders').selectAll().where('parent_id', '=', id).execute();
        for (const child of children) {
          const name = await nextFreeName(transaction, child.name, parentId, id);
          await transaction
            .updateTable('folders')
            .set({ name, parent_id: parentId })
            .where('id', '=', child.id)
            .execute();
        }
        await transaction.deleteFrom('folders').where('id', '=', id).execute();
      }),
    );
  }

  listTags(): Promise<LibraryResult<readonly Tag[]>> {
    return asResult(async () => {
      const rows = await this.#database
        .selectFrom('tags')
        .leftJoin('conversation_tags', 'tag_id', 'tags.id')
        .select('tags.name')
        .select((row) => row.fn.count<number>('conversation_key').as('count'))
        .groupBy('tags.id')
        .orderBy('tags.name')
        .execute();
      return rows.map(({ name, count }) => ({ name, conversationCount: count }));
    });
  }

  /** Gives a conversation exactly these tags. Tags that nothing has any more are forgotten. */
  setTags(conversationId: string, names: readonly string[]): Promise<LibraryResult<void>> {
    return asResult(() =>
      this.#database.transaction().execute(async (transaction) => {
        const key = await keyOf(transaction, conversationId);
        await transaction.deleteFrom('conversation_tags').where('conversation_key', '=', key).execute();
        for (const name of new Set(names.map(cleanName).filter((text) => text !== ''))) {
          await transaction
            .insertInto('tags')
            .values({ name })
            .onConflict((conflict) => conflict.doNothing())
            .execute();
          const { id } = await transaction
            .selectFrom('tags')
            .select('id')
            .where('name', '=', name)
            .executeTakeFirstOrThrow();
          await transaction
            .insertInto('conversation_tags')
            .values({ conversation_key: key, tag_id: id })
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        }
        await transaction
          .deleteFrom('tags')
          .where('id', 'not in', (row) => row.selectFrom('conversation_tags').select('tag_id'))
          .execute();
      }),
    );
  }
}

async function isTaken(
  connection: Connection,
  name: string,
  parentId: number | null,
  exceptId: number | null,
): Promise<boolean> {
  const found = await connection
    .selectFrom('folders')
    .select('id')
    .where('name', '=', name)
    .where('parent_id', parentId === null ? 'is' : '=', parentId)
    .where('id', '<>', exceptId ?? 0)
    .executeTakeFirst();
  return found !== undefined;
}

async function freeName(
  connection: Connection,
  name: string,
  parentId: number | null,
  exceptId: number | null,
): Promise<string> {
  const clean = cleanName(name);
  if (clean === '') throw new LibraryError('name-taken', 'A folder needs a name.');
  if (await isTaken(connection, clean, parentId, exceptId)) {
    throw new LibraryError('name-taken', `There is a folder "${clean}" here already.`);
  }
  return clean;
}

async function nextFreeName(
  connection: Connection,
  name: string,
  parentId: number | null,
  exceptId: number,
): Promise<string> {
  let candidate = name;
  for (let copy = 2; await isTaken(connection, candidate, parentId, exceptId); copy += 1)
    candidate = `${name} (${copy})`;
  return candidate;
}

async function requireOutside(connection: Connection, id: number, parentId: number): Promise<void> {
  let at: number | null = parentId;
  for (let depth = 0; at !== null; depth += 1) {
    if (at === id || depth > MAX_DEPTH) {
      throw new LibraryError('folder-loop', 'A folder cannot lie inside itself.');
    }
    const row: { parent_id: number | null } | undefined = await connection
      .selectFrom('folders')
      .select('parent_id')
      .where('id', '=', at)
      .executeTakeFirst();
    if (row === undefined) throw new LibraryError('not-found', 'This folder is not there any more.');
    at = row.parent_id;
  }
}
