import { toWireGft } from '../../protocol/compute/micro-gft';
import type { LedgerVerification } from '../../protocol/compute/http/tokens';
import { systemClock, type Clock } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { entryOfRow, GENESIS_HASH, hashEntry, type LedgerRow } from './ledger-entry';
import { LedgerSums } from './ledger-sums';
import type { LedgerStore } from './ledger-store';

/** Entries read and hashed before other work gets a turn: some milliseconds. */
const BATCH_ENTRIES = 250;
/** Entries one health check may hash, so that it stays cheap on a ledger of any size. */
const HEALTH_ENTRIES = 2_000;
/**
 * What was read is believed this long, since anybody may ask for the verdict; then it is read anew, so that a change behind
 * the ledger's back is found.
 */
const BELIEVED_MS = 5 * 60_000;

interface ChainPosition {
  readonly seq: number;
  readonly entries: number;
  readonly hash: string;
}

/** The chain from its first entry to some position, as it was read. */
interface ReadChain {
  readonly position: ChainPosition;
  readonly sums: LedgerSums;
  /** When it had last been read as a whole. */
  readonly wholeAtMs: number;
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
 * `verifyAll` reads everything from the first entry on and also compares the balances with the sums of their entries.
 */
export class LedgerVerifier {
  private position = CHAIN_START;
  private problem: string | null = null;
  private known: ReadChain | null = null;
  private verifying: Promise<LedgerVerification> | null = null;

  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerStore,
    private readonly clock: Clock = systemClock,
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

  /**
   * Everything from the first entry on: each is read once, hashed, and added to the sums the balances must have. Whoever
   * asks meanwhile gets the same verdict; what was read minutes ago is not read again, only what came since.
   */
  verifyAll(): Promise<LedgerVerification> {
    this.verifying ??= this.verify().finally(() => {
      this.verifying = null;
    });
    return this.verifying;
  }

  private async verify(): Promise<LedgerVerification> {
    const known = this.believed();
    const isUnchanged = known !== null && this.endsAt(await this.ledger.head(), known);
    if (!isUnchanged) {
      // Sums that were only half added to are worth nothing.
      this.known = null;
      const sums = known?.sums ?? new LedgerSums();
      const read = await this.readOn(known?.position ?? CHAIN_START, sums);
      this.problem = typeof read === 'string' ? read : null;
      if (typeof read !== 'string') {
        this.position = read;
        this.known = { position: read, sums, wholeAtMs: known?.wholeAtMs ?? this.clock.nowMs() };
      }
    }
    const head = await this.ledger.head();
    return {
      chain_valid: this.problem === null,
      total_entries: head.entries,
      total_supply: toWireGft(head.supplyMicroGft),
      problem: this.problem,
    };
  }

  private believed(): ReadChain | null {
    const { known } = this;
    if (known === null || this.problem !== null) return null;
    return this.clock.nowMs() - known.wholeAtMs < BELIEVED_MS ? known : null;
  }

  /** Reads to the end of the chain; what is wrong with it, or how far it goes. */
  private async readOn(from: ChainPosition, sums: LedgerSums): Promise<ChainPosition | string> {
    let position = from;
    for (;;) {
      const rows = await this.rowsAfter(position, BATCH_ENTRIES);
      const checked = this.take(position, rows, sums);
      if (typeof checked === 'string') return checked;
      position = checked;
      // The last entries, which may be new since, are looked at together with the balances they made.
      if (rows.length < BATCH_ENTRIES) return this.compareWithSums(position, sums);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private endsAt(
    head: Awaited<ReturnType<LedgerStore['head']>>,
    { position, sums }: Pick<ReadChain, 'position' | 'sums'>,
  ): boolean {
    return (
      head.entries === position.entries &&
      head.headHash === position.hash &&
      head.supplyMicroGft === sums.supplyMicroGft
    );
  }

  private take(from: ChainPosition, rows: readonly LedgerRow[], sums: LedgerSums): ChainPosition | string {
    const checked = checkChain(from, rows);
    if ('problem' in checked) return checked.problem;
    for (const row of rows) sums.add(row.node_id, row.amount_micro_gft);
    return checked.position;
  }

  private rowsAfter(
    position: ChainPosition,
    limit: number,
    source: Database | DatabaseTransaction = this.database,
  ): Promise<LedgerRow[]> {
    return source
      .selectFrom('ledger_entries')
      .selectAll()
      .where('seq', '>', position.seq)
      .orderBy('seq')
      .limit(limit)
      .execute();
  }

  /** Entries, balances and head of one moment, although entries may be written while the chain is read. */
  private compareWithSums(from: ChainPosition, sums: LedgerSums): Promise<ChainPosition | string> {
    return this.database
      .transaction()
      .setAccessMode('read only')
      .execute(async (transaction) => {
        let position = from;
        for (;;) {
          const rows = await this.rowsAfter(position, BATCH_ENTRIES, transaction);
          if (rows.length === 0) break;
          const checked = this.take(position, rows, sums);
          if (typeof checked === 'string') return checked;
          position = checked;
        }
        const { entries } = await transaction
          .selectFrom('ledger_entries')
          .select((build) => build.fn.countAll<number>().as('entries'))
          .executeTakeFirstOrThrow();
        if (entries !== position.entries) return 'The number of entries does not match the chain.';
        const wrong = sums.differing(await transaction.selectFrom('balances').selectAll().execute());
        if (wrong > 0) return `${wrong} balances differ from the sum of their entries.`;
        const isRecorded = this.endsAt(await this.ledger.head(transaction), { position, sums });
        return isRecorded ? position : 'The end of the chain or the supply differs from what was recorded.';
      });
  }
}
