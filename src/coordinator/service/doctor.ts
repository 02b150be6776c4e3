import { stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { databaseLocation, readConfig, type CoordinatorConfig, type CoordinatorOptions } from '../config';
import { LedgerStore } from '../ledger/ledger-store';
import { LedgerVerifier } from '../ledger/ledger-verifier';
import { loadManifestFromFolder } from '../models/load-manifest';
import { systemClock, systemRandom } from '../clock';
import { describeLocation, engineOf, openDatabase } from '../storage/open-database';
import { policyWarnings } from './policy';
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

async function lookAtFile(configFile: string | null): Promise<Finding[]> {
  if (configFile === null)
    return [ok('no configuration file; settings come from the command line and the environment')];
  const { mode } = await stat(configFile);
  const isOpen = process.platform !== 'win32' && (mode & 0o077) !== 0;
  return isOpen
    ? [warning(`other users of this machine may read ${configFile}, which can hold secrets: chmod 600 ${configFile}`)]
    : [ok(`configuration ${configFile}`)];
}

async function lookAtDatabase(config: CoordinatorConfig): Promise<Finding[]> {
  const location = databaseLocation(config);
  const where = describeLocation(location);
  const opened = await openDatabase(location);
  if (!opened.ok) return [problem(`${opened.error.message} ${opened.error.suggestion ?? ''}`.trim())];
  const database = opened.value;
  try {
    const findings = [ok(`database ${where}`)];
    const ledger = new LedgerStore(database, systemClock, systemRandom);
    const { entries } = await ledger.head();
    const checked = await new LedgerVerifier(database, ledger).advance(CHECKED_ENTRIES);
    findings.push(
      checked.valid
        ? ok(`ledger: ${checked.verifiedEntries} of ${entries} entries checked`)
        : problem('the chain of the ledger is broken; run tore-coordinator ledger verify'),
    );
    if (engineOf(location) === 'sqlite' && location !== ':memory:') {
      const { bavail, bsize } = await statfs(dirname(resolve(location)));
      if (bavail * bsize < LOW_SPACE_BYTES) findings.push(warning('less than 1 GiB is free where the database is'));
    }
    return findings;
  } finally {
    await database.destroy();
  }
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

/** Looks at everything a coordinator needs, and changes nothing but the schema of its database. */
export async function examine(options: CoordinatorOptions, configFile: string | null): Promise<Finding[]> {
  const config = readConfig(options);
  if (!config.ok) return [problem(config.error.message)];
  return [
    ...(await lookAtFile(configFile)),
    ...policyWarnings(config.value).map(warning),
    ...(await lookAtDatabase(config.value)),
    ...(await lookAtModels(config.value)),
    ...lookAtTls(config.value),
    ...(await lookAtPort(config.value)),
  ];
}
