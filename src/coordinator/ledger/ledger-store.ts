import { toWireGft, type MicroGft } from '../../protocol/compute/micro-gft';
import { TOKEN_LIFETIME } from '../../protocol/compute/formulas';
import type { LedgerEntry, TokenBalance } from '../../protocol/compute/http/tokens';
import { timestampOf, type Clock, type Random } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { entryOfRow, GENESIS_HASH, rowOfDraft, type LedgerDraft } from './ledger-entry';

/** A written entry and the balance it led to. */
export interface WrittenEntry {
  readonly entry: LedgerEntry;
  readonly amountMicroGft: MicroGft;
  readonly balanceMicroGft: MicroGft;
}

/** A draft that would take a balance below zero; the transaction it was part of is rolled back. */
export class OverdraftError extends Error {
  override readonly name = 'OverdraftError';
}

const DAY_MS = 86_400_000;

/** When GFT issued or granted now expire. */
export function tokenExpiry(nowMs: number): string {
  return timestampOf(nowMs + TOKEN_LIFETIME.expiresAfterDays * DAY_MS);
}

/** Reads and appends to the hash-chained ledger. Balances are kept beside it, changed in the same transaction. */
export class LedgerStore {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Appends entries in order, within the caller's transaction.
   * @throws OverdraftError when a balance would become negative.
   */
  async append(transaction: DatabaseTransaction, drafts: readonly LedgerDraft[]): Promise<WrittenEntry[]> {
    const head = await transaction.selectFrom('ledger_head').selectAll().where('id', '=', 1).executeTakeFirst();
    let previousHash = head?.head_hash ?? GENESIS_HASH;
    let supplyMicroGft = head?.supply_micro_gft ?? 0;
    const timestamp = timestampOf(this.clock.nowMs());
    const written: WrittenEntry[] = [];
    let entries = head?.entries ?? 0;
    for (const draft of drafts) {
      entries += 1;
      const row = rowOfDraft(draft, { seq: entries, id: this.random.uuid(), previousHash, timestamp });
      await transaction.insertInto('ledger_entries').values(row).execute();
      const balanceMicroGft = await this.move(transaction, draft, timestamp);
      previousHash = row.entry_hash;
      supplyMicroGft += draft.amountMicroGft;
      written.push({ entry: entryOfRow(row), amountMicroGft: draft.amountMicroGft, balanceMicroGft });
    }
    await transaction
      .insertInto('ledger_head')
      .values({ id: 1, entries, head_hash: previousHash, supply_micro_gft: supplyMicroGft })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({ entries, head_hash: previousHash, supply_micro_gft: supplyMicroGft }),
      )
      .execute();
    return written;
  }

  /** A node's balance, 0 when it never had one. */
  async balanceOf(nodeId: string, source: Database | DatabaseTransaction = this.database): Promise<MicroGft> {
    const row = await source
      .selectFrom('balances')
      .select('balance_micro_gft')
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    return row?.balance_micro_gft ?? 0;
  }

  /** Balance with totals; `updatedFallback` is shown for a node that has no entry yet. */
  async balanceView(nodeId: string, updatedFallback: string): Promise<TokenBalance> {
    const row = await this.database.selectFrom('balances').selectAll().where('node_id', '=', nodeId).executeTakeFirst();
    return {
      node_id: nodeId,
      balance: toWireGft(row?.balance_micro_gft ?? 0),
      total_earned: toWireGft(row?.earned_micro_gft ?? 0),
      total_spent: toWireGft(row?.spent_micro_gft ?? 0),
      last_updated: row?.updated_at ?? updatedFallback,
    };
  }

  /** The newest `limit` entries, of one node or of all, oldest of them first. */
  async newest(limit: number, nodeId?: string): Promise<LedgerEntry[]> {
    let query = this.database.selectFrom('ledger_entries').selectAll().orderBy('seq', 'desc').limit(limit);
    if (nodeId !== undefined) query = query.where('node_id', '=', nodeId);
    const rows = await query.execute();
    return rows.reverse().map(entryOfRow);
  }

  async countOf(nodeId: string): Promise<number> {
    const row = await this.database
      .selectFrom('ledger_entries')
      .select((build) => build.fn.countAll<number>().as('entries'))
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    return row?.entries ?? 0;
  }

  /** Number of entries, hash of the last one and GFT in circulation. */
  async head(): Promise<{ entries: number; headHash: string; supplyMicroGft: MicroGft }> {
    const row = await this.database.selectFrom('ledger_head').selectAll().where('id', '=', 1).executeTakeFirst();
    return {
      entries: row?.entries ?? 0,
      headHash: row?.head_hash ?? GENESIS_HASH,
      supplyMicroGft: row?.supply_micro_gft ?? 0,
    };
  }

  private async move(transaction: DatabaseTransaction, draft: LedgerDraft, timestamp: string): Promise<MicroGft> {
    const amount = draft.amountMicroGft;
    const before = await transaction
      .selectFrom('balances')
      .selectAll()
      .where('node_id', '=', draft.nodeId)
      .executeTakeFirst();
    const balance = (before?.balance_micro_gft ?? 0) + amount;
    if (balance < 0 || !Number.isSafeInteger(balance)) {
      throw new OverdraftError(`a balance cannot become ${balance} micro-GFT`);
    }
    const next = {
      balance_micro_gft: balance,
      earned_micro_gft: (before?.earned_micro_gft ?? 0) + Math.max(0, amount),
      spent_micro_gft: (before?.spent_micro_gft ?? 0) + Math.max(0, -amount),
      updated_at: timestamp,
    };
    await transaction
      .insertInto('balances')
      .values({ node_id: draft.nodeId, ...next })
      .onConflict((conflict) => conflict.column('node_id').doUpdateSet(next))
      .execute();
    return balance;
  }
}
