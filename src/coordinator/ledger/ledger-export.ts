import type { LedgerEntry } from '../../protocol/compute/http/tokens';
import type { Database } from '../storage/database-schema';
import { entryOfRow } from './ledger-entry';

/** Entries read at once. */
const PAGE_ENTRIES = 1_000;

/** `jsonl`: an entry a line, as it is hashed; `csv`: for a spreadsheet. */
export type LedgerFormat = 'jsonl' | 'csv';

/** Media type of each form. */
export const LEDGER_MEDIA_TYPES: Readonly<Record<LedgerFormat, string>> = {
  jsonl: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
};

/** What to export. */
export interface LedgerSelection {
  /** Entries of one node; all without it. */
  readonly nodeId?: string | undefined;
  /** Where in the chain to begin, not included. */
  readonly afterSeq?: number;
}

const COLUMNS: readonly (keyof LedgerEntry)[] = [
  'timestamp',
  'event_type',
  'amount',
  'node_id',
  'reason',
  'inference_request_id',
  'task_id',
  'flops_delivered',
  'flops_consumed',
  'hardware_multiplier',
  'reliability_factor',
  'expires_at',
  'id',
  'previous_hash',
  'entry_hash',
];

/** A field by RFC 4180. A text a spreadsheet would take for a formula is kept from being one by an apostrophe. */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/**
 * The lines of an export, in the order of the chain, a page in memory at a time. Entries written after it began are left
 * out, so that it ends.
 */
export async function* ledgerLines(
  database: Database,
  format: LedgerFormat,
  { nodeId, afterSeq = 0 }: LedgerSelection = {},
): AsyncGenerator<string> {
  const head = await database.selectFrom('ledger_head').select('entries').where('id', '=', 1).executeTakeFirst();
  const last = head?.entries ?? 0;
  if (format === 'csv') yield `seq,${COLUMNS.join(',')}\r\n`;
  let position = afterSeq;
  while (position < last) {
    let query = database
      .selectFrom('ledger_entries')
      .selectAll()
      .where('seq', '>', position)
      .where('seq', '<=', last)
      .orderBy('seq')
      .limit(PAGE_ENTRIES);
    if (nodeId !== undefined) query = query.where('node_id', '=', nodeId);
    const rows = await query.execute();
    for (const row of rows) {
      const entry = entryOfRow(row);
      yield format === 'jsonl'
        ? `${JSON.stringify({ seq: row.seq, ...entry })}\n`
        : `${[row.seq, ...COLUMNS.map((column) => entry[column])].map(csvField).join(',')}\r\n`;
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < PAGE_ENTRIES) return;
    position = end.seq;
  }
}
