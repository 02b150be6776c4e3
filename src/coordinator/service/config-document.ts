import { dirname } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { success } from '../../protocol/result';
import { CoordinatorConfig, readConfig, type CoordinatorOptions } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { withWholePaths } from './setting-paths';

/** A configuration file is written by hand; one of this size is a mistake or an attack. */
export const MAX_CONFIG_BYTES = 256 * 1024;
/** Aliases can make a small file enormous; a list of settings needs none. */
const MAX_ALIASES = 10;

type SettingName = keyof CoordinatorConfig;
type Section = readonly [title: string, settings: readonly (readonly [SettingName, string])[]];

/** What each setting is for, in the order of the written file. Settings without an entry follow at its end. */
const SECTIONS: readonly Section[] = [
  [
    'Who and where',
    [
      ['name', 'Name shown to nodes and on GET /.'],
      ['host', 'Address to listen at. 127.0.0.1 is this machine alone, 0.0.0.0 every network of it.'],
      ['port', 'Port to listen at; 0 takes any free one.'],
      ['tlsCertificateFile', 'Own certificate (PEM, with its chain). Not needed behind a proxy that ends TLS.'],
      ['tlsKeyFile', 'Key of that certificate (PEM). SIGHUP reads both again.'],
      [
        'trustedProxies',
        'Addresses or networks of proxies whose X-Forwarded-For is believed, e.g. [127.0.0.1, 10.0.0.0/8]. Without them limits count the address that connects.',
      ],
    ],
  ],
  [
    'Storage',
    [
      [
        'databaseFile',
        'SQLite file; used when databaseUrl is not set. Without the setting it is tore-coordinator.db in the working directory.',
      ],
      [
        'databaseUrl',
        'PostgreSQL, postgresql://user:password@host:5432/database. Better given as TORE_DATABASE_URL or TORE_DATABASE_URL_FILE. Needed for more than one coordinator process.',
      ],
      [
        'natsUrl',
        'NATS server that connects the replicas of one coordinator, nats://host:4222; all of them use one databaseUrl.',
      ],
    ],
  ],
  [
    'Who may come in',
    [
      [
        'accessToken',
        'When set, every call must carry it as a bearer token. Better given as TORE_ACCESS_TOKEN or TORE_ACCESS_TOKEN_FILE.',
      ],
      [
        'policy',
        'A policy template: open-campus, medical-data, compute-exchange, teaching, or a file of that form (resources/policies). It sets accessPolicy, tokenEconomy and joinInstructions; settings here may be stricter, a weaker one is refused. `policy check` explains it.',
      ],
      [
        'accessPolicy',
        'open: anybody, without a key. keyed: whoever proves a key. institution: members alone (docs/access.md).',
      ],
      ['allowedKeys', 'Members by public key, beside those who come with an invitation or an agreement.'],
      ['administratorKeys', 'Public keys that may use /admin.'],
      [
        'administratorToken',
        'Bearer token for /admin. Better given as TORE_ADMINISTRATOR_TOKEN or TORE_ADMINISTRATOR_TOKEN_FILE.',
      ],
      ['joinInstructions', 'Told to whoever is turned away, e.g. whom to ask for an invitation.'],
      ['sessionMinutes', 'Life of a session opened by POST /access/session.'],
      ['institutionKeys', 'Keys of the institution itself; agreements with it let their other parties in.'],
      ['rateLimitPerMinute', 'HTTP calls of one address, and calls of one key, per minute.'],
      ['maxConnections', 'WebSocket connections of nodes at the same time.'],
      ['maxConnectionsPerAddress', 'Of one address at the same time; behind a proxy name it in trustedProxies.'],
      ['bodyLimitBytes', 'Largest body of an HTTP call, in bytes.'],
    ],
  ],
  [
    'GFT',
    [
      ['tokenEconomy', 'false runs without GFT: nothing is earned or charged, /tokens answers 503.'],
      [
        'signingKeyFile',
        'Key that signs checkpoints of the ledger (PEM, for its owner alone). Without it a SQLite database has its key beside it, <databaseFile>.signing-key.pem, and a PostgreSQL one signs none. Replicas need the same key.',
      ],
      [
        'checkpointEverySeconds',
        'How often a checkpoint is signed and published, when the ledger has grown. 0 signs none by itself.',
      ],
      ['openingGrantMicroGft', 'Given once to each new node, in millionths of a GFT (1000000 is 1 GFT).'],
      ['openingGrantReason', 'Written beside the grant in the ledger.'],
    ],
  ],
  [
    'Models',
    [
      ['modelFolders', 'Folders of models this coordinator vouches for.'],
      ['acceptedModels', '"any", or the ids of the only models nodes may bring.'],
      [
        'suggestedPrecision',
        'How nodes are asked to hold layers of a model nobody holds yet: fp32 is exact, int8 takes about a quarter of its memory, int4 about a sixth. Later nodes hold them as the first ones do.',
      ],
      [
        'activationDtype',
        'Numbers between nodes: f32 is exact, f16 and bf16 halve the traffic and change results slightly.',
      ],
      ['maxDraftTokens', 'Tokens guessed ahead and verified in one pass; 0 switches guessing off.'],
      [
        'ownChecks',
        'true lets the coordinator run proofs of work itself on the models of modelFolders, which takes processor time of its own process. Without it nodes with the same layers are compared with each other.',
      ],
      [
        'workCheckRate',
        'Share of requests, 0 to 1, of which the work of one node is done again without notice, by the coordinator with ownChecks or by another node with the same layers. Requests under agreements are never copied for this. 0 does none.',
      ],
      [
        'replayBytesPerRequest',
        'Activations kept of one request to rebuild the cache of a lost node; beyond it they are computed again. 0 keeps none.',
      ],
      ['shardHosts', '"public" refuses shard servers at private addresses. A public cooperative wants that.'],
      ['maxRequests', 'Requests answered at the same time.'],
      ['maxRequestsPerNode', 'Requests of one node at the same time.'],
      ['maxWaitingRequests', 'Requests that wait for their turn; more are refused with 503 and Retry-After.'],
      ['maxWaitingRequestsPerNode', 'Waiting requests of one node; more are refused with 429 and Retry-After.'],
    ],
  ],
  [
    'Other coordinators',
    [
      [
        'federation',
        'Links with other coordinators, each under a signed agreement (docs/federation.md): {"keyFile": "key.pem", "peers": [{"name": "Physics at B", "url": "https://b.example:8420" or null when only they connect, "publicKey": "…", "agreementFile": "b.tore2-agreement.json"}]}. `tore-coordinator federation key` shows the own public key.',
      ],
    ],
  ],
  [
    'Electric grids, which break ties between nodes of the same speed',
    [
      [
        'gridSource',
        'static: the built-in table and POST /grid/states/update. entsoe, electricity-maps: live values, with a key of theirs.',
      ],
      ['gridKey', 'Key of the source. Better given as TORE_GRID_KEY or TORE_GRID_KEY_FILE.'],
      [
        'gridRegions',
        'Regions to keep fresh, "region=zone of the source": ["DE=10Y1001A1001A82H"] for entsoe, ["DE", "US-CA=US-CAL-CISO"] for electricity-maps.',
      ],
      ['gridBaseUrl', 'Another address of the source, for a proxy.'],
      ['gridRefreshMinutes', 'How often each region is read.'],
    ],
  ],
  [
    'Fallback: a server outside',
    [
      [
        'fallbackBaseUrl',
        'Server with the chat completions interface of OpenAI, https://host/v1. It sees the prompts it answers. Without it only nodes answer.',
      ],
      ['fallbackKey', 'Its key. Better given as TORE_FALLBACK_KEY or TORE_FALLBACK_KEY_FILE.'],
      ['fallbackModels', 'Models it may answer for: "model", or "model=its name there".'],
      ['fallbackMicroGftPerToken', 'Price of a token of prompt or answer, in millionths of a GFT.'],
      ['fallbackTimeoutSeconds', 'Longest time of an answer.'],
      [
        'fallbackUse',
        'forced: only for requests with force_backend "fallback". unavailable: also where no pipeline can answer.',
      ],
    ],
  ],
  [
    'Times, in seconds',
    [
      ['heartbeatSeconds', 'How often nodes give a sign of life.'],
      ['shardOfflineAfterSeconds', 'Silence after which a shard counts as offline.'],
      [
        'moveEverySeconds',
        'How often a node is asked to hold other layers, where that helps clearly more. 0 asks nobody.',
      ],
      ['challengeEverySeconds', 'How often a node is challenged.'],
      ['firstChallengeAfterSeconds', 'Delay of the first challenge after a registration.'],
      ['taskTimeoutSeconds', 'Time to answer a challenge.'],
      ['authenticationSeconds', 'Time to prove a key after connecting.'],
      ['resumeSeconds', 'How long a lost connection can be resumed.'],
      [
        'requesterGraceSeconds',
        'How long an answer goes on for a requester that lost its connection, and is kept for it after its end.',
      ],
      [
        'readerTimeoutSeconds',
        'Whoever takes nothing in for so long is cut off: the reader of an answer streamed over HTTP, and a WebSocket.',
      ],
      ['openTimeoutSeconds', 'Time for a shard to get ready for a request.'],
      ['stepTimeoutSeconds', 'A node that has a step to do must give a sign of life in this time.'],
      ['stepLimitSeconds', 'No step may take longer, whatever signs of life come.'],
      ['queueWaitSeconds', 'How long a request waits for its turn.'],
      ['replacementWaitSeconds', 'How long an answer waits in its middle for somebody to serve lost layers.'],
      ['maintenanceSeconds', 'How often overdue things are looked for.'],
      ['drainSeconds', 'How long a stopping coordinator lets running requests finish before it ends them.'],
    ],
  ],
  [
    'Watching it',
    [
      ['logLevel', 'silent, error, warn, info or debug. Logs hold no secrets, prompts or answers.'],
      ['metrics', 'Serves Prometheus metrics at GET /metrics, to this machine and to bearers of metricsToken.'],
      ['metricsToken', 'Lets another machine read the metrics.'],
      ['apiPage', 'Serves the description of the API at GET /docs and GET /docs/json.'],
    ],
  ],
];

const DOCUMENTED = new Set<string>(SECTIONS.flatMap(([, settings]) => settings.map(([name]) => name)));

/** Defaults of the service that are not those of the embedded coordinator. */
export const SERVICE_DEFAULTS: CoordinatorOptions = {
  port: 8_420,
  drainSeconds: 30,
  metrics: true,
  apiPage: true,
};

/** Names of all settings. */
export function settingNames(): SettingName[] {
  return Object.keys(CoordinatorConfig.properties) as SettingName[];
}

function comment(text: string): string {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > 100) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/** A setting that is chosen is written, one that has its default is shown behind `#`. JSON is YAML, and unambiguous. */
function writtenSetting(name: SettingName, value: unknown, isChosen: boolean): string {
  return `${isChosen ? '' : '#'}${name}: ${JSON.stringify(value)}`;
}

/** The text of a configuration file in which every setting is explained and `chosen` ones are set. */
export function writeConfigDocument(chosen: CoordinatorOptions): CoordinatorResult<string> {
  const filled = readConfig({ ...SERVICE_DEFAULTS, ...chosen });
  if (!filled.ok) return filled;
  const setting = (name: SettingName): string => writtenSetting(name, filled.value[name], chosen[name] !== undefined);
  const rest = settingNames().filter((name) => !DOCUMENTED.has(name));
  const parts = SECTIONS.map(([title, settings]) =>
    [`# --- ${title} ---`, ...settings.map(([name, text]) => `${comment(text)}\n${setting(name)}`)].join('\n\n'),
  );
  return success(
    [
      [
        '# Configuration of tore-coordinator. A setting behind # has its default. Every setting can also be given in the',
        '# environment (databaseUrl as TORE_DATABASE_URL), secrets also as a file (TORE_DATABASE_URL_FILE). The order is:',
        '# command line, environment, this file, default. A path in it that is not whole counts from the folder it lies in.',
        '# `tore-coordinator doctor` checks all of it.',
      ].join('\n'),
      ...parts,
      ['# --- More settings ---', ...rest.map(setting)].join('\n'),
      '',
    ].join('\n\n'),
  );
}

/**
 * Settings named in a configuration text. Fails with `config-invalid`, naming the line.
 *
 * @param file - where the text is from; paths in it count from that folder
 */
export function readConfigDocument(text: string, file: string): CoordinatorResult<CoordinatorOptions> {
  const wrong = (message: string): ReturnType<typeof refuse> =>
    refuse('config-invalid', `The configuration ${file} cannot be used: ${message}`, {
      suggestion: 'Correct it and try again; `tore-coordinator init` writes one with every setting explained.',
    });
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) return wrong(`it is larger than ${MAX_CONFIG_BYTES} bytes.`);
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) return wrong(error.message.split('\n')[0] ?? 'it is not YAML.');
  if (document.contents === null) return success({});
  if (!isMap(document.contents)) return wrong('it is not a list of settings, "name: value".');
  let values: Record<string, unknown>;
  try {
    values = document.toJS({ maxAliasCount: MAX_ALIASES }) as Record<string, unknown>;
  } catch (thrown) {
    return wrong(thrown instanceof Error ? thrown.message : String(thrown));
  }
  const known = new Set<string>(settingNames());
  const unknown = Object.keys(values).find((name) => !known.has(name));
  if (unknown !== undefined) return wrong(`there is no setting "${unknown.slice(0, 100)}".`);
  const checked = readConfig(values);
  return checked.ok ? success(withWholePaths(values, dirname(file))) : wrong(checked.error.message);
}
