import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { toMicroGft } from '../protocol/compute/micro-gft';
import { success } from '../protocol/result';
import { databaseLocation, readConfig, type CoordinatorConfig, type CoordinatorOptions } from './config';
import { refuse, type CoordinatorResult } from './errors';
import type { LedgerFormat } from './ledger/ledger-export';
import { readConfigDocument, SERVICE_DEFAULTS } from './service/config-document';
import { readEnvironment, type Environment } from './service/environment';
import { checkAgainstPolicy, policySettings, readPolicy } from './service/institution-policy';
import type { FederationRequest } from './service/federation-commands';
import { policyWarnings } from './service/policy';
import { signingKeyPlace } from './service/signing-key';

/** What the command line of `tore-coordinator` asks for. */
export type HeadlessCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'init';
      readonly configFile: string;
      readonly template: string;
      readonly options: CoordinatorOptions;
    }
  | ({ readonly kind: 'serve' } & Configured)
  | ({ readonly kind: 'doctor' } & Configured)
  | ({ readonly kind: 'policy-check' } & Configured)
  | ({ readonly kind: 'backup'; readonly file: string } & Configured)
  | ({ readonly kind: 'restore'; readonly file: string } & Configured)
  | ({ readonly kind: 'ledger-verify' } & Configured)
  | ({ readonly kind: 'ledger-audit'; readonly limit: number } & Configured)
  | ({ readonly kind: 'ledger-checkpoint'; readonly out: string | null; readonly all: boolean } & Configured)
  | ({ readonly kind: 'ledger-rotate-key' } & Configured)
  | ({
      readonly kind: 'ledger-export';
      readonly out: string | null;
      readonly nodeId: string | undefined;
      readonly format: LedgerFormat;
    } & Configured)
  | ({ readonly kind: 'federation'; readonly request: FederationRequest } & Configured)
  | ({ readonly kind: 'notice'; readonly text: string; readonly days: number } & Configured)
  | ({ readonly kind: 'nodes' } & Configured)
  | ({ readonly kind: 'release-node'; readonly nodeId: string } & Configured);

/** The settings of a command, put together from every place they can come from. */
export interface Configured {
  readonly options: CoordinatorOptions;
  readonly warnings: readonly string[];
  /** The file that was read, or null. */
  readonly configFile: string | null;
}

export const DEFAULT_CONFIG_FILE = 'tore-coordinator.yaml';
const DEFAULT_AUDIT_ENTRIES = 100;
const DEFAULT_NOTICE_DAYS = 7;

export const HEADLESS_HELP = `Usage: tore-coordinator [command] [options]

Runs a coordinator: it brings nodes together into pipelines and keeps the ledger.

Commands
  serve                   run (the default)
  init                    write a configuration with every setting explained, and
                          secrets made for it; --template says for what
  doctor                  check configuration, database, models, certificate, port
  policy check            check the configuration and show what it lets whom do
  backup FILE             write everything in the database to a file
  restore FILE            fill an empty database from such a file; SQLite and
                          PostgreSQL can be exchanged this way
  ledger verify           check the whole chain and every balance
  ledger audit            print entries, newest last; --limit, 0 for all
  ledger checkpoint       sign a checkpoint of the ledger and print it; --all prints
                          every one so far; \`tore verify\` checks them
  ledger export           write all entries, or those of --node ID, as JSON lines,
                          or as --format csv
  ledger rotate-key       sign with a new key from now on; both keys say so
  federation key          print the public key of this coordinator for agreements
  federation peers        list the linked coordinators and what was settled
  federation statement PEER   print the last statement signed by both, or that of
                          --day; \`tore verify\` checks it
  federation reconcile PEER   show each entry of --day in which the two ledgers
                          differ; --with FILE takes the peer's statement from a file
  federation terminate FILE   end an agreement with a signed notice of a party
  notice TEXT             tell everybody who runs a node, for --days; connected nodes
                          hear it within a minute, the others when they come
  nodes                   list the registered nodes
  nodes release ID        let a node back in that is held for review

Options
  --config FILE           configuration (${DEFAULT_CONFIG_FILE} if it is there)
  --template NAME         of init: private, institution or cooperative
  --out FILE              of ledger checkpoint and export: where to; without it the
                          standard output
  --days NUMBER           of notice: until it goes out of date (7)
  --day DAY               of federation: a day in UTC, 2026-03-01
  --with FILE             of federation reconcile: a statement of the peer
  --limit NUMBER          of ledger audit: how many entries (${DEFAULT_AUDIT_ENTRIES})
  --help                  show this text
  --version               show the version

Settings; they go before the environment (TORE_…) and the configuration
  --host ADDRESS          address to listen at (127.0.0.1); any other one lets
                          everyone who reaches it register nodes and spend
                          balances, unless the configuration says who may
  --port NUMBER           port to listen at (${SERVICE_DEFAULTS.port}; 0 for any free one)
  --database PLACE        SQLite file (tore-coordinator.db), which serve makes
                          when it is missing, or a postgresql:// address
  --model-folder FOLDER   folder of a model to serve; may be given again
  --accept-model ID       model that nodes may bring; may be given again
                          (without it: any)
  --access-token TOKEN    token every client must present; better given in the
                          environment as TORE_ACCESS_TOKEN
  --name NAME             name shown to nodes
  --policy NAME           policy of an institution: open-campus, medical-data,
                          compute-exchange, teaching, or a file of that form
  --no-token-economy      serve without GFT: no balances, no ledger
  --opening-grant GFT     GFT given once to each new node (0)
`;

const OPTIONS = {
  config: { type: 'string' },
  template: { type: 'string' },
  limit: { type: 'string' },
  out: { type: 'string' },
  all: { type: 'boolean' },
  node: { type: 'string' },
  format: { type: 'string' },
  days: { type: 'string' },
  day: { type: 'string' },
  with: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  database: { type: 'string' },
  'model-folder': { type: 'string', multiple: true },
  'accept-model': { type: 'string', multiple: true },
  'access-token': { type: 'string' },
  name: { type: 'string' },
  policy: { type: 'string' },
  'no-token-economy': { type: 'boolean' },
  'opening-grant': { type: 'string' },
  'release-node': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

function wrong(message: string): ReturnType<typeof refuse> {
  return refuse('config-invalid', message, { suggestion: 'See tore-coordinator --help.' });
}

function readNumber(text: string): number {
  return text.trim() === '' ? Number.NaN : Number(text);
}

/** Settings given as options. */
function readFlags(values: Values): CoordinatorResult<CoordinatorOptions> {
  const { host, name, database } = values;
  const port = values.port === undefined ? undefined : readNumber(values.port);
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65_535)) {
    return wrong('--port takes a number from 0 to 65535.');
  }
  const grant = values['opening-grant'] === undefined ? undefined : readNumber(values['opening-grant']);
  if (grant !== undefined && (!Number.isFinite(grant) || grant < 0 || grant > 1_000_000)) {
    return wrong('--opening-grant takes an amount of GFT from 0 to 1000000.');
  }
  const isServer = database !== undefined && /^postgres(?:ql)?:\/\//.test(database);
  return success({
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(name === undefined ? {} : { name }),
    ...(values.policy === undefined ? {} : { policy: values.policy }),
    ...(database === undefined
      ? {}
      : isServer
        ? { databaseUrl: database }
        : { databaseFile: database, databaseUrl: null }),
    ...(values['access-token'] === undefined ? {} : { accessToken: values['access-token'] }),
    ...(values['model-folder'] === undefined ? {} : { modelFolders: values['model-folder'] }),
    ...(values['accept-model'] === undefined ? {} : { acceptedModels: values['accept-model'] }),
    ...(values['no-token-economy'] === true ? { tokenEconomy: false } : {}),
    ...(grant === undefined ? {} : { openingGrantMicroGft: toMicroGft(grant) }),
  });
}

/** Settings of the configuration file, or none when the usual one is not there. */
function readFile(named: string | undefined): CoordinatorResult<{ file: string | null; settings: CoordinatorOptions }> {
  if (named === undefined && !existsSync(DEFAULT_CONFIG_FILE)) return success({ file: null, settings: {} });
  const file = named ?? DEFAULT_CONFIG_FILE;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return wrong(`The configuration ${file} cannot be read.`);
  }
  const read = readConfigDocument(text, file);
  return read.ok ? success({ file, settings: read.value }) : read;
}

/** Puts the settings together: command line, environment, file, default. */
function configure(
  values: Values,
  environment: Environment,
): CoordinatorResult<Configured & { config: CoordinatorConfig }> {
  const flags = readFlags(values);
  if (!flags.ok) return flags;
  const surrounding = readEnvironment(environment);
  if (!surrounding.ok) return surrounding;
  const file = readFile(values.config ?? (environment['TORE_CONFIG'] === '' ? undefined : environment['TORE_CONFIG']));
  if (!file.ok) return file;
  const given = { ...file.value.settings, ...surrounding.value, ...flags.value };
  const policy = typeof given.policy === 'string' ? readPolicy(given.policy) : success(null);
  if (!policy.ok) return policy;
  const options = { ...SERVICE_DEFAULTS, ...(policy.value === null ? {} : policySettings(policy.value)), ...given };
  const config = readConfig(options);
  if (!config.ok) return config;
  const fits = policy.value === null ? success(undefined) : checkAgainstPolicy(config.value, policy.value);
  if (!fits.ok) return fits;
  const warnings = policyWarnings(config.value);
  if (values['access-token'] !== undefined) {
    warnings.push('Other users of this machine can see --access-token; TORE_ACCESS_TOKEN keeps it from them.');
  }
  return success({ options, warnings, configFile: file.value.file, config: config.value });
}

function ledgerCommandOf(name: string | undefined, values: Values, configured: Configured): HeadlessCommand | null {
  const out = values.out ?? null;
  switch (name) {
    case 'verify':
      return { kind: 'ledger-verify', ...configured };
    case 'audit': {
      const limit = readNumber(values.limit ?? String(DEFAULT_AUDIT_ENTRIES));
      return Number.isInteger(limit) && limit >= 0 ? { kind: 'ledger-audit', limit, ...configured } : null;
    }
    case 'checkpoint':
      return { kind: 'ledger-checkpoint', out, all: values.all === true, ...configured };
    case 'rotate-key':
      return { kind: 'ledger-rotate-key', ...configured };
    case 'export': {
      const format = values.format ?? 'jsonl';
      if (format !== 'jsonl' && format !== 'csv') return null;
      return { kind: 'ledger-export', out, nodeId: values.node, format, ...configured };
    }
    default:
      return null;
  }
}

function federationRequestOf(words: readonly string[], values: Values): FederationRequest | null {
  const [act, target] = words;
  const day = values.day ?? null;
  if (words.length === 1 && (act === 'key' || act === 'peers')) return { act };
  if (words.length !== 2 || target === undefined) return null;
  if (act === 'statement') return { act, peer: target, day };
  if (act === 'reconcile') return { act, peer: target, day, with: values.with ?? null };
  return act === 'terminate' ? { act, file: target } : null;
}

function commandOf(words: readonly string[], values: Values, configured: Configured): HeadlessCommand | null {
  const [first = 'serve', second, third] = words;
  const two = second === undefined ? first : `${first} ${second}`;
  if (words.length <= 1 && (first === 'serve' || first === 'doctor')) return { kind: first, ...configured };
  if (words.length === 2 && (first === 'backup' || first === 'restore') && second !== undefined) {
    return { kind: first, file: second, ...configured };
  }
  if (words.length === 2 && two === 'policy check') return { kind: 'policy-check', ...configured };
  if (words.length === 2 && first === 'ledger') return ledgerCommandOf(second, values, configured);
  if (first === 'federation') {
    const request = federationRequestOf(words.slice(1), values);
    return request === null ? null : { kind: 'federation', request, ...configured };
  }
  if (words.length === 2 && first === 'notice' && second !== undefined) {
    const days = readNumber(values.days ?? String(DEFAULT_NOTICE_DAYS));
    return { kind: 'notice', text: second, days, ...configured };
  }
  if (words.length === 1 && first === 'nodes') return { kind: 'nodes', ...configured };
  if (words.length === 3 && two === 'nodes release' && third !== undefined) {
    return { kind: 'release-node', nodeId: third, ...configured };
  }
  return null;
}

/** Reads the command line, the environment and the configuration file. Fails with `config-invalid`. */
export function readHeadlessOptions(
  argumentsGiven: readonly string[],
  environment: Environment,
): CoordinatorResult<HeadlessCommand> {
  let values: Values;
  let words: string[];
  try {
    ({ values, positionals: words } = parseArgs({
      args: [...argumentsGiven],
      options: OPTIONS,
      allowPositionals: true,
    }));
  } catch (thrown) {
    return wrong(thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (values.help === true) return success({ kind: 'help' });
  if (values.version === true) return success({ kind: 'version' });
  if (words[0] === 'init') {
    if (words.length > 1) return wrong(`There is no command "${words.join(' ')}".`);
    const flags = readFlags(values);
    if (!flags.ok) return flags;
    const configFile = values.config ?? DEFAULT_CONFIG_FILE;
    return success({ kind: 'init', configFile, template: values.template ?? 'private', options: flags.value });
  }
  const configured = configure(values, environment);
  if (!configured.ok) return configured;
  const { config: _config, ...settings } = configured.value;
  const heldNode = values['release-node'];
  if (heldNode !== undefined) return success({ kind: 'release-node', nodeId: heldNode, ...settings });
  const command = commandOf(words, values, settings);
  return command === null ? wrong(`There is no command "${words.join(' ')}" of that form.`) : success(command);
}

/** Where the database of a command is, and the key that signs its ledger. */
export function placesOf(
  options: CoordinatorOptions,
): CoordinatorResult<{ readonly location: string; readonly signingKey: string | null }> {
  const config = readConfig(options);
  if (!config.ok) return config;
  return success({ location: databaseLocation(config.value), signingKey: signingKeyPlace(config.value) });
}
