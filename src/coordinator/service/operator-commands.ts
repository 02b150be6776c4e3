import { toWireGft } from '../../protocol/compute/micro-gft';
import { success } from '../../protocol/result';
import type { LedgerVerification } from '../../protocol/compute/http/tokens';
import { systemClock, systemRandom } from '../clock';
import type { CoordinatorResult } from '../errors';
import { entryOfRow } from '../ledger/ledger-entry';
import { LedgerStore } from '../ledger/ledger-store';
import { LedgerVerifier } from '../ledger/ledger-verifier';
import type { Database } from '../storage/database-schema';
import { openDatabase } from '../storage/open-database';

/** Entries read at once. */
const PAGE_ENTRIES = 1_000;

async function withDatabase<Value>(
  location: string,
  work: (database: Database) => Promise<Value>,
): Promise<CoordinatorResult<Value>> {
  const opened = await openDatabase(location);
  if (!opened.ok) return opened;
  try {
    return success(await work(opened.value));
  } finally {
    await opened.value.destroy();
  }
}

/** Every hash of the chain and every balance, in the database of a coordinator that may be running or not. */
export function verifyLedger(location: string): Promise<CoordinatorResult<LedgerVerification>> {
  return withDatabase(location, (database) => {
    const ledger = new LedgerStore(database, systemClock, systemRandom);
    return new LedgerVerifier(database, ledger).verifyAll();
  });
}

/** Hands the newest `limit` entries on, oldest of them first; 0 means all. Returns how many there were. */
export function auditLedger(
  location: string,
  limit: number,
  print: (line: string) => void,
): Promise<CoordinatorResult<number>> {
  return withDatabase(location, async (database) => {
    const ledger = new LedgerStore(database, systemClock, systemRandom);
    const { entries } = await ledger.head();
    let position = limit === 0 ? 0 : Math.max(0, entries - limit);
    let printed = 0;
    for (;;) {
      const rows = await database
        .selectFrom('ledger_entries')
        .selectAll()
        .where('seq', '>', position)
        .orderBy('seq')
        .limit(PAGE_ENTRIES)
        .execute();
      for (const row of rows) print(JSON.stringify({ seq: row.seq, ...entryOfRow(row) }));
      printed += rows.length;
      const last = rows.at(-1);
      if (last === undefined) return printed;
      position = last.seq;
    }
  });
}

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
