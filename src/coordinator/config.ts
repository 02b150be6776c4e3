import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { PublicKey } from '../protocol/documents/fields';
import { INTERVALS } from '../protocol/compute/formulas';
import { HELD_PRECISIONS } from '../protocol/compute/run-preferences';
import { MemberKey } from '../protocol/compute/http/access';
import { success } from '../protocol/result';
import { ACTIVATION_DTYPES } from '../protocol/wire/activation-coding';
import { WIRE_LIMITS } from '../protocol/wire/limits';
import { REPLAY_LIMITS } from './pipeline/span-recorder';
import { refuse, type CoordinatorResult } from './errors';

const Seconds = (fallback: number): ReturnType<typeof Type.Number> =>
  Type.Number({ minimum: 0.01, maximum: 86_400, default: fallback });

const OptionalPath = Type.Union([Type.String({ minLength: 1, maxLength: 4_096 }), Type.Null()], { default: null });

/** Another coordinator this one is linked with. */
export const FederationPeer = Type.Object({
  /** What it is called in logs, answers and statements. */
  name: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\s/][^/]*$' }),
  /** Where it listens; null when it connects to this one. */
  url: Type.Optional(Type.Union([Type.String({ maxLength: 2_000, pattern: '^https?://[^/?#@]+/?$' }), Type.Null()])),
  /** The Ed25519 key of that coordinator. */
  publicKey: PublicKey,
  /** The agreement signed by both parties, `.tore2-agreement.json`. */
  agreementFile: Type.String({ minLength: 1, maxLength: 4_096 }),
});
export type FederationPeer = Static<typeof FederationPeer>;

/** The links of this coordinator with others. */
export const FederationSettings = Type.Object(
  {
    /** The key of this coordinator, PKCS#8 PEM; made when it is missing. Only needed with peers. */
    keyFile: Type.String({ minLength: 1, maxLength: 4_096, default: 'tore-federation-key.pem' }),
    /** Wait before the first attempt to connect again; it doubles up to a minute. */
    retrySeconds: Seconds(1),
    peers: Type.Array(FederationPeer, { maxItems: 100, default: [] }),
  },
  { default: {} },
);
export type FederationSettings = Static<typeof FederationSettings>;

/** Settings of one coordinator. Everything has a default. */
export const CoordinatorConfig = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200, default: 'Tore coordinator' }),
  /** Loopback unless the operator opens it: whoever reaches the port can register nodes and spend their balances. */
  host: Type.String({ minLength: 1, maxLength: 255, default: '127.0.0.1' }),
  /** 0 takes any free port. */
  port: Type.Integer({ minimum: 0, maximum: 65_535, default: 0 }),
  /** Path of the SQLite file, or `:memory:`; not used when `databaseUrl` is set. */
  databaseFile: Type.String({ minLength: 1, maxLength: 4_096, default: 'tore-coordinator.db' }),
  /** A PostgreSQL database, `postgresql://user:password@host:port/name`. It is a secret: it can hold a password. */
  databaseUrl: Type.Union(
    [Type.String({ minLength: 1, maxLength: 4_096, pattern: '^postgres(ql)?://' }), Type.Null()],
    { default: null },
  ),
  /** NATS server between the replicas of one coordinator; they share one PostgreSQL database. */
  natsUrl: Type.Union([Type.String({ minLength: 1, maxLength: 1_000, pattern: '^(nats|tls)://' }), Type.Null()], {
    default: null,
  }),
  /** PEM files of an own certificate; both or none. */
  tlsCertificateFile: OptionalPath,
  tlsKeyFile: OptionalPath,
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: Type.Array(Type.String({ minLength: 2, maxLength: 100, pattern: '^[0-9a-fA-F.:/]+$' }), {
    maxItems: 100,
    default: [],
  }),
  /** When set, every HTTP call and WebSocket must carry it as a bearer token; only characters RFC 6750 allows there. */
  accessToken: Type.Union(
    [Type.String({ minLength: 8, maxLength: 1_000, pattern: '^[A-Za-z0-9._~+/-]+=*$' }), Type.Null()],
    { default: null },
  ),
  /** Public keys of the institution this coordinator belongs to; agreements with it let their other parties in. */
  institutionKeys: Type.Array(PublicKey, { maxItems: 100, default: [] }),
  /** A policy of `resources/policies` by its id, or a file of that form; what it sets counts unless it is set here. */
  policy: Type.Union([Type.String({ minLength: 1, maxLength: 4_096 }), Type.Null()], { default: null }),
  /** `open`: anybody, as the baseline has it; `keyed`: whoever proves a key; `institution`: members alone. */
  accessPolicy: Type.Union([Type.Literal('open'), Type.Literal('keyed'), Type.Literal('institution')], {
    default: 'open',
  }),
  /** Members by public key (32 bytes in base64), beside those who come with an invitation or an agreement. */
  allowedKeys: Type.Array(MemberKey, { maxItems: 100_000, default: [] }),
  /** Keys that may do everything an administrator may. */
  administratorKeys: Type.Array(MemberKey, { maxItems: 100, default: [] }),
  /** Bearer of the administrator, for scripts; long, since it opens everything. */
  administratorToken: Type.Union(
    [Type.String({ minLength: 24, maxLength: 1_000, pattern: '^[A-Za-z0-9._~+/-]+=*$' }), Type.Null()],
    { default: null },
  ),
  /** Told to whoever is turned away: whom to ask for an invitation. */
  joinInstructions: Type.String({ maxLength: 500, default: '' }),
  /** Life of a session opened by `POST /access/session`. */
  sessionMinutes: Type.Number({ minimum: 1, maximum: 1_440, default: 60 }),
  /** The coordinator runs proofs of work itself, on the models of `modelFolders`; it takes its own processor time. */
  ownChecks: Type.Boolean({ default: false }),
  /**
   * Share of requests of which the work of one node is done again, unannounced, by the coordinator (`ownChecks`) or an
   * independent node. 0 does none; requests under agreements are left out in any case.
   */
  workCheckRate: Type.Number({ minimum: 0, maximum: 1, default: 0.05 }),
  tokenEconomy: Type.Boolean({ default: true }),
  /**
   * Key that signs checkpoints of the ledger (PEM). A SQLite database has one of its own beside it unless this says
   * otherwise; replicas over PostgreSQL need one file each with the same key.
   */
  signingKeyFile: OptionalPath,
  /** How often a checkpoint is signed, when the ledger has grown since the last one. 0 signs none by itself. */
  checkpointEverySeconds: Type.Number({ minimum: 0, maximum: 31_536_000, default: 3_600 }),
  /** Given once to each newly registered node, as a `purchase` entry. */
  openingGrantMicroGft: Type.Integer({ minimum: 0, maximum: 1_000_000_000_000, default: 0 }),
  openingGrantReason: Type.String({ maxLength: 200, default: 'Opening grant by policy of this coordinator' }),
  /** `any` lets a node introduce a model with its manifest; a list names the only models served here. */
  acceptedModels: Type.Union(
    [Type.Literal('any'), Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 1_000 })],
    { default: 'any' },
  ),
  modelFolders: Type.Array(Type.String({ minLength: 1, maxLength: 4_096 }), { maxItems: 1_000, default: [] }),
  /**
   * Element type of activations between nodes. f32 is exact; f16 and bf16 halve the bytes, int8 quarters them, and change
   * results slightly (docs/protocol.md has the measured errors).
   */
  activationDtype: Type.Enum(ACTIVATION_DTYPES, { default: 'f32' }),
  /** Tokens guessed ahead and verified in one pass; 0 switches guessing off. */
  maxDraftTokens: Type.Integer({ minimum: 0, maximum: WIRE_LIMITS.maxDraftTokens, default: 15 }),
  /**
   * `public` refuses shard servers at loopback, private and link-local addresses, so that a stranger cannot point the
   * coordinator at the operator's own network. Link-local addresses are refused in either case.
   */
  shardHosts: Type.Union([Type.Literal('any'), Type.Literal('public')], { default: 'any' }),
  heartbeatSeconds: Type.Number({ minimum: 1, maximum: 3_600, default: INTERVALS.heartbeatSeconds }),
  shardOfflineAfterSeconds: Seconds(INTERVALS.shardOfflineAfterSeconds),
  /** How often nodes are looked for that would help more with other layers; they are asked. 0 asks nobody. */
  moveEverySeconds: Type.Number({ minimum: 0, maximum: 86_400, default: 600 }),
  /** How nodes are asked to hold layers of a model that nobody holds yet; later ones hold them as the first ones do. */
  suggestedPrecision: Type.Enum(HELD_PRECISIONS, { default: 'fp32' }),
  challengeEverySeconds: Seconds(INTERVALS.challengeEverySeconds),
  /** Delay of the first challenge after a shard registered over the WebSocket. */
  firstChallengeAfterSeconds: Seconds(2),
  taskTimeoutSeconds: Seconds(INTERVALS.taskTimeoutSeconds),
  /** A connection that does not prove its key in this time is closed. */
  authenticationSeconds: Seconds(10),
  /** How long a lost connection can be resumed. */
  resumeSeconds: Seconds(120),
  /** How long an answer goes on for a requester that lost its connection, and is kept for it after its end. */
  requesterGraceSeconds: Seconds(60),
  /** The reader of a streamed answer who takes nothing for so long is cut off, and a WebSocket likewise. */
  readerTimeoutSeconds: Seconds(60),
  /** Every shard of a pipeline must answer `pipeline-open` in this time. */
  openTimeoutSeconds: Seconds(20),
  /** A node that has a step to do must give a sign of life in this time. */
  stepTimeoutSeconds: Seconds(30),
  /** No step may take longer than this, whatever signs of life come. */
  stepLimitSeconds: Seconds(600),
  /**
   * Activations kept of one request to rebuild the cache of a lost node; beyond it they are computed again from the token
   * ids. 0 keeps none.
   */
  replayBytesPerRequest: Type.Integer({ minimum: 0, maximum: 2 ** 40, default: REPLAY_LIMITS.bytesPerRequest }),
  /** How long an answer waits in its middle for somebody to serve layers that were lost. */
  replacementWaitSeconds: Seconds(30),
  /** How often expired tasks, silent shards and due challenges are looked for. */
  maintenanceSeconds: Seconds(1),
  /** How long running requests may go on once the coordinator stops; then they end with what they have. */
  drainSeconds: Type.Number({ minimum: 0, maximum: 3_600, default: 0 }),
  logLevel: Type.Enum(['silent', 'error', 'warn', 'info', 'debug'], { default: 'info' }),
  /** `GET /metrics` for this machine and for bearers of `metricsToken`. */
  metrics: Type.Boolean({ default: false }),
  metricsToken: Type.Union(
    [Type.String({ minLength: 8, maxLength: 1_000, pattern: '^[A-Za-z0-9._~+/-]+=*$' }), Type.Null()],
    { default: null },
  ),
  /** `GET /docs`: the description of the API, for people and as OpenAPI. */
  apiPage: Type.Boolean({ default: false }),
  maxConnections: Type.Integer({ minimum: 1, maximum: 100_000, default: 10_000 }),
  /** Of one address, so that a single machine cannot take all of them; behind a proxy see `trustedProxies`. */
  maxConnectionsPerAddress: Type.Integer({ minimum: 1, maximum: 100_000, default: 500 }),
  maxRequests: Type.Integer({ minimum: 1, maximum: 10_000, default: 64 }),
  maxRequestsPerNode: Type.Integer({ minimum: 1, maximum: 1_000, default: 8 }),
  /** A server with the chat completions interface of OpenAI, as `https://host/v1`; null: none. */
  fallbackBaseUrl: Type.Union([Type.String({ maxLength: 1_000, pattern: '^https?://[^@?#\\s]+$' }), Type.Null()], {
    default: null,
  }),
  fallbackKey: Type.Union([Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[\\x21-\\x7e]+$' }), Type.Null()], {
    default: null,
  }),
  /** Models it may answer for: `model`, or `model=its name there`. */
  fallbackModels: Type.Array(Type.String({ minLength: 1, maxLength: 400 }), { maxItems: 1_000, default: [] }),
  /** Price of a token of prompt or answer. */
  fallbackMicroGftPerToken: Type.Integer({ minimum: 0, maximum: 1_000_000_000, default: 0 }),
  fallbackTimeoutSeconds: Seconds(120),
  /** `forced`: only for requests that ask for it; `unavailable`: also where no pipeline can answer. */
  fallbackUse: Type.Union([Type.Literal('forced'), Type.Literal('unavailable')], { default: 'forced' }),
  /** Where live values of the grids come from; the built-in table otherwise. */
  gridSource: Type.Union([Type.Literal('static'), Type.Literal('entsoe'), Type.Literal('electricity-maps')], {
    default: 'static',
  }),
  gridKey: Type.Union([Type.String({ minLength: 1, maxLength: 1_000, pattern: '^[\\x21-\\x7e]+$' }), Type.Null()], {
    default: null,
  }),
  /** Regions to keep fresh: `region=zone of the source`, or a region that is named the same there. */
  gridRegions: Type.Array(Type.String({ maxLength: 100, pattern: '^[A-Za-z0-9_-]{1,40}(=[A-Za-z0-9_-]{1,59})?$' }), {
    maxItems: 200,
    default: [],
  }),
  /** Another address of the source, for a proxy or a mirror. */
  gridBaseUrl: Type.Union([Type.String({ maxLength: 1_000, pattern: '^https?://[^@?#\\s]+$' }), Type.Null()], {
    default: null,
  }),
  gridRefreshMinutes: Type.Number({ minimum: 1, maximum: 1_440, default: 60 }),
  /** Requests that wait for their turn; beyond it they are refused with 503 and a time to come back. */
  maxWaitingRequests: Type.Integer({ minimum: 0, maximum: 100_000, default: 64 }),
  /** Of one node; beyond it 429. */
  maxWaitingRequestsPerNode: Type.Integer({ minimum: 0, maximum: 1_000, default: 8 }),
  /** Longest wait for a turn. */
  queueWaitSeconds: Seconds(120),
  /** A prompt of a million characters in JSON, with room for escapes. */
  bodyLimitBytes: Type.Integer({ minimum: 1_024, maximum: 256 * 1024 * 1024, default: 4 * 1024 * 1024 }),
  /** HTTP calls one address may make per minute, and calls one key may make on either binding. */
  rateLimitPerMinute: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 1_200 }),
  /** Links with other coordinators under agreements (docs/federation.md). */
  federation: FederationSettings,
});
export type CoordinatorConfig = Static<typeof CoordinatorConfig>;

/** What a caller may give; the rest takes its default. */
export type CoordinatorOptions = Partial<CoordinatorConfig>;

/** Where the database is, as `openDatabase` takes it. */
export function databaseLocation(config: Pick<CoordinatorConfig, 'databaseFile' | 'databaseUrl'>): string {
  return config.databaseUrl ?? config.databaseFile;
}

const checker = Compile(CoordinatorConfig);

/** Fills the defaults in and checks every field. */
export function readConfig(options: CoordinatorOptions): CoordinatorResult<CoordinatorConfig> {
  const filled: unknown = Value.Default(CoordinatorConfig, Value.Clone(options));
  if (checker.Check(filled)) return success(filled);
  const [first] = checker.Errors(filled);
  const where = first === undefined ? '' : first.instancePath.slice(1).replaceAll('/', '.');
  return refuse('config-invalid', `The setting "${where}" ${first?.message ?? 'is not valid'}.`, {
    suggestion: 'Correct the setting and start again.',
  });
}
