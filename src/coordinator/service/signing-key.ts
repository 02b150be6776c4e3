import { readFile, writeFile } from 'node:fs/promises';
import { generateSigner, openSigner } from '../../keys/ed25519';
import { success } from '../../protocol/result';
import type { Signer } from '../../protocol/signing/ed25519';
import { databaseLocation, type CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { engineOf, IN_MEMORY } from '../storage/open-database';

const OWNER_ONLY = 0o600;

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

interface KeyInFile {
  readonly pem: string;
  readonly signer: Signer;
}

/** A key in a file, or null when there is no file. Fails with `signing-key-missing` when it cannot be read or used. */
export async function readKeyFile(file: string): Promise<CoordinatorResult<KeyInFile | null>> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (thrown) {
    if (isMissing(thrown)) return success(null);
    return refuse('signing-key-missing', `The key ${file} cannot be read.`, {
      suggestion: 'Let it belong to the user the coordinator runs as.',
    });
  }
  const opened = openSigner(pem);
  return opened.ok
    ? success({ pem, signer: opened.value })
    : refuse('signing-key-missing', `${file}: ${opened.error.message}`);
}

/** The key in a file, read anew each time, because an operator may have replaced it. The messages never quote the key. */
export async function readSigningKey(place: SigningKeyPlace): Promise<CoordinatorResult<Signer>> {
  if (place === null) {
    return refuse('signing-key-missing', 'This coordinator has no key to sign with.', {
      suggestion: 'Make one with `tore keygen --out FILE` and name it in the setting signingKeyFile.',
    });
  }
  const key = await readKeyFile(place);
  if (!key.ok) return key;
  if (key.value !== null) return success(key.value.signer);
  return refuse('signing-key-missing', `The signing key ${place} is not there.`, {
    suggestion: 'Restore it from a backup; checkpoints that were published name this key.',
  });
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
