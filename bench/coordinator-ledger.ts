// Ledger appends per second on SQLite and PostgreSQL, and the time to verify a ledger of a million entries.
// Both engines wait for the disk, as in service. Usage: node scripts/bench.mjs coordinator-ledger [seconds] [entries]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '../src/coordinator/clock';
import { GENESIS_HASH, rowOfDraft, type LedgerDraft, type LedgerRow } from '../src/coordinator/ledger/ledger-entry';
import { LedgerStore } from '../src/coordinator/ledger/ledger-store';
import { LedgerVerifier } from '../src/coordinator/ledger/ledger-verifier';
import type { Database } from '../src/coordinator/storage/database-schema';
import { openDatabase } from '../src/coordinator/storage/open-database';
import { findPostgres, startPostgres } from '../src/coordinator/testing/postgres-server';

const seconds = Number(process.argv[2] ?? 5);
const totalEntries = Number(process.argv[3] ?? 1_000_000);
const NODES = 100;
/** Rows of one insert; 16 columns each, below SQLite's limit of parameters. */
const BATCH = 1_000;

async function open(location: string): Promise<Database> {
  const opened = await openDatabase(location);
  if (!opened.ok) throw new Error(opened.error.message);
  const database = opened.value;
  const rows = Array.from({ length: NODES }, (_, index) => ({
    id: `node-${index}`,
    public_key: `key-${index}`,
    hardware_json: '{}',
    hardware_class: 'x',
    multiplier: 1,
    hardware_changes: 0,
    status: 'active' as const,
    reliability: 1,
    forgiven_until: 0,
    max_gpu_utilization: 0.8,
    protocol_version: '0.1',
    registered_at: '',
    last_seen: '',
  }));
  await database
    .insertInto('nodes')
    .values(rows as never)
    .execute();
  return database;
}

function draft(index: number): LedgerDraft {
  return {
    eventType: 'issuance',
    nodeId: `node-${index % NODES}`,
    amountMicroGft: 1 + (index % 7),
    flopsDelivered: 1e9,
  };
}

/** Settlements as requests make them: a transaction with one redemption and two issuances. */
async function settlementsPerSecond(database: Database, concurrency: number): Promise<number> {
  const ledger = new LedgerStore(database, systemClock, systemRandom);
  let count = 0;
  const end = performance.now() + seconds * 1_000;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        const first = count * 3;
        count += 1;
        await database
          .transaction()
          .execute((transaction) => ledger.append(transaction, [draft(first), draft(first + 1), draft(first + 2)]));
      }
    }),
  );
  return count / ((performance.now() - started) / 1_000);
}

async function fill(database: Database): Promise<void> {
  let previousHash = GENESIS_HASH;
  const sums = new Map<string, number>();
  const timestamp = new Date().toISOString();
  for (let seq = 1; seq <= totalEntries;) {
    const rows: LedgerRow[] = [];
    for (; rows.length < BATCH && seq <= totalEntries; seq += 1) {
      const entry = draft(seq);
      const row = rowOfDraft(entry, { seq, id: systemRandom.uuid(), previousHash, timestamp });
      sums.set(entry.nodeId, (sums.get(entry.nodeId) ?? 0) + entry.amountMicroGft);
      previousHash = row.entry_hash;
      rows.push(row);
    }
    await database
      .transaction()
      .execute((transaction) => transaction.insertInto('ledger_entries').values(rows).execute());
  }
  let supply = 0;
  for (const [nodeId, sum] of sums) {
    supply += sum;
    const amounts = { balance_micro_gft: sum, earned_micro_gft: sum, spent_micro_gft: 0, updated_at: timestamp };
    await database
      .insertInto('balances')
      .values({ node_id: nodeId, ...amounts })
      .execute();
  }
  const head = { id: 1, entries: totalEntries, head_hash: previousHash, supply_micro_gft: supply };
  await database.insertInto('ledger_head').values(head).execute();
}

async function measure(name: string, locations: readonly [string, string]): Promise<void> {
  const appended = await open(locations[0]);
  for (const concurrency of [1, 16]) {
    const settlements = await settlementsPerSecond(appended, concurrency);
    console.log(
      `${name}: ${settlements.toFixed(0)} settlements/s, ${(settlements * 3).toFixed(0)} entries/s (${concurrency} at a time)`,
    );
  }
  await appended.destroy();
  const large = await open(locations[1]);
  await fill(large);
  const started = performance.now();
  const verified = await new LedgerVerifier(large, new LedgerStore(large, systemClock, systemRandom)).verifyAll();
  const took = (performance.now() - started) / 1_000;
  console.log(
    `${name}: ${verified.total_entries} entries verified in ${took.toFixed(1)} s, valid: ${verified.chain_valid}`,
  );
  await large.destroy();
}

const folder = await mkdtemp(join(tmpdir(), 'tore-bench-ledger-'));
try {
  await measure('SQLite', [join(folder, 'a.db'), join(folder, 'b.db')]);
  if (findPostgres() === null) console.log('PostgreSQL is not installed here');
  else {
    const server = await startPostgres({ durable: true });
    try {
      const schema = (name: string): string => `${server.url}&options=${encodeURIComponent(`-c search_path=${name}`)}`;
      const admin = await openDatabase(server.url);
      if (!admin.ok) throw new Error(admin.error.message);
      await admin.value.schema.createSchema('a').execute();
      await admin.value.schema.createSchema('b').execute();
      await admin.value.destroy();
      await measure('PostgreSQL', [schema('a'), schema('b')]);
    } finally {
      await server.stop();
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
