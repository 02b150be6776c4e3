import fc from 'fast-check';
import { sql, type KyselyPlugin } from 'kysely';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../clock';
import type { Database } from '../storage/database-schema';
import { dropTrigger, openTestDatabase } from '../testing/test-database';
import { entryOfRow, hashEntry, type LedgerDraft } from './ledger-entry';
import { LedgerStore, OverdraftError } from './ledger-store';
import { LedgerVerifier } from './ledger-verifier';

let database: Database;
let close: () => Promise<void> = () => Promise.resolve();
let ledger: LedgerStore;

async function fresh(): Promise<void> {
  await close();
  ({ database, close } = await openTestDatabase());
  ledger = new LedgerStore(database, systemClock, systemRandom);
  for (const id of ['a', 'b', 'c']) {
    await sql`insert into nodes (id, public_key, hardware_json, hardware_class, multiplier, status, reliability,
      max_gpu_utilization, protocol_version, registered_at, last_seen)
      values (${id}, ${id}, '{}', 'x', 1, 'active', 1, 1, '0.1', '', '')`.execute(database);
  }
}

const append = (...drafts: LedgerDraft[]): ReturnType<LedgerStore['append']> =>
  database.transaction().execute((transaction) => ledger.append(transaction, drafts));

const grant = (nodeId: string, amountMicroGft: number): LedgerDraft => ({
  eventType: 'purchase',
  nodeId,
  amountMicroGft,
  reason: 'test',
  expiresAt: '2030-01-01T00:00:00.000Z',
});
const spend = (nodeId: string, amount: number): LedgerDraft => ({
  eventType: 'redemption',
  nodeId,
  amountMicroGft: -amount,
  inferenceRequestId: 'r',
  flopsConsumed: 12.5,
});

beforeEach(fresh);
afterAll(() => close());

describe('the ledger', () => {
  it('keeps balances equal to the sums of entries, whatever is written', async () => {
    const step = fc.record({ nodeId: fc.constantFrom('a', 'b', 'c'), amount: fc.integer({ min: -500, max: 500 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await fresh();
        const expected = new Map<string, number>();
        for (const { nodeId, amount } of steps) {
          const before = expected.get(nodeId) ?? 0;
          const draft = amount < 0 ? spend(nodeId, -amount) : grant(nodeId, amount);
          if (before + amount < 0) await expect(append(draft)).rejects.toThrow(OverdraftError);
          else {
            await append(draft);
            expected.set(nodeId, before + amount);
          }
        }
        for (const [nodeId, balance] of expected) expect(await ledger.balanceOf(nodeId)).toBe(balance);
        const verified = await new LedgerVerifier(database, ledger).verifyAll();
        expect(verified).toMatchObject({ chain_valid: true, problem: null });
      }),
      { numRuns: 25 },
    );
  });

  it('writes all entries of a transaction or none', async () => {
    await append(grant('a', 100));
    await expect(append(grant('b', 50), spend('a', 101))).rejects.toThrow(OverdraftError);
    expect(await ledger.balanceOf('b')).toBe(0);
    expect(await ledger.head()).toMatchObject({ entries: 1, supplyMicroGft: 100 });
    expect((await new LedgerVerifier(database, ledger).verifyAll()).chain_valid).toBe(true);
  });

  it('refuses to change or remove entries', async () => {
    await append(grant('a', 100));
    await expect(sql`update ledger_entries set amount_micro_gft = 1`.execute(database)).rejects.toThrow(
      'never changed',
    );
    await expect(sql`delete from ledger_entries`.execute(database)).rejects.toThrow('never removed');
  });

  const columns: readonly [string, string | number][] = [
    ['id', 'x'],
    ['event_type', 'issuance'],
    ['node_id', 'c'],
    ['amount_micro_gft', 101],
    ['task_id', 'x'],
    ['flops_delivered', 1],
    ['hardware_multiplier', 8],
    ['reliability_factor', 0.5],
    ['inference_request_id', 'x'],
    ['flops_consumed', 1],
    ['reason', 'x'],
    ['previous_hash', 'f'.repeat(64)],
    ['entry_hash', 'f'.repeat(64)],
    ['timestamp', '2020-01-01T00:00:00.000Z'],
    ['expires_at', null as unknown as string],
    ['seq', 77],
  ];

  it.each(columns)('notices a change of %s', async (column, value) => {
    await append(grant('a', 100));
    await append(grant('b', 100), spend('a', 10));
    let nowMs = 0;
    const verifier = new LedgerVerifier(database, ledger, { nowMs: () => nowMs });
    expect((await verifier.verifyAll()).chain_valid).toBe(true);
    await dropTrigger(database, 'ledger_entries_keep', 'ledger_entries');
    nowMs += 5 * 60_000;
    await sql`update ledger_entries set ${sql.ref(column)} = ${value} where seq = 2`.execute(database);
    expect((await verifier.verifyAll()).chain_valid).toBe(false);
    expect((await new LedgerVerifier(database, ledger).advance()).valid).toBe(false);
  });

  it('notices an entry that was rewritten together with its own hash', async () => {
    for (let index = 0; index < 3; index += 1) await append(grant('a', 100));
    await dropTrigger(database, 'ledger_entries_keep', 'ledger_entries');
    const row = await database.selectFrom('ledger_entries').selectAll().where('seq', '=', 2).executeTakeFirstOrThrow();
    const forged = { ...row, reason: 'a gift' };
    const entry_hash = hashEntry(entryOfRow(forged));
    await database
      .updateTable('ledger_entries')
      .set({ reason: forged.reason, entry_hash })
      .where('seq', '=', 2)
      .execute();
    const verified = await new LedgerVerifier(database, ledger).verifyAll();
    expect(verified.problem).toContain('Entry 3 does not follow');
  });

  it('notices a removed end, a changed balance and a changed supply', async () => {
    await append(grant('a', 100));
    await append(grant('b', 100));
    await dropTrigger(database, 'ledger_entries_stay', 'ledger_entries');
    const verify = (): ReturnType<LedgerVerifier['verifyAll']> => new LedgerVerifier(database, ledger).verifyAll();
    await sql`update balances set balance_micro_gft = 500 where node_id = 'a'`.execute(database);
    expect((await verify()).problem).toContain('balance');
    await sql`update balances set balance_micro_gft = 100 where node_id = 'a'`.execute(database);
    expect((await verify()).chain_valid).toBe(true);
    await sql`update ledger_head set supply_micro_gft = 500`.execute(database);
    expect((await verify()).chain_valid).toBe(false);
    await sql`update ledger_head set supply_micro_gft = 200`.execute(database);
    await sql`delete from ledger_entries where seq = 2`.execute(database);
    expect((await verify()).chain_valid).toBe(false);
  });

  it('is read once for all who want a verdict, then only what is new, and all of it again after minutes', async () => {
    const ENTRIES = 600;
    await append(...Array.from({ length: ENTRIES }, () => grant('a', 1)));
    let rowsRead = 0;
    const counting: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        rowsRead += result.rows.filter((row) => 'entry_hash' in row).length;
        return result;
      },
    };
    let nowMs = 0;
    const verifier = new LedgerVerifier(database.withPlugin(counting), ledger, { nowMs: () => nowMs });
    const reads = async (): Promise<number> => {
      const before = rowsRead;
      const verdicts = await Promise.all(Array.from({ length: 10 }, () => verifier.verifyAll()));
      for (const verdict of verdicts) expect(verdict).toEqual(verdicts[0]);
      expect(verdicts[0]).toMatchObject({ chain_valid: true });
      return rowsRead - before;
    };
    expect(await reads()).toBe(ENTRIES);
    expect(await reads()).toBe(0);
    await append(grant('b', 5), spend('a', 2));
    expect(await reads()).toBe(2);
    nowMs += 5 * 60_000;
    expect(await reads()).toBe(ENTRIES + 2);
    // What stays does not hide what is wrong with the rest, and a verdict of that kind is given anew each time.
    await sql`update balances set balance_micro_gft = 500 where node_id = 'b'`.execute(database);
    await append(grant('a', 1));
    expect(await verifier.verifyAll()).toMatchObject({
      chain_valid: false,
      problem: expect.stringContaining('balance'),
    });
    await sql`update balances set balance_micro_gft = 5 where node_id = 'b'`.execute(database);
    expect(await verifier.verifyAll()).toMatchObject({ chain_valid: true, problem: null });
  });

  it('goes on from the last entry it has seen', async () => {
    const verifier = new LedgerVerifier(database, ledger);
    for (let index = 0; index < 5; index += 1) await append(grant('a', 1));
    expect(await verifier.advance(3)).toEqual({ valid: true, verifiedEntries: 3 });
    expect(await verifier.advance(3)).toEqual({ valid: true, verifiedEntries: 5 });
  });

  it('finds nothing wrong when two checks go on at once', async () => {
    await append(grant('a', 100), spend('a', 1), spend('a', 2));
    const verifier = new LedgerVerifier(database, ledger);
    await Promise.all([verifier.advance(), verifier.advance(2), verifier.advance(1)]);
    expect(await verifier.advance()).toEqual({ valid: true, verifiedEntries: 3 });
  });
});
