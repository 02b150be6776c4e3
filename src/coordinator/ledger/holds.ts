import { sql } from 'kysely';
import type { MicroGft } from '../../protocol/compute/micro-gft';
import { timestampOf, type Clock } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';

/** A hold that was not renewed for this long belongs to a process that is gone. */
const LEASE_MS = 60_000;
/** Four chances to renew before a hold lapses. */
export const RENEW_EVERY_MS = 15_000;

/**
 * GFT set aside for running requests, in the database, so that every replica sees what the others set aside. The holder
 * renews its holds while it lives; those of a dead one lapse, and with them the requests nobody is answering any more.
 */
export class Holds {
  /** Requests being answered here, by node. */
  private readonly kept = new Map<string, Set<string>>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    /** Names this process. */
    private readonly holder: string,
  ) {}

  /** What is set aside for a node now. */
  async heldFor(nodeId: string, source: Database | DatabaseTransaction = this.database): Promise<MicroGft> {
    const row = await source
      .selectFrom('holds')
      .select((build) => sql<number>`coalesce(${build.fn.sum('amount_micro_gft')}, 0)`.as('held'))
      .where('node_id', '=', nodeId)
      .where('renewed_at', '>', this.lapsedAt())
      .executeTakeFirstOrThrow();
    return row.held;
  }

  /** False when a request of that id is running already, here or at another replica. */
  async place(
    transaction: DatabaseTransaction,
    nodeId: string,
    requestId: string,
    amountMicroGft: MicroGft,
  ): Promise<boolean> {
    await transaction.deleteFrom('holds').where('renewed_at', '<=', this.lapsedAt()).execute();
    const placed = await transaction
      .insertInto('holds')
      .values({
        node_id: nodeId,
        request_id: requestId,
        amount_micro_gft: amountMicroGft,
        holder: this.holder,
        renewed_at: timestampOf(this.clock.nowMs()),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    return placed.numInsertedOrUpdatedRows === 1n;
  }

  /** Whether a request of that id is running, here or at another replica. */
  async isPlaced(nodeId: string, requestId: string, transaction: DatabaseTransaction): Promise<boolean> {
    const row = await transaction
      .selectFrom('holds')
      .select('request_id')
      .where('node_id', '=', nodeId)
      .where('request_id', '=', requestId)
      .where('renewed_at', '>', this.lapsedAt())
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Renews a hold from now on. For after the transaction that placed it: one that may have failed left none behind. */
  keep(nodeId: string, requestId: string): void {
    this.kept.set(nodeId, (this.kept.get(nodeId) ?? new Set()).add(requestId));
  }

  /** Gives an amount back; nothing happens when it was given back already. Where that fails the hold lapses. */
  async release(
    nodeId: string,
    requestId: string,
    source: Database | DatabaseTransaction = this.database,
  ): Promise<void> {
    const ofNode = this.kept.get(nodeId);
    ofNode?.delete(requestId);
    if (ofNode?.size === 0) this.kept.delete(nodeId);
    await source
      .deleteFrom('holds')
      .where('node_id', '=', nodeId)
      .where('request_id', '=', requestId)
      .where('holder', '=', this.holder)
      .execute();
  }

  /** Says that this process still answers what it set aside for. */
  async renew(): Promise<void> {
    const renewed_at = timestampOf(this.clock.nowMs());
    for (const [nodeId, requestIds] of this.kept) {
      await this.database
        .updateTable('holds')
        .set({ renewed_at })
        .where('node_id', '=', nodeId)
        .where('request_id', 'in', [...requestIds])
        .where('holder', '=', this.holder)
        .execute();
    }
  }

  /** At the start of a coordinator of one process: nothing runs, so nothing is held. */
  async clear(): Promise<void> {
    await this.database.deleteFrom('holds').execute();
  }

  private lapsedAt(): string {
    return timestampOf(this.clock.nowMs() - LEASE_MS);
  }
}
