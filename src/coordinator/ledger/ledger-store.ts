import { sql, type Selectable } from 'kysely';
import { toWireGft, type MicroGft } from '../../protocol/compute/micro-gft';
import { TOKEN_LIFETIME } from '../../protocol/compute/formulas';
import type { LedgerEntry, TokenBalance } from '../../protocol/compute/http/tokens';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorTables, Database, DatabaseTransaction } from '../storage/database-schema';
import { expiringOnWire } from './expiry-warnings';
import { entryOfRow, GENESIS_HASH, rowOfDraft, type LedgerDraft, type LedgerRow } from './ledger-entry';

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
/** Rows of one statement; entries have 16 columns, and SQLite takes 32766 parameters. */
const MAX_ROWS = 1_000;

type BalanceRow = Selectable<CoordinatorTables['balances']>;

/** When GFT issued or granted now expire. */
export function tokenExpiry(nowMs: number): string {
  return timestampOf(nowMs + TOKEN_LIFETIME.expiresAfterDays * DAY_MS);
}

/**
 * A balance after an entry.
 * @throws OverdraftError when it would become negative.
 */
function moved(before: BalanceRow | undefined, draft: LedgerDraft, timestamp: string): BalanceRow {
  const amount = draft.amountMicroGft;
  const balance = (before?.balance_micro_gft ?? 0) + amount;
  if (balance < 0 || !Number.isSafeInteger(balance)) {
    throw new OverdraftError(`a balance cannot become ${balance} micro-GFT`);
  }
  return {
    node_id: draft.nodeId,
    balance_micro_gft: balance,
    earned_micro_gft: (before?.earned_micro_gft ?? 0) + Math.max(0, amount),
    spent_micro_gft: (before?.spent_micro_gft ?? 0) + Math.max(0, -amount),
    updated_at: timestamp,
  };
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
    if (drafts.length === 0) return [];
    const head = await transaction.selectFrom('ledger_head').selectAll().where('id', '=', 1).executeTakeFirst();
    const balances = await this.balancesOf(transaction, drafts);
    const timestamp = timestampOf(this.clock.nowMs());
    let entries = head?.entries ?? 0;
    let headHash = head?.head_hash ?? GENESIS_HASH;
    let supplyMicroGft = head?.supply_micro_gft ?? 0;
    const rows: LedgerRow[] = [];
    const written: WrittenEntry[] = [];
    for (const draft of drafts) {
      entries += 1;
      const row = rowOfDraft(draft, { seq: entries, id: this.random.uuid(), previousHash: headHash, timestamp });
      const balance = moved(balances.get(draft.nodeId), draft, timestamp);
      balances.set(draft.nodeId, balance);
      headHash = row.entry_hash;
      supplyMicroGft += draft.amountMicroGft;
      rows.push(row);
      written.push({
        entry: entryOfRow(row),
        amountMicroGft: draft.amountMicroGft,
        balanceMicroGft: balance.balance_micro_gft,
      });
    }
    await this.write(transaction, rows, [...balances.values()]);
    const next = { entries, head_hash: headHash, supply_micro_gft: supplyMicroGft };
    await transaction
      .insertInto('ledger_head')
      .values({ id: 1, ...next })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(next))
      .execute();
    return written;
  }

  /** Nodes with GFT whose year has passed, whether it was spent meanwhile or not. */
  async holdersOfExpired(nowMs: number): Promise<string[]> {
    const rows = await this.database
      .selectFrom('ledger_entries')
      .select('node_id')
      .distinct()
      .where('expires_at', '<=', timestampOf(nowMs))
      .execute();
    return rows.map((row) => row.node_id);
  }

  /**
   * GFT of a node whose year has passed and that was not spent: the oldest is spent first, so it is what expired less
   * everything that ever left the balance, by spending, penalty or expiry.
   */
  async expiredOf(nodeId: string, nowMs: number, source: DatabaseTransaction): Promise<MicroGft> {
    const row = await source
      .selectFrom('ledger_entries')
      .select((build) => build.fn.sum<number | string>('amount_micro_gft').as('expired'))
      .where('node_id', '=', nodeId)
      .where('amount_micro_gft', '>', 0)
      .where('expires_at', '<=', timestampOf(nowMs))
      .executeTakeFirst();
    const spent = await source
      .selectFrom('balances')
      .select('spent_micro_gft')
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    return Math.max(0, Number(row?.expired ?? 0) - (spent?.spent_micro_gft ?? 0));
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
    const expiring = await expiringOnWire(this.database, nodeId, this.clock.nowMs());
    return {
      node_id: nodeId,
      balance: toWireGft(row?.balance_micro_gft ?? 0),
      total_earned: toWireGft(row?.earned_micro_gft ?? 0),
      total_spent: toWireGft(row?.spent_micro_gft ?? 0),
      last_updated: row?.updated_at ?? updatedFallback,
      ...(expiring.length === 0 ? {} : { expiring }),
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

  /** The entry by which a node paid for a request, if it did. */
  redemptionOf(nodeId: string, requestId: string, source: DatabaseTransaction): Promise<LedgerRow | undefined> {
    return source
      .selectFrom('ledger_entries')
      .selectAll()
      .where('node_id', '=', nodeId)
      .where('inference_request_id', '=', requestId)
      .where('event_type', '=', sql.lit('redemption'))
      .orderBy('seq')
      .limit(1)
      .executeTakeFirst();
  }

  /** Number of entries, hash of the last one and GFT in circulation. */
  async head(
    source: Database | DatabaseTransaction = this.database,
  ): Promise<{ entries: number; headHash: string; supplyMicroGft: MicroGft }> {
    const row = await source.selectFrom('ledger_head').selectAll().where('id', '=', 1).executeTakeFirst();
    return {
      entries: row?.entries ?? 0,
      headHash: row?.head_hash ?? GENESIS_HASH,
      supplyMicroGft: row?.supply_micro_gft ?? 0,
    };
  }

  /** Balances of everybody the drafts concern, in one question. */
  private async balancesOf(
    transaction: DatabaseTransaction,
    drafts: readonly LedgerDraft[],
  ): Promise<Map<string, BalanceRow>> {
    const nodeIds = [...new Set(drafts.map((draft) => draft.nodeId))];
    const rows: BalanceRow[] = [];
    for (let start = 0; start < nodeIds.length; start += MAX_ROWS) {
      const some = nodeIds.slice(start, start + MAX_ROWS);
      rows.push(...(await transaction.selectFrom('balances').selectAll().where('node_id', 'in', some).execute()));
    }
    return new Map(rows.map((row) => [row.node_id, row]));
  }

  private async write(
    transaction: DatabaseTransaction,
    rows: readonly LedgerRow[],
    balances: readonly BalanceRow[],
  ): Promise<void> {
    for (let start = 0; start < rows.length; start += MAX_ROWS) {
      await transaction
        .insertInto('ledger_entries')
        .values(rows.slice(start, start + MAX_ROWS))
        .execute();
    }
    for (let start = 0; start < balances.length; start += MAX_ROWS) {
      await transaction
        .insertInto('balances')
        .values(balances.slice(start, start + MAX_ROWS))
        .onConflict((conflict) =>
          conflict.column('node_id').doUpdateSet((build) => ({
            balance_micro_gft: build.ref('excluded.balance_micro_gft'),
            earned_micro_gft: build.ref('excluded.earned_micro_gft'),
            spent_micro_gft: build.ref('excluded.spent_micro_gft'),
            updated_at: build.ref('excluded.updated_at'),
          })),
        )
        .execute();
    }
  }
}
