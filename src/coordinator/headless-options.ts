import { parseArgs } from 'node:util';
import { toMicroGft } from '../protocol/compute/micro-gft';
import { success } from '../protocol/result';
import { readConfig, type CoordinatorOptions } from './config';
import { refuse, type CoordinatorResult } from './errors';

/** What the command line of `tore-coordinator` asks for. */
export type HeadlessCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly options: CoordinatorOptions; readonly warnings: readonly string[] }
  | { readonly kind: 'release-node'; readonly databaseFile: string; readonly nodeId: string };

const DEFAULT_PORT = 8420;
const DEFAULT_DATABASE = 'tore-coordinator.db';
const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1', 'localhost'];

export const HEADLESS_HELP = `Usage: tore-coordinator [options]

Runs a coordinator: it brings nodes together into pipelines and keeps the ledger.

  --host ADDRESS          address to listen at (127.0.0.1); any other one lets
                          everyone who reaches it register nodes and spend
                          balances, unless an access token is set
  --port NUMBER           port to listen at (${DEFAULT_PORT}; 0 for any free one)
  --database FILE         SQLite file (${DEFAULT_DATABASE}); made when missing
  --model-folder FOLDER   folder of a model to serve; may be given again
  --accept-model ID       model that nodes may bring; may be given again
                          (without it: any)
  --access-token TOKEN    token every client must present; better given in the
                          environment as TORE_ACCESS_TOKEN
  --name NAME             name shown to nodes
  --no-token-economy      serve without GFT: no balances, no ledger
  --opening-grant GFT     GFT given once to each new node (0)
  --release-node ID       let a node back in that is held for review, and end
  --help                  show this text
  --version               show the version
`;

const OPTIONS = {
  host: { type: 'string' },
  port: { type: 'string' },
  database: { type: 'string' },
  'model-folder': { type: 'string', multiple: true },
  'accept-model': { type: 'string', multiple: true },
  'access-token': { type: 'string' },
  name: { type: 'string' },
  'no-token-economy': { type: 'boolean' },
  'opening-grant': { type: 'string' },
  'release-node': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

function wrong(message: string): ReturnType<typeof refuse> {
  return refuse('config-invalid', message, { suggestion: 'See tore-coordinator --help.' });
}

function readNumber(text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : text.trim() === '' ? Number.NaN : Number(text);
}

/** Reads the command line. Fails with `config-invalid`. */
export function readHeadlessOptions(
  argumentsGiven: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): CoordinatorResult<HeadlessCommand> {
  let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
  try {
    ({ values } = parseArgs({ args: [...argumentsGiven], options: OPTIONS, allowPositionals: false }));
  } catch (thrown) {
    return wrong(thrown instanceof Error ? thrown.message : String(thrown));
  }
  if (values.help === true) return success({ kind: 'help' });
  if (values.version === true) return success({ kind: 'version' });
  const databaseFile = values.database ?? DEFAULT_DATABASE;
  const heldNode = values['release-node'];
  if (heldNode !== undefined) return success({ kind: 'release-node', databaseFile, nodeId: heldNode });
  const port = readNumber(values.port, DEFAULT_PORT);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return wrong('--port takes a number from 0 to 65535.');
  const grant = readNumber(values['opening-grant'], 0);
  if (!Number.isFinite(grant) || grant < 0 || grant > 1_000_000) {
    return wrong('--opening-grant takes an amount of GFT from 0 to 1000000.');
  }
  const fromEnvironment = environment['TORE_ACCESS_TOKEN'];
  const accessToken = values['access-token'] ?? (fromEnvironment === '' ? undefined : fromEnvironment) ?? null;
  const host = values.host ?? '127.0.0.1';
  const options: CoordinatorOptions = {
    databaseFile,
    host,
    port,
    accessToken,
    tokenEconomy: values['no-token-economy'] !== true,
    openingGrantMicroGft: toMicroGft(grant),
    modelFolders: values['model-folder'] ?? [],
    acceptedModels: values['accept-model'] ?? 'any',
    ...(values.name === undefined ? {} : { name: values.name }),
  };
  const checked = readConfig(options);
  if (!checked.ok) return checked;
  const warnings: string[] = [];
  if (!LOOPBACK_HOSTS.includes(host) && accessToken === null) {
    warnings.push(
      `Listening at ${host} without an access token: everyone who reaches it can register nodes and spend their balances.`,
    );
  }
  if (values['access-token'] !== undefined) {
    warnings.push('Other users of this machine can see --access-token; TORE_ACCESS_TOKEN keeps it from them.');
  }
  return success({ kind: 'run', options, warnings });
}
