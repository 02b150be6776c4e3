import { sql } from 'kysely';
import { toWireGft } from '../../protocol/compute/micro-gft';
import type { LedgerVerification } from '../../protocol/compute/http/tokens';
import type { Database } from '../storage/database-schema';
import { entryOfRow, GENESIS_HASH, hashEntry, type LedgerRow } from './ledger-entry';
import type { LedgerStore } from './ledger-store';

/** Entries hashed before other work gets a turn. */
const BATCH_ENTRIES = 500;
/** Entries one health check may hash, so that it stays cheap on a ledger of any size. */
const HEALTH_ENTRIES = 2_000;

interface ChainPosition {
  readonly seq: number;
  readonly entries: number;
  readonly hash: string;
}

const CHAIN_START: ChainPosition = { seq: 0, entries: 0, hash: GENESIS_HASH };

/** The first thing wrong with a run of entries that follows `from`, or the position after it. */
export function checkChain(
  from: ChainPosition,
  rows: readonly LedgerRow[],
): { readonly problem: string } | { readonly position: ChainPosition } {
  let position = from;
  for (const row of rows) {
    if (row.seq !== position.seq + 1) return { problem: `Entry ${position.seq + 1} is missing.` };
    if (row.previous_hash !== position.hash) return { problem: `Entry ${row.seq} does not follow the one before it.` };
    const entry = entryOfRow(row);
    if (hashEntry(entry) !== row.entry_hash) return { problem: `Entry ${row.seq} was changed after it was written.` };
    position = { seq: row.seq, entries: position.entries + 1, hash: row.entry_hash };
  }
  return { position };
}

/**
 * Checks the hash chain. `advance` goes on from the last entry it has seen and is cheap enough for health checks;
 * `verifyAll` reads everything anew and also compares the balances with the sums of their entries.
 */
export class LedgerVerifier {
  private position = CHAIN_START;
  private problem: string | null = null;

  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerStore,
  ) {}

  /** Looks at entries not seen yet. Stays invalid once a problem was found, until `verifyAll` finds none. */
  async advance(limit = HEALTH_ENTRIES): Promise<{ valid: boolean; verifiedEntries: number }> {
    if (this.problem === null) {
      // Two checks may read at once: each goes on from where it began to read, and the one that came further counts.
      const from = this.position;
      const checked = checkChain(from, await this.rowsAfter(from, limit));
      if ('problem' in checked) this.problem = checked.problem;
      else if (checked.position.seq > this.position.seq) this.position = checked.position;
    }
    return { valid: this.problem === null, verifiedEntries: this.position.entries };
  }

  /** Everything from the first entry on. */
  async verifyAll(): Promise<LedgerVerification> {
    let position = CHAIN_START;
    let problem: string | null = null;
    for (;;) {
      const rows = await this.rowsAfter(position, BATCH_ENTRIES);
      if (rows.length === 0) break;
      const checked = checkChain(position, rows);
      if ('problem' in checked) {
        problem = checked.problem;
        break;
      }
      position = checked.position;
      await new Promise((resolve) => setImmediate(resolve));
    }
    problem ??= await this.compareSums(position);
    this.problem = problem;
    if (problem === null) this.position = position;
    const head = await this.ledger.head();
    return {
      chain_valid: problem === null,
      total_entries: head.entries,
      total_supply: toWireGft(head.supplyMicroGft),
      problem,
    };
  }

  private rowsAfter(position: ChainPosition, limit: number): Promise<LedgerRow[]> {
    return this.database
      .selectFrom('ledger_entries')
      .selectAll()
      .where('seq', '>', position.seq)
      .orderBy('seq')
      .limit(limit)
      .execute();
  }

  /** One statement, hence one consistent view, although entries may be written while the chain is read. */
  private async compareSums(position: ChainPosition): Promise<string | null> {
    const result = await sql<{
      entries: number;
      head_hash: string | null;
      wrong_balances: number;
      wrong_supply: number;
    }>`
      select
        (select count(*) from ledger_entries where seq <= ${position.seq}) as entries,
        (select entry_hash from ledger_entries order by seq desc limit 1) as head_hash,
        (select count(*) from (
          select n.node_id from (select node_id from balances union select node_id from ledger_entries) n
          left join balances b on b.node_id = n.node_id
          where coalesce(b.balance_micro_gft, 0) <>
              (select coalesce(sum(amount_micro_gft), 0) from ledger_entries e where e.node_id = n.node_id)
            or coalesce(b.earned_micro_gft, 0) <>
              (select coalesce(sum(case when amount_micro_gft > 0 then amount_micro_gft else 0 end), 0) from ledger_entries e where e.node_id = n.node_id)
            or coalesce(b.spent_micro_gft, 0) <>
              (select coalesce(sum(case when amount_micro_gft < 0 then -amount_micro_gft else 0 end), 0) from ledger_entries e where e.node_id = n.node_id)
        ) as wrong) as wrong_balances,
        (select count(*) from (select 1) as one where
          coalesce((select supply_micro_gft from ledger_head), 0) <>
            (select coalesce(sum(amount_micro_gft), 0) from ledger_entries)
          or coalesce((select entries from ledger_head), 0) <> (select count(*) from ledger_entries)
          or coalesce((select head_hash from ledger_head), ${GENESIS_HASH}) <>
            coalesce((select entry_hash from ledger_entries order by seq desc limit 1), ${GENESIS_HASH})
        ) as wrong_supply
    `.execute(this.database);
    const row = result.rows[0];
    if (row === undefined) return 'The ledger could not be summed up.';
    if (row.entries !== position.entries) return 'The number of entries does not match the chain.';
    if (row.wrong_balances > 0) return `${row.wrong_balances} balances differ from the sum of their entries.`;
    if (row.wrong_supply > 0) return 'The end of the chain or the supply differs from what was recorded.';
    return null;
  }
}
