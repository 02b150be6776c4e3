import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../testing/test-database';
import { insertTestNode } from '../testing/test-nodes';
import { Standings } from './standings';

let test: Awaited<ReturnType<typeof openTestDatabase>>;
let standings: Standings;

async function insert(...ids: string[]): Promise<void> {
  for (const id of ids) await insertTestNode(test.database, id);
}

/** A change behind the back of this process. */
async function suspend(id: string): Promise<void> {
  await test.database.updateTable('nodes').set({ status: 'suspended' }).where('id', '=', id).execute();
}

beforeEach(async () => {
  test = await openTestDatabase();
  standings = new Standings(test.database);
});
afterEach(() => test.close());

describe('Standings', () => {
  it('reads a node once, and again when it changed', async () => {
    await insert('a');
    await standings.load(['a', 'unknown']);
    expect(standings.find('a')).toMatchObject({ status: 'active', multiplier: 1 });
    expect(standings.find('unknown')).toBeUndefined();
    await suspend('a');
    await standings.load(['a']);
    expect(standings.find('a')?.status).toBe('active');
    const told: string[] = [];
    standings.watchChanges((nodeId) => told.push(nodeId));
    standings.changed('a');
    expect(told).toEqual(['a']);
    await standings.load(['a']);
    expect(standings.find('a')?.status).toBe('suspended');
  });

  it('takes the change of another replica over without telling it on', async () => {
    await insert('a');
    await standings.load(['a']);
    await suspend('a');
    standings.watchChanges(() => {
      throw new Error('this would go round for ever');
    });
    standings.adoptChange('a');
    await standings.load(['a']);
    expect(standings.find('a')?.status).toBe('suspended');
  });

  it('does not keep what was read before a change', async () => {
    await insert('a');
    const reading = standings.load(['a']);
    standings.changed('a');
    await reading;
    expect(standings.find('a')).toBeUndefined();
    await standings.load(['a']);
    expect(standings.find('a')).toBeDefined();
  });

  it('finds in its rounds what nobody told it, and forgets who is not needed', async () => {
    const ids = Array.from({ length: 1_201 }, (_, index) => `node-${index}`);
    await insert(...ids);
    await standings.load(ids);
    await suspend('node-0');
    await suspend('node-1200');
    for (let round = 0; round < 3; round += 1) await standings.refreshSome((nodeId) => nodeId !== 'node-7');
    expect(standings.find('node-0')?.status).toBe('suspended');
    expect(standings.find('node-1200')?.status).toBe('suspended');
    expect(standings.find('node-7')).toBeUndefined();
    expect(standings.find('node-8')?.status).toBe('active');
  });
});
