import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { generateSigner, nodeCryptography } from '../../keys/ed25519';
import { signSettlement } from '../../protocol/federation/settlement';
import {
  signFederationStatement,
  statementOf,
  type FederationStatement,
  type StatementEntry,
} from '../../protocol/federation/statement';
import { agreementHash } from '../../protocol/trust/termination';
import { systemRandom, timestampOf } from '../clock';
import { silentLogger } from '../logger';
import type { Database } from '../storage/database-schema';
import { openDatabase } from '../storage/open-database';
import { federationAgreement, PARTY_A, PARTY_B } from '../testing/federation-pair';
import { freshLocation, type TestLocation } from '../testing/test-database';
import { Peer } from './peer';
import type { SealedLink } from './sealed-link';
import { SettlementStore } from './settlement-store';
import { StatementDesk } from './statement-desk';
import { StatementStore } from './statement-store';

/* The coordinator whose key comes first makes the statements; its peer sends some of its own all the same. */

const DAY_MS = 86_400_000;
const DAY = Date.parse('2026-03-01T00:00:00.000Z');
const clock = { nowMs: () => DAY + 3 * DAY_MS };

const [own, other] = [generateSigner().signer, generateSigner().signer].toSorted((left, right) =>
  left.publicKey < right.publicKey ? -1 : 1,
) as [ReturnType<typeof generateSigner>['signer'], ReturnType<typeof generateSigner>['signer']];
const agreement = federationAgreement({ a: other.publicKey, b: own.publicKey });
const hash = agreementHash(agreement, nodeCryptography);

let place: TestLocation;
let database: Database;
let store: SettlementStore;
let peer: Peer;
let desk: StatementDesk;
let sent: { readonly type: string; readonly statement: FederationStatement }[];
let refusals: string[];

beforeEach(async () => {
  place = await freshLocation();
  const opened = await openDatabase(place.location);
  if (!opened.ok) throw new Error(opened.error.message);
  if (!hash.ok) throw new Error(hash.error.message);
  database = opened.value;
  store = new SettlementStore(database, clock);
  sent = [];
  refusals = [];
  const link = {
    send: (draft: { type: string; statement: FederationStatement }) => {
      sent.push(draft);
      return Promise.resolve(draft.type !== 'statement');
    },
  } as unknown as SealedLink;
  peer = new Peer({
    name: 'A',
    url: null,
    publicKey: other.publicKey,
    agreementFile: 'none',
    agreement,
    agreementHash: hash.value,
    ownParty: PARTY_B.nodeId,
    peerParty: PARTY_A.nodeId,
  });
  peer.link = link;
  desk = new StatementDesk(
    store,
    new StatementStore(database, clock),
    own,
    clock,
    systemRandom,
    silentLogger,
    (_peer, code) => refusals.push(code),
  );
});
afterEach(async () => {
  await desk.settled();
  await database.destroy();
  await place.drop();
});

/** Books what the peer served at a time. */
async function book(atMs: number): Promise<void> {
  const settlement = signSettlement(
    {
      agreement_id: agreement.id,
      request_id: systemRandom.uuid(),
      served_by: other.publicKey,
      served_for: own.publicKey,
      model_id: 'org/model',
      precision: 'fp16',
      input_tokens: 1,
      output_tokens: 1,
      finish_reason: 'stop',
      amount: 1,
      unit: 'node-hours',
      settled_at: timestampOf(atMs),
      server_ref: systemRandom.uuid(),
    },
    other,
    nodeCryptography,
  );
  const refs = { entryRef: systemRandom.uuid(), ledgerRef: null };
  await database
    .transaction()
    .execute((transaction) => store.book(transaction, peer.publicKey, 'consumed', settlement, refs));
}

/** The peer sends a statement that it wants signed. */
async function push(fromMs: number, toMs: number, entries: readonly StatementEntry[] = []): Promise<void> {
  if (!hash.ok) throw new Error(hash.error.message);
  const statement = signFederationStatement(
    statementOf(
      {
        id: systemRandom.uuid(),
        agreement_id: agreement.id,
        agreement_hash: hash.value,
        coordinators: [own.publicKey, other.publicKey],
        unit: 'node-hours',
        from: timestampOf(fromMs),
        to: timestampOf(toMs),
        issued_at: timestampOf(clock.nowMs()),
      },
      entries,
    ),
    other,
    nodeCryptography,
  );
  await desk.take(peer, { type: 'statement', sequence: 1, statement: { ...statement }, final: true });
}

const keptTimes = async (): Promise<number[][]> =>
  (await desk.kept(peer, 10_000)).map(({ fromMs, toMs }) => [fromMs, toMs]);

describe('a peer that sends statements of its own', () => {
  it('cannot have a day left out by having a later time signed first', async () => {
    await book(DAY + 10 * 3_600_000);
    await push(DAY + DAY_MS, DAY + 2 * DAY_MS);
    expect(await keptTimes()).toEqual([[DAY + DAY_MS, DAY + 2 * DAY_MS]]);
    sent.length = 0;
    desk.makeDue([peer]);
    await desk.settled();
    await vi.waitFor(() => expect(sent).toHaveLength(1), { timeout: 20_000 });
    expect(sent[0]?.statement).toMatchObject({ from: timestampOf(DAY), to: timestampOf(DAY + DAY_MS) });
    // What both have signed is not made again.
    await push(DAY, DAY + DAY_MS, await store.entries(peer, own.publicKey, DAY, DAY + DAY_MS));
    sent.length = 0;
    desk.makeDue([peer]);
    await desk.settled();
    expect(sent).toEqual([]);
  });

  it('has only days kept, and the halves of halves they may be cut into', async () => {
    const half = DAY + DAY_MS / 2;
    await push(half, DAY + DAY_MS);
    await push(DAY + DAY_MS / 4, half);
    const before = await keptTimes();
    expect(before).toHaveLength(2);
    for (const [fromMs, toMs] of [
      [DAY, DAY + 1],
      [DAY + 1, half],
      [half, half + 3_600_000],
      [half, half + DAY_MS],
    ] as const) {
      sent.length = 0;
      await push(fromMs, toMs);
      expect([sent, refusals.splice(0)]).toEqual([[], ['statement-invalid']]);
    }
    expect(await keptTimes()).toEqual(before);
  });

  it('has no statements kept of a time at which the agreement was not in force', async () => {
    const before = Date.parse('2025-12-30T00:00:00.000Z');
    await push(before, before + DAY_MS);
    expect([await keptTimes(), refusals]).toEqual([[], ['statement-invalid']]);
  });
});
