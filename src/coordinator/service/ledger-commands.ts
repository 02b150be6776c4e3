import { createWriteStream } from 'node:fs';
import { chmod, chown, rename, rm, stat, writeFile } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { generateSigner } from '../../keys/ed25519';
import type { LedgerCheckpoint } from '../../protocol/compute/ledger-checkpoint';
import type { LedgerVerification } from '../../protocol/compute/http/tokens';
import { success } from '../../protocol/result';
import { systemClock, systemRandom } from '../clock';
import { coordinatorIdOf } from '../coordinator-id';
import { refuse, type CoordinatorResult } from '../errors';
import { LedgerCheckpoints } from '../ledger/checkpoints';
import { ledgerLines, type LedgerFormat } from '../ledger/ledger-export';
import { LedgerStore } from '../ledger/ledger-store';
import { LedgerVerifier } from '../ledger/ledger-verifier';
import type { Database } from '../storage/database-schema';
import { openExistingDatabase } from './existing-database';
import { readSigningKey, type SigningKeyPlace } from './signing-key';

/** Checkpoints of one file: a lifetime at the usual interval. */
const MAX_CHECKPOINTS = 1_000_000;

/** Works with an opened database and closes it. Fails with the codes of `openExistingDatabase`. */
export async function withDatabase<Value>(
  location: string,
  work: (database: Database) => Promise<Value>,
): Promise<CoordinatorResult<Value>> {
  const opened = await openExistingDatabase(location);
  if (!opened.ok) return opened;
  try {
    return success(await work(opened.value));
  } finally {
    await opened.value.destroy();
  }
}

async function flat<Value>(
  result: Promise<CoordinatorResult<CoordinatorResult<Value>>>,
): Promise<CoordinatorResult<Value>> {
  const outer = await result;
  return outer.ok ? outer.value : outer;
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
    let printed = 0;
    const afterSeq = limit === 0 ? 0 : Math.max(0, entries - limit);
    for await (const line of ledgerLines(database, 'jsonl', { afterSeq })) {
      print(line.trimEnd());
      printed += 1;
    }
    return printed;
  });
}

async function checkpointsOf(database: Database, keyPlace: SigningKeyPlace): Promise<LedgerCheckpoints> {
  const coordinatorId = await coordinatorIdOf(database, systemRandom);
  const ledger = new LedgerStore(database, systemClock, systemRandom);
  const keyOf = (): ReturnType<typeof readSigningKey> => readSigningKey(keyPlace);
  return new LedgerCheckpoints(database, ledger, coordinatorId, keyOf, systemClock, systemRandom);
}

/** Signs a checkpoint if the ledger has grown, and returns the newest; `all` returns the whole chain. */
export function makeCheckpoint(
  location: string,
  keyPlace: SigningKeyPlace,
  all: boolean,
): Promise<CoordinatorResult<LedgerCheckpoint | LedgerCheckpoint[]>> {
  return flat(
    withDatabase(location, async (database): Promise<CoordinatorResult<LedgerCheckpoint | LedgerCheckpoint[]>> => {
      const checkpoints = await checkpointsOf(database, keyPlace);
      const made = await checkpoints.make();
      if (!made.ok || !all) return made;
      return success((await checkpoints.after(0, MAX_CHECKPOINTS)).checkpoints);
    }),
  );
}

/** Gives a file to whom another belongs: root may make a key for the user the coordinator runs as. */
async function shareOwner(from: string, to: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { uid, gid, mode } = await stat(from);
  await chmod(to, mode & 0o777);
  await chown(to, uid, gid);
}

/**
 * Makes a new signing key, has both keys sign that it replaces the old one, and puts it in the old one's place; the old
 * one stays beside it. A running coordinator takes the new key for its next checkpoint. Returns where the old one is.
 */
export function rotateKey(location: string, keyPlace: SigningKeyPlace): Promise<CoordinatorResult<string>> {
  return flat(
    withDatabase(location, async (database): Promise<CoordinatorResult<string>> => {
      const current = await readSigningKey(keyPlace);
      if (keyPlace === null || !current.ok) return current.ok ? success('') : current;
      const { signer, pem } = generateSigner();
      const [next, old] = [`${keyPlace}.new`, `${keyPlace}.${Date.now()}.old`];
      try {
        // Before it signs anything, it is on the disk.
        await writeFile(next, pem, { flag: 'wx', mode: 0o600 });
        await shareOwner(keyPlace, next);
      } catch (thrown) {
        await rm(next, { force: true });
        const why = thrown instanceof Error ? thrown.message : '';
        return refuse('signing-key-missing', `The new key ${next} cannot be written: ${why}`);
      }
      const rotated = await (await checkpointsOf(database, keyPlace)).rotate(signer);
      if (!rotated.ok) {
        await rm(next, { force: true });
        return rotated;
      }
      await rename(keyPlace, old);
      await rename(next, keyPlace);
      return success(old);
    }),
  );
}

/** Writes entries to a file, which appears when it is whole, or to a stream. Returns how many lines there were. */
export function exportLedger(
  location: string,
  selection: { readonly format: LedgerFormat; readonly nodeId?: string | undefined },
  target: string | Writable,
): Promise<CoordinatorResult<number>> {
  return flat(
    withDatabase(location, async (database): Promise<CoordinatorResult<number>> => {
      let lines = 0;
      const counted = async function* (): AsyncGenerator<string> {
        for await (const line of ledgerLines(database, selection.format, selection)) {
          lines += 1;
          yield line;
        }
      };
      if (typeof target !== 'string') {
        await pipeline(Readable.from(counted()), target, { end: false });
        return success(lines);
      }
      const partial = `${target}.partial`;
      try {
        await pipeline(Readable.from(counted()), createWriteStream(partial, { flags: 'wx', mode: 0o600 }));
        await rename(partial, target);
        return success(lines);
      } catch (thrown) {
        await rm(partial, { force: true });
        if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
        return refuse('storage-failed', `The export ${target} cannot be written: ${thrown.message}`);
      }
    }),
  );
}
