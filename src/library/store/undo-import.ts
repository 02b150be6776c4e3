import { sql } from 'kysely';
import { deleteConversationRows } from './conversation-rows';
import type { Database } from './database-schema';
import { deleteDocumentRows } from './document-rows';

/** Conversations removed in one transaction, so that other work gets its turn. */
const UNDO_ROWS = 50;

/** Removes the rows of an import that was not committed, in small steps. */
export async function undoImport(database: Database, importId: number): Promise<void> {
  for (;;) {
    const rows = await database
      .selectFrom('conversations')
      .select('key')
      .where('import_id', '=', importId)
      .where('state', '=', sql.lit('staged'))
      .limit(UNDO_ROWS)
      .execute();
    if (rows.length === 0) break;
    await database.transaction().execute((transaction) =>
      deleteConversationRows(
        transaction,
        rows.map(({ key }) => key),
      ),
    );
  }
  await database.transaction().execute(async (transaction) => {
    const documents = await transaction
      .selectFrom('documents')
      .select('key')
      .where('import_id', '=', importId)
      .where('state', '=', sql.lit('staged'))
      .execute();
    await deleteDocumentRows(
      transaction,
      documents.map(({ key }) => key),
    );
    await transaction.deleteFrom('imports').where('id', '=', importId).execute();
  });
}
