import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import { readCheckpoints, type LedgerCheckpoint } from '../../protocol/compute/ledger-checkpoint';
import { LedgerWalk } from '../../protocol/compute/ledger-walk';
import { success } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { systemClock, systemRandom } from '../clock';
import { silentLogger, type Logger } from '../logger';
import type { Database } from '../storage/database-schema';
import { dropTrigger, openTestDatabase } from '../testing/test-database';
import { CheckpointSchedule, LedgerCheckpoints } from './checkpoints';
import type { LedgerDraft } from './ledger-entry';
import { ledgerLines } from './ledger-export';
import { LedgerStore } from './ledger-store';

let database: Database;
let close: () => Promise<void>;
let ledger: LedgerStore;
let key: Signer;
let checkpoints: LedgerCheckpoints;

beforeEach(async () => {
  ({ database, close } = await openTestDatabase());
  ledger = new LedgerStore(database, systemClock, systemRandom);
  key = generateSigner().signer;
  const keyOf = (): Promise<ReturnType<typeof success<Signer>>> => Promise.resolve(success(key));
  checkpoints = new LedgerCheckpoints(database, ledger, 'coordinator-1', keyOf, systemClock, systemRandom);
  for (const id of ['a', 'b']) {
    await sql`insert into nodes (id, public_key, hardware_json, hardware_class, multiplier, status, reliability,
      max_gpu_utilization, protocol_version, registered_at, last_seen)
      values (${id}, ${id}, '{}', 'x', 1, 'active', 1, 1, '0.1', '', '')`.execute(database);
  }
});
afterEach(() => close());

const draft = (nodeId: string, amountMicroGft: number): LedgerDraft => ({
  eventType: amountMicroGft < 0 ? 'redemption' : 'issuance',
  nodeId,
  amountMicroGft,
  flopsDelivered: 1e9 / 3,
  reason: 'ünïcode, "quoted"',
});
const append = (...drafts: LedgerDraft[]): Promise<unknown> =>
  database.transaction().execute((transaction) => ledger.append(transaction, drafts));

async function make(): Promise<LedgerCheckpoint> {
  const made = await checkpoints.make();
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

async function exported(): Promise<unknown[]> {
  const lines: unknown[] = [];
  for await (const line of ledgerLines(database, 'jsonl')) lines.push(JSON.parse(line));
  return lines;
}

/** What somebody says who has nothing but the two files. */
function judge(values: readonly unknown[], entries: readonly unknown[]): string {
  const read = readCheckpoints(values, nodeCryptography);
  if (!read.ok) return read.error.message;
  const walk = new LedgerWalk(read.value, nodeCryptography);
  for (const entry of entries) {
    const taken = walk.take(entry);
    if (!taken.ok) return taken.error.message;
  }
  const ended = walk.end();
  return ended.ok ? `holds with ${ended.value}` : ended.error.message;
}

describe('checkpoints of the ledger', () => {
  it('form a chain that an export reaches exactly, and are made only when the ledger has grown', async () => {
    const empty = await make();
    expect(empty).toMatchObject({ number: 1, entries: 0, supply: 0, previous_hash: '0'.repeat(64) });
    await append(draft('a', 5_000_001), draft('b', 3));
    await make();
    await append(draft('a', -1_000_001));
    const last = await make();
    expect(last).toMatchObject({ number: 3, entries: 3, supply: 4.000003, coordinator_id: 'coordinator-1' });
    expect(await make()).toEqual(last);
    const { checkpoints: all, total } = await checkpoints.after(0, 100);
    expect(total).toBe(3);
    expect(judge(all, await exported())).toBe('holds with 3');
    expect(judge([last], await exported())).toBe('holds with 3');
    await append(draft('b', 9));
    expect(judge(all, await exported())).toBe('holds with 4');
  });

  it('show what was changed, left out, added or signed anew', async () => {
    await append(draft('a', 5), draft('b', 7));
    const first = await make();
    await append(draft('a', 1));
    const second = await make();
    const entries = (await exported()) as Record<string, unknown>[];
    const changed = entries.map((entry, index) => (index === 1 ? { ...entry, reason: 'a gift' } : entry));
    expect(judge([first], changed)).toContain('Entry 2 of the export was changed');
    expect(judge([second], entries.slice(0, 2))).toContain('some are missing');
    expect(judge([second], entries.slice(1))).toContain('does not begin with the first entry');
    expect(judge([second], [entries[0], entries[2]])).toContain('does not follow');
    expect(judge([{ ...first, supply: 13 }], entries)).toContain('signature of checkpoint 1 does not hold');
    expect(judge([second, first], entries)).toContain('is missing');
    // A ledger written anew from the second entry on has right hashes, but not those that were signed.
    const other = generateSigner().signer;
    const forger = new LedgerCheckpoints(
      database,
      ledger,
      'coordinator-1',
      () => Promise.resolve(success(other)),
      systemClock,
      systemRandom,
    );
    expect(await forger.make()).toMatchObject({ ok: false, error: { code: 'signing-key-foreign' } });
  });

  it('are not signed over a ledger that contradicts itself', async () => {
    await append(draft('a', 5));
    await make();
    await append(draft('a', 6));
    await sql`update balances set balance_micro_gft = 500 where node_id = 'a'`.execute(database);
    expect(await checkpoints.make()).toMatchObject({ ok: false, error: { code: 'ledger-broken' } });
    await sql`update balances set balance_micro_gft = 11 where node_id = 'a'`.execute(database);
    await dropTrigger(database, 'ledger_entries_keep', 'ledger_entries');
    await sql`update ledger_entries set entry_hash = ${'f'.repeat(64)} where seq = 1`.execute(database);
    const refused = await checkpoints.make();
    expect(refused).toMatchObject({ ok: false, error: { message: expect.stringContaining('checkpoint 1 covers') } });
  });

  it('cannot be changed or removed', async () => {
    await make();
    await expect(sql`update ledger_checkpoints set entries = 9`.execute(database)).rejects.toThrow('never changed');
    await expect(sql`delete from ledger_checkpoints`.execute(database)).rejects.toThrow('never removed');
  });

  it('go on with another key after both have said so', async () => {
    await append(draft('a', 5));
    const first = await make();
    const next = generateSigner().signer;
    expect(await checkpoints.rotate(next)).toMatchObject({ ok: true, value: { number: 2 } });
    expect(await checkpoints.make()).toMatchObject({ ok: false, error: { code: 'signing-key-foreign' } });
    key = next;
    await append(draft('b', 5));
    await make();
    const { checkpoints: all } = await checkpoints.after(0, 100);
    expect(judge(all, await exported())).toBe('holds with 2');
    const withoutLink = all.map((one) => ({ ...one, key_link: undefined }));
    expect(judge(withoutLink, [])).toContain('signature of checkpoint 2');
    expect(judge([first, all[2]], [])).toContain('Checkpoint 2 is missing');
  });

  it('make one chain when replicas sign at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      await append(draft('a', 1));
      await Promise.all([make(), make(), make()]);
    }
    const { checkpoints: all } = await checkpoints.after(0, 100);
    expect(judge(all, await exported())).toBe('holds with 5');
  });

  it('are signed when their time has come, counted from the last one, and a fault is told once', async () => {
    const told: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_facts, message) => void told.push(message) };
    const everyMs = 3_600_000;
    const start = Date.now();
    await append(draft('a', 5));
    await new CheckpointSchedule(checkpoints, everyMs, logger).tick(start);
    await append(draft('a', 5));
    const afterRestart = new CheckpointSchedule(checkpoints, everyMs, logger);
    await afterRestart.tick(start + everyMs / 2);
    expect(await checkpoints.newest()).toMatchObject({ number: 1 });
    await afterRestart.tick(start + 2 * everyMs);
    expect(await checkpoints.newest()).toMatchObject({ number: 2, entries: 2 });
    key = generateSigner().signer;
    await append(draft('a', 5));
    for (const hours of [4, 6, 8]) await afterRestart.tick(start + hours * everyMs);
    expect(told).toHaveLength(1);
  });
});

describe('an export', () => {
  it('holds the entries of one node, in pages, as JSON lines and for a spreadsheet', async () => {
    const drafts = Array.from({ length: 2_300 }, (_, index) => draft(index % 2 === 0 ? 'a' : 'b', index + 1));
    await append(...drafts, { ...draft('a', 1), reason: '=HYPERLINK("x"),\n', inferenceRequestId: '-1' });
    const own: Record<string, unknown>[] = [];
    for await (const line of ledgerLines(database, 'jsonl', { nodeId: 'a' })) {
      own.push(JSON.parse(line) as Record<string, unknown>);
    }
    expect(own).toHaveLength(1_151);
    expect(own.every((entry) => entry['node_id'] === 'a')).toBe(true);
    expect(own.at(-1)).toMatchObject({ seq: 2_301, amount: 0.000001 });
    const csv: string[] = [];
    for await (const line of ledgerLines(database, 'csv', { nodeId: 'a' })) csv.push(line);
    expect(csv).toHaveLength(1_152);
    expect(csv[0]).toMatch(/^seq,timestamp,event_type,amount,node_id,reason,/);
    expect(csv.at(-1)).toContain(`,issuance,0.000001,a,"'=HYPERLINK(""x""),\n",'-1,`);
  });
});
