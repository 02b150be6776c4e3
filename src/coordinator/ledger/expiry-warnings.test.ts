import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom, type Clock } from '../clock';
import type { Database } from '../storage/database-schema';
import { openTestDatabase } from '../testing/test-database';
import { expiringOf, ExpiryWarnings } from './expiry-warnings';
import { LedgerStore, tokenExpiry } from './ledger-store';

const DAY_MS = 86_400_000;
const START = Date.parse('2026-03-01T12:00:00Z');

let database: Database;
let close: () => Promise<void>;
let nowMs: number;
let ledger: LedgerStore;
const clock: Clock = { nowMs: () => nowMs };
const connected = new Set<string>();
let told: string[];
const reach = {
  isConnected: (nodeId: string): boolean => connected.has(nodeId),
  notice: (nodeId: string, text: string): void => void told.push(`${nodeId}: ${text}`),
};

beforeEach(async () => {
  ({ database, close } = await openTestDatabase());
  ledger = new LedgerStore(database, clock, systemRandom);
  nowMs = START;
  told = [];
  connected.clear();
  for (const id of ['a', 'b']) {
    await sql`insert into nodes (id, public_key, hardware_json, hardware_class, multiplier, status, reliability,
      max_gpu_utilization, protocol_version, registered_at, last_seen)
      values (${id}, ${id}, '{}', 'x', 1, 'active', 1, 1, '0.1', '', '')`.execute(database);
  }
});
afterEach(() => close());

async function write(nodeId: string, amountMicroGft: number): Promise<void> {
  await database
    .transaction()
    .execute((transaction) =>
      ledger.append(transaction, [
        amountMicroGft > 0
          ? { eventType: 'issuance', nodeId, amountMicroGft, expiresAt: tokenExpiry(nowMs) }
          : { eventType: 'redemption', nodeId, amountMicroGft },
      ]),
    );
}

const pass = (days: number): void => {
  nowMs += days * DAY_MS;
};

/** Several rounds, as the maintenance makes them, each later than the pause between two attempts. */
async function rounds(warnings: ExpiryWarnings, count = 3): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    await warnings.look(nowMs);
    await warnings.tell(nowMs);
    nowMs += 120_000;
  }
}

describe('GFT about to expire', () => {
  it('is warned of once, 90 days before, by the day on which it expires', async () => {
    connected.add('a');
    const warnings = new ExpiryWarnings(database, reach, clock);
    await write('a', 2_000_000);
    await write('a', 500_000);
    pass(3);
    await write('a', 7_000_000);
    pass(365 - 90 - 4);
    await rounds(warnings);
    expect(told).toEqual([]);
    pass(1);
    await rounds(warnings);
    const first = 'a: 2.50 GFT expire on 2027-03-01, a year after they were earned, unless they are spent before.';
    expect(told).toEqual([first]);
    // Another process, as after a restart, knows what was told.
    pass(1);
    await rounds(new ExpiryWarnings(database, reach, clock));
    expect(told).toEqual([first]);
    pass(3);
    await rounds(warnings);
    expect(told).toHaveLength(2);
    expect(told[1]).toContain('7.00 GFT expire on 2027-03-04');
  });

  it('is what was not spent: the oldest is spent first', async () => {
    await write('a', 3_000_000);
    pass(1);
    await write('a', 4_000_000);
    await write('a', -5_000_000);
    pass(365 - 80);
    expect(await expiringOf(database, 'a', nowMs)).toEqual([{ expiresOn: '2027-03-02', amountMicroGft: 2_000_000 }]);
    expect(await ledger.balanceView('a', '')).toMatchObject({ expiring: [{ amount: 2, expires_on: '2027-03-02' }] });
    await write('a', -2_000_000);
    expect(await expiringOf(database, 'a', nowMs)).toEqual([]);
    expect(await ledger.balanceView('a', '')).not.toHaveProperty('expiring');
    await rounds(new ExpiryWarnings(database, reach, clock));
    expect(told).toEqual([]);
  });

  it('is told to a node that was away when it is back, and by one replica alone', async () => {
    await write('a', 1_000_000);
    await write('b', 1_000_000);
    pass(365 - 60);
    const [left, right] = [new ExpiryWarnings(database, reach, clock), new ExpiryWarnings(database, reach, clock)];
    await Promise.all([left.look(nowMs), right.look(nowMs)]);
    await Promise.all([left.tell(nowMs), right.tell(nowMs)]);
    expect(told).toEqual([]);
    connected.add('b');
    nowMs += 120_000;
    await Promise.all([left.tell(nowMs), right.tell(nowMs)]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^b: 1\.00 GFT/);
  });
});
