import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { success } from '../../protocol/result';
import type { CoordinatorOptions } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { writeConfigDocument } from './config-document';
import { withWholePaths } from './setting-paths';
import { writeSigningKey } from './signing-key';

/** 192 bits: cannot be guessed, and is short enough to be handed on. */
const TOKEN_BYTES = 24;

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Where to begin for each way of running a coordinator. Secrets are made anew each time. */
const TEMPLATES: Readonly<Record<string, () => CoordinatorOptions>> = {
  private: () => ({ accessToken: newToken() }),
  institution: () => ({
    name: 'Coordinator of our institution',
    host: '0.0.0.0',
    tokenEconomy: false,
    accessPolicy: 'institution',
    administratorToken: newToken(),
    metricsToken: newToken(),
  }),
  cooperative: () => ({
    name: 'Our cooperative',
    host: '0.0.0.0',
    tokenEconomy: true,
    accessPolicy: 'keyed',
    shardHosts: 'public',
    administratorToken: newToken(),
    metricsToken: newToken(),
  }),
};

/** Where the database of a new configuration lies when nothing else is said. */
function databaseOf(configFile: string, { databaseFile, databaseUrl }: CoordinatorOptions): CoordinatorOptions {
  if (typeof databaseUrl === 'string' || databaseFile !== undefined) return {};
  return { databaseFile: join(dirname(configFile), 'tore-coordinator.db') };
}

/**
 * Writes a new configuration and the key that signs checkpoints of the ledger; only their owner can read them. Never
 * replaces either. Paths that are not whole count from the working directory and are written whole.
 */
export async function initialize(
  configFile: string,
  template: string,
  chosen: CoordinatorOptions,
): Promise<CoordinatorResult<void>> {
  const make = TEMPLATES[template];
  if (make === undefined) {
    return refuse('config-invalid', `There is no template "${template}".`, {
      suggestion: `Choose one of ${Object.keys(TEMPLATES).join(', ')}.`,
    });
  }
  const there = refuse('config-invalid', `${configFile} is there already; it was not changed.`, {
    suggestion: 'Name another file with --config, or remove that one first.',
  });
  if (existsSync(configFile)) return there;
  const signingKeyFile = resolve(chosen.signingKeyFile ?? `${configFile.replace(/\.ya?ml$/, '')}.signing-key.pem`);
  const settings = { ...make(), ...chosen, ...databaseOf(configFile, chosen), signingKeyFile };
  const text = writeConfigDocument(withWholePaths(settings, process.cwd()));
  if (!text.ok) return text;
  const key = await writeSigningKey(signingKeyFile);
  if (!key.ok) return key;
  try {
    await writeFile(configFile, text.value, { flag: 'wx', mode: 0o600 });
    return success(undefined);
  } catch (thrown) {
    const exists = thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST';
    return exists
      ? there
      : refuse('config-invalid', `${configFile} cannot be written: ${thrown instanceof Error ? thrown.message : ''}`);
  }
}
