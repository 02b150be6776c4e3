import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { statusOf } from '../api/http-status';
import { systemClock, systemRandom, timestampOf } from '../clock';
import { RENEW_EVERY_MS } from '../ledger/holds';
import { LedgerStore } from '../ledger/ledger-store';
import { LedgerVerifier } from '../ledger/ledger-verifier';
import { maximumPrice } from '../ledger/pricing';
import type { NodeNotifications } from '../notifications';
import type { Database } from '../storage/database-schema';
import { openTestDatabase, testEngine } from '../testing/test-database';
import { testManifest } from '../testing/test-model';
import { Cashier } from './cashier';

const { shape } = testManifest();
/** Covers twenty of the requests below, and not one more. */
const GRANT = Math.round(20.5 * maximumPrice(shape, 5, 20, 'fp32'));
const silent: NodeNotifications = {
  notice: () => undefined,
  task: () => false,
  balance: () => undefined,
  standing: () => undefined,
  coverageMayHaveChanged: () => undefined,
};

let database: Database;
let close: () => Promise<void>;
let ledger: LedgerStore;
let cashier: Cashier;

beforeEach(async () => {
  ({ database, close } = await openTestDatabase());
  ledger = new LedgerStore(database, systemClock, systemRandom);
  cashier = new Cashier(database, ledger, silent, { tokenEconomy: true }, systemClock);
  for (const id of ['payer', 'worker']) {
    await sql`insert into nodes (id, public_key, hardware_json, hardware_class, multiplier, status, reliability,
      max_gpu_utilization, protocol_version, registered_at, last_seen)
      values (${id}, ${id}, '{}', 'x', 1, 'active', 1, 1, '0.1', '', '')`.execute(database);
  }
  await database
    .transaction()
    .execute((transaction) =>
      ledger.append(transaction, [{ eventType: 'purchase', nodeId: 'payer', amountMicroGft: GRANT, reason: 'test' }]),
    );
});
afterEach(() => close());

const request = { nodeId: 'payer', requestId: 'r', modelId: 'm', maxNewTokens: 20, precision: 'fp32' as const };
const work = {
  requesterId: 'payer',
  requestId: 'r',
  shape,
  precision: 'fp32' as const,
  inputTokens: 5,
  outputTokens: 20,
  served: [{ nodeId: 'worker', range: { layer_start: 0, layer_end: 7 }, multiplier: 1, reliability: 1 }],
};

async function holdFor(requestId = 'r'): ReturnType<Cashier['hold']> {
  return cashier.hold({ ...request, requestId }, shape, 5);
}

async function renewedAt(requestId: string): Promise<string | undefined> {
  const row = await database
    .selectFrom('holds')
    .select('renewed_at')
    .where('request_id', '=', requestId)
    .executeTakeFirst();
  return row?.renewed_at;
}

describe('the cashier', () => {
  it.runIf(testEngine() === 'sqlite')(
    'keeps everything as it was when the disk is full, and settles once there is room',
    async () => {
      const hold = await holdFor();
      if (!hold.ok) throw new Error(hold.error.message);
      const pages = await sql<{ page_count: number }>`pragma page_count`.execute(database);
      await sql`pragma max_page_count = ${sql.lit(pages.rows[0]?.page_count ?? 1)}`.execute(database);
      // More than fits into the pages there are, so that the insert after the ledger entries fails.
      const hop = { node_id: 'n'.repeat(20_000), layer_start: 0, layer_end: 7, transport: 'http' };
      const end = { reason: 'stop' as const, pipeline: [hop], startedAtMs: 0, hold: hold.value };
      expect(await cashier.settle(request, work, end)).toMatchObject({
        ok: false,
        error: { code: 'storage-full', retryable: true },
      });
      expect(await ledger.balanceOf('payer')).toBe(GRANT);
      expect(await ledger.balanceOf('worker')).toBe(0);
      expect(await new LedgerVerifier(database, ledger).verifyAll()).toMatchObject({
        chain_valid: true,
        total_entries: 1,
      });

      await sql`pragma max_page_count = 100000`.execute(database);
      const settled = await cashier.settle(request, work, end);
      if (!settled.ok) throw new Error(settled.error.message);
      expect(await ledger.balanceOf('payer')).toBe(GRANT - settled.value.priceMicroGft);
      expect(await holdFor()).toMatchObject({ ok: false, error: { code: 'request-id-used' } });
    },
  );

  it('never sets more aside than there is, however many ask at once', async () => {
    const price = maximumPrice(shape, 5, 20, 'fp32');
    const fitting = Math.floor(GRANT / price);
    const asked = Array.from({ length: fitting + 20 }, (_, index) => holdFor(String(index)));
    const holds = await Promise.all(asked);
    expect(holds.filter((hold) => hold.ok)).toHaveLength(fitting);
    const refused = holds.find((hold) => !hold.ok);
    expect(refused).toMatchObject({ error: { code: 'balance-too-low' } });
    for (const hold of holds) if (hold.ok) await hold.value.release();
    expect((await holdFor('later')).ok).toBe(true);
  });

  it('sees what another replica set aside, and no longer what a dead one did', async () => {
    let nowMs = Date.now();
    const clock = { nowMs: () => nowMs };
    const [left, right] = [1, 2].map(() => new Cashier(database, ledger, silent, { tokenEconomy: true }, clock));
    const price = maximumPrice(shape, 5, 20, 'fp32');
    const fitting = Math.floor(GRANT / price);
    const hold = (cashier: Cashier | undefined, requestId: string): ReturnType<Cashier['hold']> | undefined =>
      cashier?.hold({ ...request, requestId }, shape, 5);
    const holds = await Promise.all(
      Array.from({ length: fitting + 10 }, (_, index) => hold(index % 2 === 0 ? left : right, String(index))),
    );
    expect(holds.filter((one) => one?.ok === true)).toHaveLength(fitting);
    nowMs += 61_000;
    expect(await hold(right, 'later')).toMatchObject({ ok: true });
    expect(await hold(left, 'later')).toMatchObject({ ok: false, error: { code: 'request-id-used' } });
  });

  it('lets go of what could not be given back, and of nothing else, while it goes on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let nowMs = Date.now();
    const going = new Cashier(database, ledger, silent, { tokenEconomy: true }, { nowMs: () => nowMs });
    const hold = (requestId: string): ReturnType<Cashier['hold']> => going.hold({ ...request, requestId }, shape, 5);
    try {
      await going.start(true, (thrown) => expect.unreachable(String(thrown)));
      const lost = await hold('lost');
      expect(await hold('running')).toMatchObject({ ok: true });
      await sql`alter table holds rename to away`.execute(database);
      if (lost.ok) await lost.value.release();
      await sql`alter table away rename to holds`.execute(database);
      expect(await hold('lost')).toMatchObject({ ok: false, error: { code: 'request-id-used' } });
      for (let round = 0; round < 5; round += 1) {
        nowMs += RENEW_EVERY_MS;
        vi.advanceTimersByTime(RENEW_EVERY_MS);
        await expect.poll(() => renewedAt('running')).toBe(timestampOf(nowMs));
      }
      expect(await hold('running')).toMatchObject({ ok: false, error: { code: 'request-id-used' } });
      expect(await hold('lost')).toMatchObject({ ok: true });
    } finally {
      going.stop();
      vi.useRealTimers();
    }
  });

  it('does not let a redemption take what is set aside', async () => {
    const price = maximumPrice(shape, 5, 20, 'fp32');
    const fitting = Math.floor(GRANT / price);
    for (let index = 0; index < fitting; index += 1) await holdFor(String(index));
    expect(await cashier.redeem('payer', 'x', shape, 100, 'fp32')).toMatchObject({
      ok: false,
      error: { code: 'balance-too-low' },
    });
  });

  it('charges a redemption once, however often its client asks again', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => cashier.redeem('payer', 'lost', shape, 20, 'fp32')),
    );
    const [first] = answers;
    if (first?.ok !== true) throw new Error('the first redemption failed');
    expect(answers).toEqual(answers.map(() => first));
    expect(await ledger.balanceOf('payer')).toBe(GRANT + first.value.amountMicroGft);
    expect(await ledger.countOf('payer')).toBe(2);
    expect((await cashier.redeem('worker', 'lost', shape, 20, 'fp32')).ok).toBe(false);
  });

  it('takes one id for one thing: another redemption, a request that runs, a request that was answered', async () => {
    const used = { ok: false, error: { code: 'request-id-used' } };
    expect((await cashier.redeem('payer', 'redeemed', shape, 20, 'fp32')).ok).toBe(true);
    expect(await cashier.redeem('payer', 'redeemed', shape, 21, 'fp32')).toMatchObject(used);
    expect(await cashier.redeem('payer', 'redeemed', shape, 20, 'fp16')).toMatchObject(used);
    expect(await holdFor('redeemed')).toMatchObject(used);

    const hold = await holdFor('asked');
    if (!hold.ok) throw new Error(hold.error.message);
    expect(await cashier.redeem('payer', 'asked', shape, 20, 'fp32')).toMatchObject(used);
    const end = { reason: 'stop' as const, pipeline: [], startedAtMs: 0, hold: hold.value };
    const one = { ...request, requestId: 'asked' };
    expect((await cashier.settle(one, { ...work, requestId: 'asked' }, end)).ok).toBe(true);
    expect(await cashier.redeem('payer', 'asked', shape, 20, 'fp32')).toMatchObject(used);
  });

  it('does not begin a request again that ends at another replica while it is asked for once more', async () => {
    const hold = await holdFor();
    if (!hold.ok) throw new Error(hold.error.message);
    const other = new Cashier(database, ledger, silent, { tokenEconomy: true }, systemClock);
    const end = { reason: 'cancelled' as const, pipeline: [], startedAtMs: 0, hold: hold.value };
    const again = other.hold(request, shape, 5);
    const settled = cashier.settle(request, { ...work, outputTokens: 0 }, end);
    expect(await settled).toMatchObject({ ok: true, value: { priceMicroGft: 0 } });
    expect(await again).toMatchObject({ ok: false, error: { code: 'request-id-used' } });
  });

  it('names amounts and a number of tokens that would fit', async () => {
    const poor = { ...request, nodeId: 'worker' };
    await database.transaction().execute((transaction) =>
      ledger.append(transaction, [
        {
          eventType: 'purchase',
          nodeId: 'worker',
          amountMicroGft: maximumPrice(shape, 5, 7, 'fp32'),
          reason: 'test',
        },
      ]),
    );
    const refused = await cashier.hold(poor, shape, 5);
    expect(refused).toMatchObject({
      ok: false,
      error: {
        message: expect.stringMatching(/up to [0-9.]+ GFT; the balance is [0-9.]+ GFT/),
        suggestion: expect.stringContaining('at most 7 '),
      },
    });
  });
});

describe('a thousand requests at once against a balance for ten', () => {
  it('serves exactly ten, refuses the rest with 402 and ends at zero', async () => {
    const SERVED = 10;
    const ASKED = 1_000;
    const price = maximumPrice(shape, 5, 20, 'fp32');
    await database
      .transaction()
      .execute((transaction) =>
        ledger.append(transaction, [
          { eventType: 'redemption', nodeId: 'payer', amountMicroGft: SERVED * price - GRANT, reason: 'test' },
        ]),
      );
    // Output of full length from the whole prompt costs exactly what was set aside.
    const outcomes = await Promise.all(
      Array.from({ length: ASKED }, async (_, index) => {
        const one = { ...request, requestId: `r${index}` };
        const hold = await cashier.hold(one, shape, 5);
        if (!hold.ok) return hold.error.code;
        const done = { ...work, requestId: one.requestId, outputTokens: 20, served: [] };
        const end = { reason: 'length' as const, pipeline: [], startedAtMs: 0, hold: hold.value };
        const settled = await cashier.settle(one, done, end);
        return settled.ok ? 'served' : settled.error.code;
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'served')).toHaveLength(SERVED);
    expect(outcomes.filter((outcome) => outcome === 'balance-too-low')).toHaveLength(ASKED - SERVED);
    expect(statusOf('balance-too-low')).toBe(402);
    expect(await ledger.balanceOf('payer')).toBe(0);
    expect((await new LedgerVerifier(database, ledger).verifyAll()).chain_valid).toBe(true);
  });
});

describe('what leaves a balance beside spending', () => {
  const YEAR_LATER = Date.parse('2027-06-01T00:00:00Z');
  const issue = (amountMicroGft: number, expiresAt: string): Promise<unknown> =>
    database
      .transaction()
      .execute((transaction) =>
        ledger.append(transaction, [{ eventType: 'issuance', nodeId: 'worker', amountMicroGft, expiresAt }]),
      );

  it('lets what is older than a year expire, once, and only what was not spent', async () => {
    await issue(1_000, '2027-01-01T00:00:00.000Z');
    await issue(500, '2028-01-01T00:00:00.000Z');
    await database
      .transaction()
      .execute((transaction) =>
        ledger.append(transaction, [{ eventType: 'redemption', nodeId: 'worker', amountMicroGft: -400 }]),
      );
    await cashier.expireDue(Date.parse('2026-12-31T00:00:00Z'));
    expect(await ledger.balanceOf('worker')).toBe(1_100);
    await cashier.expireDue(YEAR_LATER);
    await cashier.expireDue(YEAR_LATER);
    // Of the first 1,000 the 400 spent came first; 600 expire, the younger 500 stay.
    expect(await ledger.balanceOf('worker')).toBe(500);
    expect((await ledger.newest(1, 'worker'))[0]).toMatchObject({ event_type: 'expiry', amount: -0.0006 });
    expect((await new LedgerVerifier(database, ledger).verifyAll()).chain_valid).toBe(true);
  });

  it('takes a penalty as far as the balance is free', async () => {
    const hold = await cashier.hold(request, shape, 5);
    if (!hold.ok) throw new Error(hold.error.message);
    const free = GRANT - hold.value.amountMicroGft;
    expect(await cashier.penalize('payer', GRANT * 2, 'cheated')).toMatchObject({ ok: true });
    expect(await ledger.balanceOf('payer')).toBe(GRANT - free);
    expect(await cashier.penalize('payer', 1, 'again')).toMatchObject({
      ok: false,
      error: { code: 'balance-too-low' },
    });
    hold.value.release();
    expect((await ledger.newest(1, 'payer'))[0]).toMatchObject({ event_type: 'penalty', reason: 'cheated' });
  });
});
