import { constants, existsSync } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { databaseLocation, readConfig, type CoordinatorConfig, type CoordinatorOptions } from '../config';
import { LedgerStore } from '../ledger/ledger-store';
import { LedgerVerifier } from '../ledger/ledger-verifier';
import { loadManifestFromFolder } from '../models/load-manifest';
import { systemClock, systemRandom } from '../clock';
import type { Database } from '../storage/database-schema';
import { describeLocation } from '../storage/open-database';
import { databasePath, openExistingDatabase } from './existing-database';
import { policyWarnings } from './policy';
import { readKeyFile, signingKeyPlace } from './signing-key';
import { readTls } from './tls';

/** One thing the doctor looked at. */
export interface Finding {
  readonly state: 'ok' | 'warning' | 'problem';
  readonly text: string;
}

/** Less free space than this beside the database is worth a word. */
const LOW_SPACE_BYTES = 1024 ** 3;
const DAY_MS = 86_400_000;
const EXPIRES_SOON_DAYS = 21;
/** Entries of the ledger's chain the doctor hashes; `ledger verify` does them all. */
const CHECKED_ENTRIES = 50_000;

const ok = (text: string): Finding => ({ state: 'ok', text });
const warning = (text: string): Finding => ({ state: 'warning', text });
const problem = (text: string): Finding => ({ state: 'problem', text });

/** Whether users can read a file who should not; a group that root gave the file to read, as for a service, may. */
export function isOpenToOthers({ mode, uid }: { readonly mode: number; readonly uid: number }): boolean {
  if (process.platform === 'win32') return false;
  const isOfGroup = (mode & 0o070) !== 0;
  const isGivenToGroup = uid === 0 && (mode & 0o020) === 0;
  return (mode & 0o007) !== 0 || (isOfGroup && !isGivenToGroup);
}

async function lookAtFile(configFile: string | null): Promise<Finding[]> {
  if (configFile === null)
    return [ok('no configuration file; settings come from the command line and the environment')];
  return isOpenToOthers(await stat(configFile))
    ? [warning(`other users of this machine may read ${configFile}, which can hold secrets: chmod 600 ${configFile}`)]
    : [ok(`configuration ${configFile}`)];
}

/** A file that is not there yet is made by `serve`; the doctor makes none. */
async function lookAtNewDatabase(path: string): Promise<Finding> {
  try {
    await access(dirname(path), constants.W_OK);
    return warning(`there is no database ${path} yet; serve makes it`);
  } catch {
    return problem(`the database ${path} is not there and cannot be made: check its folder, and who may write there`);
  }
}

async function lookAtDatabase(config: CoordinatorConfig): Promise<Finding[]> {
  const location = databaseLocation(config);
  const path = databasePath(location);
  if (path !== null && !existsSync(path)) {
    return [await lookAtNewDatabase(path), ...(await lookAtSigningKey(config, null))];
  }
  const opened = await openExistingDatabase(location);
  if (!opened.ok) return [problem(`${opened.error.message} ${opened.error.suggestion ?? ''}`.trim())];
  const database = opened.value;
  try {
    const findings = [ok(`database ${path ?? describeLocation(location)}`)];
    const ledger = new LedgerStore(database, systemClock, systemRandom);
    const { entries } = await ledger.head();
    const checked = await new LedgerVerifier(database, ledger).advance(CHECKED_ENTRIES);
    findings.push(
      checked.valid
        ? ok(`ledger: ${checked.verifiedEntries} of ${entries} entries checked`)
        : problem('the chain of the ledger is broken; run tore-coordinator ledger verify'),
    );
    if (path !== null) {
      const { bavail, bsize } = await statfs(dirname(path));
      if (bavail * bsize < LOW_SPACE_BYTES) findings.push(warning('less than 1 GiB is free where the database is'));
    }
    return [...findings, ...(await lookAtSigningKey(config, database))];
  } finally {
    await database.destroy();
  }
}

/** A key that is there must be usable, by the coordinator alone. Null where none is there. */
async function lookAtKey(name: string, file: string): Promise<Finding | null> {
  const key = await readKeyFile(file);
  if (!key.ok) return problem(`${name}: ${key.error.message} ${key.error.suggestion ?? ''}`.trim());
  if (key.value === null) return null;
  return isOpenToOthers(await stat(file))
    ? warning(`other users of this machine may read the ${name} ${file}: chmod 600 ${file}`)
    : ok(`${name} ${file}`);
}

/** A key is made at the first start; one that has signed checkpoints is never made again, so it must be there. */
async function lookAtSigningKey(config: CoordinatorConfig, database: Database | null): Promise<Finding[]> {
  const place = signingKeyPlace(config);
  if (place === null) return [];
  const found = await lookAtKey('signing key', place);
  if (found !== null) return [found];
  const signed = await database?.selectFrom('ledger_checkpoints').select('number').limit(1).executeTakeFirst();
  return signed === undefined ? [] : [problem(`the signing key ${place} is not there: restore it from a backup`)];
}

async function lookAtFederationKey({ federation }: CoordinatorConfig): Promise<Finding[]> {
  const found = federation.peers.length === 0 ? null : await lookAtKey('federation key', federation.keyFile);
  return found === null ? [] : [found];
}

async function lookAtModels(config: CoordinatorConfig): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const folder of config.modelFolders) {
    const loaded = await loadManifestFromFolder(folder);
    findings.push(
      loaded.ok
        ? ok(`model ${loaded.value.manifest.model_id}`)
        : problem(`the model folder ${folder} cannot be used: ${loaded.error.message}`),
    );
  }
  if (findings.length === 0 && config.acceptedModels === 'any') {
    findings.push(warning('no model folder is set: nodes decide which models this coordinator serves'));
  }
  return findings;
}

function lookAtTls(config: CoordinatorConfig): Finding[] {
  const tls = readTls(config);
  if (!tls.ok) return [problem(tls.error.message)];
  if (tls.value === null) return [];
  const days = Math.floor((tls.value.validUntilMs - Date.now()) / DAY_MS);
  if (days < 0) return [problem('the certificate has expired')];
  return [days < EXPIRES_SOON_DAYS ? warning(`the certificate expires in ${days} days`) : ok('certificate and key')];
}

/** A taken port is a problem only if it is not our own coordinator that has it, so it is a warning. */
async function lookAtPort(config: CoordinatorConfig): Promise<Finding[]> {
  const server = createServer();
  const failure = await new Promise<string | null>((settle) => {
    server.once('error', (error) => settle(error.message));
    server.listen(config.port, config.host, () => settle(null));
  });
  await new Promise<void>((closed) => {
    server.close(() => closed());
  });
  const where = `${config.host}:${config.port}`;
  return [failure === null ? ok(`${where} is free`) : warning(`${where}: ${failure}; is a coordinator running there?`)];
}

/** Looks at everything a coordinator needs, makes nothing, and changes nothing but the schema of a database that is there. */
export async function examine(options: CoordinatorOptions, configFile: string | null): Promise<Finding[]> {
  const config = readConfig(options);
  if (!config.ok) return [problem(config.error.message)];
  return [
    ...(await lookAtFile(configFile)),
    ...policyWarnings(config.value).map(warning),
    ...(await lookAtDatabase(config.value)),
    ...(await lookAtFederationKey(config.value)),
    ...(await lookAtModels(config.value)),
    ...lookAtTls(config.value),
    ...(await lookAtPort(config.value)),
  ];
}
