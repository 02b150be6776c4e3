import { sql } from 'kysely';
import { nodeCryptography } from '../../keys/ed25519';
import {
  checkpointHash,
  NO_HASH,
  signCheckpoint,
  type LedgerCheckpoint,
} from '../../protocol/compute/ledger-checkpoint';
import { toWireGft } from '../../protocol/compute/micro-gft';
import { success } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { signKeyLink } from '../../protocol/trust/key-link';
import { timestampOf, type Clock, type Random } from '../clock';
import { refuse, type CoordinatorResult } from '../errors';
import type { Logger } from '../logger';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { GENESIS_HASH } from './ledger-entry';
import type { LedgerStore } from './ledger-store';

/** Where the signing key comes from; asked before every checkpoint. */
export type KeySource = () => Promise<CoordinatorResult<Signer>>;

function broken(what: string): ReturnType<typeof refuse> {
  return refuse('ledger-broken', `No checkpoint was signed: ${what}.`, {
    suggestion: 'Run tore-coordinator ledger verify, and restore a backup if it finds a fault.',
  });
}

/**
 * Signed checkpoints of the ledger, each made in one transaction from what the database holds then. Replicas take turns,
 * so that they make one chain together.
 */
export class LedgerCheckpoints {
  constructor(
    private readonly database: Database,
    private readonly ledger: LedgerStore,
    private readonly coordinatorId: string,
    private readonly keyOf: KeySource,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /**
   * Signs a checkpoint when the ledger has grown since the last one, and returns the newest. Fails with
   * `signing-key-missing`, with `signing-key-foreign` when the last one was signed by another key, and with
   * `ledger-broken` when balances, head and entries do not fit together: what is wrong is not signed.
   */
  async make(): Promise<CoordinatorResult<LedgerCheckpoint>> {
    const signer = await this.keyOf();
    if (!signer.ok) return signer;
    return this.database.transaction().execute(async (transaction) => {
      const last = await this.newest(transaction);
      if (last !== null && last.public_key !== signer.value.publicKey) {
        return refuse('signing-key-foreign', 'The last checkpoint was signed with another key than the one here.', {
          suggestion: 'Restore that key from a backup; `ledger rotate-key` hands over to a new one.',
        });
      }
      const { entries } = await this.ledger.head(transaction);
      return last?.entries === entries ? success(last) : this.write(transaction, last, signer.value);
    });
  }

  /**
   * Hands over to another key: signs a checkpoint with it that holds the word of both. Everybody who knew the old key can
   * go on from there. Fails like `make`.
   */
  async rotate(next: Signer): Promise<CoordinatorResult<LedgerCheckpoint>> {
    const old = await this.keyOf();
    if (!old.ok) return old;
    return this.database.transaction().execute(async (transaction) => {
      const last = await this.newest(transaction);
      if (last === null) return this.write(transaction, null, next);
      if (last.public_key !== old.value.publicKey) {
        return refuse('signing-key-foreign', 'The last checkpoint was signed with another key than the one here.');
      }
      const link = signKeyLink(
        {
          tore_spec: 'tore-0002',
          type: 'key-link',
          id: this.random.uuid(),
          node_id: this.coordinatorId,
          reason: 'The coordinator signs its ledger with a new key.',
          issued_at: timestampOf(this.clock.nowMs()),
          metadata: {},
        },
        { old: old.value, new: next },
        nodeCryptography,
      );
      return this.write(transaction, last, next, { key_link: link });
    });
  }

  /** The newest checkpoint, or null. */
  async newest(source: Database | DatabaseTransaction = this.database): Promise<LedgerCheckpoint | null> {
    const row = await source
      .selectFrom('ledger_checkpoints')
      .select('checkpoint_json')
      .orderBy('number', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.checkpoint_json) as LedgerCheckpoint);
  }

  /** Checkpoints after a number, oldest first, and how many there are in all. */
  async after(
    number: number,
    limit: number,
  ): Promise<{ readonly checkpoints: LedgerCheckpoint[]; readonly total: number }> {
    const rows = await this.database
      .selectFrom('ledger_checkpoints')
      .select('checkpoint_json')
      .where('number', '>', number)
      .orderBy('number')
      .limit(limit)
      .execute();
    const { total } = await this.database
      .selectFrom('ledger_checkpoints')
      .select((build) => build.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow();
    return { checkpoints: rows.map((row) => JSON.parse(row.checkpoint_json) as LedgerCheckpoint), total };
  }

  private async write(
    transaction: DatabaseTransaction,
    last: LedgerCheckpoint | null,
    signer: Signer,
    more: Pick<LedgerCheckpoint, 'key_link'> = {},
  ): Promise<CoordinatorResult<LedgerCheckpoint>> {
    const { entries, headHash, supplyMicroGft } = await this.ledger.head(transaction);
    const fault = await this.faultOf(transaction, last, { entries, headHash, supplyMicroGft });
    if (fault !== null) return broken(fault);
    const previous = last === null ? success(NO_HASH) : checkpointHash(last, nodeCryptography);
    if (!previous.ok) return broken(previous.error.message);
    const issued_at = timestampOf(this.clock.nowMs());
    const checkpoint = signCheckpoint(
      {
        coordinator_id: this.coordinatorId,
        number: (last?.number ?? 0) + 1,
        entries,
        head_hash: headHash,
        supply: toWireGft(supplyMicroGft),
        issued_at,
        previous_hash: previous.value,
        ...more,
      },
      signer,
      nodeCryptography,
    );
    const { number } = checkpoint;
    await transaction
      .insertInto('ledger_checkpoints')
      .values({ number, entries, checkpoint_json: JSON.stringify(checkpoint), issued_at })
      .execute();
    return success(checkpoint);
  }

  /** What contradicts the head of the ledger, looked up without reading the whole chain. */
  private async faultOf(
    transaction: DatabaseTransaction,
    last: LedgerCheckpoint | null,
    head: { readonly entries: number; readonly headHash: string; readonly supplyMicroGft: number },
  ): Promise<string | null> {
    const hashAt = async (seq: number): Promise<string> => {
      if (seq === 0) return GENESIS_HASH;
      const row = await transaction
        .selectFrom('ledger_entries')
        .select('entry_hash')
        .where('seq', '=', seq)
        .executeTakeFirst();
      return row?.entry_hash ?? '';
    };
    if ((await hashAt(head.entries)) !== head.headHash) return 'the last entry is not the one that was recorded';
    if (last !== null && (last.entries > head.entries || (await hashAt(last.entries)) !== last.head_hash)) {
      return `the ledger does not contain what checkpoint ${last.number} covers`;
    }
    const { balances } = await transaction
      .selectFrom('balances')
      .select((build) => sql<number>`coalesce(${build.fn.sum('balance_micro_gft')}, 0)`.as('balances'))
      .executeTakeFirstOrThrow();
    return Number(balances) === head.supplyMicroGft ? null : 'the balances do not add up to the GFT in circulation';
  }
}

/** Signs a checkpoint whenever its time has come; part of the maintenance round. */
export class CheckpointSchedule {
  private dueMs: number | null = null;
  private lastFault: string | null = null;

  constructor(
    private readonly checkpoints: LedgerCheckpoints,
    private readonly everyMs: number,
    private readonly logger: Logger,
  ) {}

  /** The time of the last checkpoint is that of the newest one in the database, so a restart changes nothing. */
  async tick(nowMs: number): Promise<void> {
    if (this.everyMs === 0 || (this.dueMs !== null && nowMs < this.dueMs)) return;
    // Another replica may have made one meanwhile.
    const newest = await this.checkpoints.newest();
    this.dueMs = newest === null ? nowMs : Date.parse(newest.issued_at) + this.everyMs;
    if (nowMs < this.dueMs) return;
    this.dueMs = nowMs + this.everyMs;
    const made = await this.checkpoints.make();
    const fault = made.ok ? null : made.error.code;
    // Once per kind: the same line every hour would hide the others.
    if (!made.ok && fault !== this.lastFault) this.logger.error({ code: fault }, made.error.message);
    this.lastFault = fault;
  }
}
