import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../clock';
import { releaseHeldNode } from '../coordinator';
import { LedgerStore } from '../ledger/ledger-store';
import { openDatabase } from '../storage/open-database';
import { freshLocation, testEngine, type TestLocation } from '../testing/test-database';
import { backUp, restore, tablesInOrder } from './backup';
import { auditLedger, exportLedger, makeCheckpoint, rotateKey, verifyLedger } from './ledger-commands';
import { listNodes } from './operator-commands';
import { writeSigningKey } from './signing-key';

const ENTRIES = 1_100;
let folder = '';
let source: TestLocation;
let target: TestLocation;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-backup-'));
  [source, target] = [await freshLocation(), await freshLocation()];
  if (testEngine() === 'sqlite') {
    source = { ...source, location: join(folder, 'a.db') };
    target = { ...target, location: join(folder, 'b.db') };
  }
});
afterEach(async () => {
  await source.drop();
  await target.drop();
  await rm(folder, { recursive: true, force: true });
});

/** A database with two nodes and more ledger entries than one page of a backup. */
async function fillSource(): Promise<void> {
  const opened = await openDatabase(source.location);
  if (!opened.ok) throw new Error(opened.error.message);
  const database = opened.value;
  const common = {
    hardware_json: '{}',
    hardware_class: 'x',
    multiplier: 0.1 + 0.2,
    hardware_changes: 0,
    status: 'active' as const,
    reliability: 1,
    forgiven_until: 0,
    max_gpu_utilization: 0.8,
    protocol_version: '0.1',
    registered_at: '',
    last_seen: '',
  };
  await database
    .insertInto('nodes')
    .values([
      { ...common, id: 'a', public_key: 'ключ "a"\n' },
      { ...common, id: 'b', public_key: 'b', suspension: 'review', status: 'suspended' },
    ] as never)
    .execute();
  const ledger = new LedgerStore(database, systemClock, systemRandom);
  await database.transaction().execute((transaction) =>
    ledger.append(
      transaction,
      Array.from({ length: ENTRIES }, (_, index) => ({
        eventType: 'purchase' as const,
        nodeId: index % 2 === 0 ? 'a' : 'b',
        amountMicroGft: index,
        flopsConsumed: index / 3,
      })),
    ),
  );
  await database.destroy();
}

describe('backup and restore', () => {
  it('carries everything over, so that the chain and every balance hold', async () => {
    await fillSource();
    const file = join(folder, 'backup.gz');
    const made = await backUp(source.location, file);
    expect(made).toMatchObject({ ok: true, value: { tables: tablesInOrder().length } });
    expect(await restore(target.location, file)).toEqual(made);
    expect(await verifyLedger(target.location)).toMatchObject({
      ok: true,
      value: { chain_valid: true, total_entries: ENTRIES },
    });
    const again = join(folder, 'again.gz');
    await backUp(target.location, again);
    const rows = async (name: string): Promise<string[]> =>
      gunzipSync(await readFile(name))
        .toString('utf8')
        .split('\n')
        .slice(1, -2);
    expect(await rows(again)).toEqual(await rows(file));
  });

  it('carries the key that signs the ledger, so that checkpoints go on, and never replaces a key', async () => {
    await fillSource();
    const [key, restored, file] = ['key.pem', 'restored.pem', 'backup.gz'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    expect(await writeSigningKey(key)).toMatchObject({ ok: true });
    expect(await makeCheckpoint(source.location, key, false)).toMatchObject({ ok: true, value: { number: 1 } });
    expect(await backUp(source.location, file, key)).toMatchObject({ ok: true, value: { hasSigningKey: true } });
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await restore(target.location, file, restored)).toMatchObject({ ok: true, value: { hasSigningKey: true } });
    expect(await readFile(restored, 'utf8')).toBe(await readFile(key, 'utf8'));
    if (process.platform !== 'win32') expect((await stat(restored)).mode & 0o777).toBe(0o600);
    // The same key, and nothing new in the ledger.
    expect(await makeCheckpoint(target.location, restored, false)).toMatchObject({ ok: true, value: { number: 1 } });
    const old = await rotateKey(target.location, restored);
    expect(old).toMatchObject({ ok: true, value: expect.stringContaining('.old') });
    const chain = await makeCheckpoint(target.location, restored, true);
    expect(chain).toMatchObject({ ok: true, value: [{ number: 1 }, { number: 2, key_link: { type: 'key-link' } }] });
    expect(await makeCheckpoint(source.location, restored, false)).toMatchObject({
      ok: false,
      error: { code: 'signing-key-foreign' },
    });
    expect(await makeCheckpoint(source.location, join(folder, 'none.pem'), false)).toMatchObject({
      ok: false,
      error: { code: 'signing-key-missing' },
    });
  });

  it('says that a key is there which it could not take along', async () => {
    await fillSource();
    const [key, file] = [join(folder, 'key.pem'), join(folder, 'backup.gz')];
    // A folder in its place cannot be read by anybody, not even by root.
    await mkdir(key);
    expect(await backUp(source.location, file, key)).toMatchObject({
      ok: true,
      value: { hasSigningKey: false, keyFailure: { code: 'signing-key-missing' } },
    });
    expect(await restore(target.location, file)).toMatchObject({ ok: true, value: { hasSigningKey: false } });
  });

  it('leaves a new key to whom the old one belongs', async () => {
    const key = join(folder, 'key.pem');
    await writeSigningKey(key);
    await chmod(key, 0o640);
    if (process.getuid?.() === 0) await chown(key, 12_345, 12_345);
    const before = await stat(key);
    await fillSource();
    expect(await makeCheckpoint(source.location, key, false)).toMatchObject({ ok: true });
    expect(await rotateKey(source.location, key)).toMatchObject({ ok: true });
    const { ino, uid, gid, mode } = await stat(key);
    expect(ino).not.toBe(before.ino);
    expect({ uid, gid, mode }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
  });

  it('goes from one engine to the other', async () => {
    await fillSource();
    const file = join(folder, 'backup.gz');
    await backUp(source.location, file);
    const other = join(folder, 'other.db');
    expect(await restore(other, file)).toMatchObject({ ok: true });
    expect(await verifyLedger(other)).toMatchObject({ ok: true, value: { chain_valid: true, total_entries: ENTRIES } });
  });

  it('leaves a database alone that holds something', async () => {
    await fillSource();
    const file = join(folder, 'backup.gz');
    await backUp(source.location, file);
    expect(await restore(source.location, file)).toMatchObject({ ok: false, error: { code: 'database-in-use' } });
  });

  it('takes nothing of a file that was cut, changed or never was a backup', async () => {
    await fillSource();
    const file = join(folder, 'backup.gz');
    await backUp(source.location, file);
    const whole = await readFile(file);
    const text = gunzipSync(whole).toString('utf8');
    const spoiled = [
      whole.subarray(0, whole.length / 2),
      gzipSync(text.slice(0, text.length / 2)),
      gzipSync(text.replace('"suspended"', '"active"')),
      gzipSync(text.replace('tore-coordinator-backup/1', 'tore-coordinator-backup/9')),
      gzipSync('not json\n'),
      Buffer.from('not gzip'),
    ];
    for (const bytes of spoiled) {
      await writeFile(file, bytes);
      expect(await restore(target.location, file)).toMatchObject({ ok: false, error: { code: 'backup-invalid' } });
    }
    await writeFile(file, whole);
    expect(await restore(target.location, file)).toMatchObject({ ok: true });
  });
});

describe('an exported ledger', () => {
  it('is a file of its own that appears when it is whole, of all entries or of one node', async () => {
    await fillSource();
    const file = join(folder, 'ledger.jsonl');
    expect(await exportLedger(source.location, { format: 'jsonl' }, file)).toEqual({ ok: true, value: ENTRIES });
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(ENTRIES);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ seq: ENTRIES });
    const none = await exportLedger(source.location, { format: 'csv', nodeId: 'nobody' }, join(folder, 'none.csv'));
    expect(none).toEqual({ ok: true, value: 1 });
    const refused = await exportLedger(source.location, { format: 'csv' }, join(folder, 'no', 'such', 'folder.csv'));
    expect(refused).toMatchObject({ ok: false, error: { code: 'storage-failed' } });
  });
});

describe('a command that is called in another folder', () => {
  it('refuses a database that is not there, and makes none', async () => {
    const location = join(folder, 'none.db');
    const refused = { ok: false, error: { code: 'database-missing', message: expect.stringContaining(location) } };
    expect(await backUp(location, join(folder, 'backup.gz'))).toMatchObject(refused);
    expect(await verifyLedger(location)).toMatchObject(refused);
    expect(await listNodes(location, () => undefined)).toMatchObject(refused);
    expect(await releaseHeldNode(location, 'a')).toMatchObject(refused);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('listings', () => {
  it('print entries and nodes', async () => {
    await fillSource();
    const lines: string[] = [];
    expect(await auditLedger(source.location, 3, (line) => lines.push(line))).toEqual({ ok: true, value: 3 });
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({ seq: ENTRIES, amount: (ENTRIES - 1) / 1e6 });
    expect(await auditLedger(source.location, 0, () => undefined)).toEqual({ ok: true, value: ENTRIES });
    const nodes: string[] = [];
    expect(await listNodes(source.location, (line) => nodes.push(line))).toEqual({ ok: true, value: 2 });
    expect(nodes.join('\n')).toContain('suspended (review)');
  });
});
