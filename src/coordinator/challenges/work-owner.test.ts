import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeStore } from '../nodes/node-store';
import { LedgerStore } from '../ledger/ledger-store';
import { systemClock, systemRandom } from '../clock';
import { openTestDatabase } from '../testing/test-database';
import { insertTestNode } from '../testing/test-nodes';
import { mayCopyWork, type AgreementLookup } from './work-owner';

let opened: Awaited<ReturnType<typeof openTestDatabase>>;
beforeEach(async () => {
  opened = await openTestDatabase();
  await insertTestNode(opened.database, 'member');
  await insertTestNode(opened.database, 'guest');
});
afterEach(() => opened.close());

/** The key of the guest came in by an agreement. */
const agreements: AgreementLookup = {
  membershipOf: (publicKey) =>
    Promise.resolve(publicKey === 'guest' ? { roles: ['node', 'user'], reason: 'agreement with B' } : null),
};

async function addSession(id: string, agreement: { ref?: string; json?: string }): Promise<void> {
  await opened.database
    .insertInto('group_sessions')
    .values({
      id,
      title: 'Assay',
      mode: 'async',
      status: 'open',
      agreement_ref: agreement.ref ?? null,
      agreement_json: agreement.json ?? null,
      cost_unit: 'GFT',
      cost_rate: 1,
      created_by: 'member',
      created_at: '2026-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      last_seq: 0,
      size_bytes: 0,
    })
    .execute();
}

it('lets work be copied only where no agreement can forbid it', async () => {
  const { database } = opened;
  const ledger = new LedgerStore(database, systemClock, systemRandom);
  const nodes = new NodeStore(database, ledger, systemClock, { changed: () => undefined });
  const mayCopy = mayCopyWork(database, nodes, agreements);
  await addSession('free', {});
  await addSession('referring', { ref: 'g1' });
  await addSession('standing', { json: '{}' });
  const answers = await Promise.all(
    [
      { nodeId: 'member' },
      { nodeId: 'member', sessionId: 'free' },
      { nodeId: 'member', sessionId: 'referring' },
      { nodeId: 'member', sessionId: 'standing' },
      { nodeId: 'member', sessionId: 'elsewhere' },
      { nodeId: 'guest' },
      { nodeId: 'guest', sessionId: 'free' },
      { nodeId: 'unknown' },
    ].map(mayCopy),
  );
  expect(answers).toEqual([true, true, false, false, false, false, false, false]);
});
