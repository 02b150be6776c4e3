import type { Selectable } from 'kysely';
import type { MicroGft } from '../../protocol/compute/micro-gft';
import type { CoordinatorTables } from '../storage/database-schema';

interface Sum {
  earned: MicroGft;
  spent: MicroGft;
}

/** What the entries of a ledger add up to, per node and in all. */
export class LedgerSums {
  private readonly byNode = new Map<string, Sum>();
  private supply: MicroGft = 0;

  add(nodeId: string, amountMicroGft: MicroGft): void {
    let sum = this.byNode.get(nodeId);
    if (sum === undefined) {
      sum = { earned: 0, spent: 0 };
      this.byNode.set(nodeId, sum);
    }
    if (amountMicroGft > 0) sum.earned += amountMicroGft;
    else sum.spent -= amountMicroGft;
    this.supply += amountMicroGft;
  }

  /** GFT in circulation. */
  get supplyMicroGft(): MicroGft {
    return this.supply;
  }

  /** How many balances are not what the entries make them, among those kept and those that should be. */
  differing(balances: readonly Selectable<CoordinatorTables['balances']>[]): number {
    const missing = new Map(this.byNode);
    let wrong = 0;
    for (const balance of balances) {
      const sum = missing.get(balance.node_id) ?? { earned: 0, spent: 0 };
      missing.delete(balance.node_id);
      const isRight =
        balance.earned_micro_gft === sum.earned &&
        balance.spent_micro_gft === sum.spent &&
        balance.balance_micro_gft === sum.earned - sum.spent;
      if (!isRight) wrong += 1;
    }
    for (const sum of missing.values()) if (sum.earned !== 0 || sum.spent !== 0) wrong += 1;
    return wrong;
  }
}
