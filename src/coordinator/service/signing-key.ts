import { readFile, writeFile } from 'node:fs/promises';
import { generateSigner, openSigner } from '../../keys/ed25519';
import { success } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { databaseLocation, type CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { engineOf } from '../storage/open-database';

const OWNER_ONLY = 0o600;
const IN_MEMORY = ':memory:';

/** The file of a coordinator's signing key; null where no setting names one. */
export type SigningKeyPlace = string | null;

/** The file of a coordinator's signing key, by its settings; null when they name none. */
export function signingKeyPlace(
  config: Pick<CoordinatorConfig, 'signingKeyFile' | 'databaseFile' | 'databaseUrl'>,
): SigningKeyPlace {
  if (config.signingKeyFile !== null) return config.signingKeyFile;
  const location = databaseLocation(config);
  return engineOf(location) === 'sqlite' && location !== IN_MEMORY ? `${location}.signing-key.pem` : null;
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
}

/** The key in a file, read anew each time, because an operator may have replaced it. The messages never quote the key. */
export async function readSigningKey(place: SigningKeyPlace): Promise<CoordinatorResult<Signer>> {
  if (place === null) {
    return refuse('signing-key-missing', 'This coordinator has no key to sign with.', {
      suggestion: 'Make one with `tore keygen --out FILE` and name it in the setting signingKeyFile.',
    });
  }
  let pem: string;
  try {
    pem = await readFile(place, 'utf8');
  } catch (thrown) {
    const why = isMissing(thrown) ? 'is not there' : 'cannot be read';
    return refuse('signing-key-missing', `The signing key ${place} ${why}.`, {
      suggestion: 'Restore it from a backup; checkpoints that were published name this key.',
    });
  }
  const opened = openSigner(pem);
  return opened.ok ? opened : refuse('signing-key-missing', `${place}: ${opened.error.message}`);
}

/** Writes a new key that only its owner can read. A file that is there is never replaced. */
export async function writeSigningKey(place: string, pem = generateSigner().pem): Promise<CoordinatorResult<void>> {
  try {
    await writeFile(place, pem, { flag: 'wx', mode: OWNER_ONLY });
    return success(undefined);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') return success(undefined);
    const why = thrown instanceof Error ? thrown.message : '';
    return refuse('signing-key-missing', `The signing key ${place} cannot be written: ${why}`, {
      suggestion: 'Check that its folder exists and may be written.',
    });
  }
}

/** The text of a key file for a backup, or null when there is none. */
export async function keyForBackup(place: SigningKeyPlace): Promise<string | null> {
  if (place === null) return null;
  const key = await readSigningKey(place);
  return key.ok ? readFile(place, 'utf8') : null;
}
