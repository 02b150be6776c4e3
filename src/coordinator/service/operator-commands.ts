import { toWireGft } from '../../protocol/compute/micro-gft';
import type { CoordinatorResult } from '../errors';
import { withDatabase } from './ledger-commands';

/** A line per registered node. */
export function listNodes(location: string, print: (line: string) => void): Promise<CoordinatorResult<number>> {
  return withDatabase(location, async (database) => {
    const rows = await database
      .selectFrom('nodes')
      .leftJoin('balances', 'balances.node_id', 'nodes.id')
      .select(['id', 'status', 'suspension', 'hardware_class', 'reliability', 'last_seen', 'balance_micro_gft'])
      .orderBy('last_seen', 'desc')
      .execute();
    for (const row of rows) {
      const status = row.suspension === null ? row.status : `${row.status} (${row.suspension})`;
      const balance = `${toWireGft(row.balance_micro_gft ?? 0)} GFT`;
      print([row.id, status, row.hardware_class, row.reliability.toFixed(2), balance, row.last_seen].join('  '));
    }
    return rows.length;
  });
}
