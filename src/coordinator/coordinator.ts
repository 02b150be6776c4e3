import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { generateSigner } from '../keys/ed25519';
import { success } from '../protocol/result';
import { createServer } from './api/server';
import type { ApiServer } from './api/server-types';
import { systemClock, systemRandom, type Clock, type Random } from './clock';
import { coordinatorIdOf } from './coordinator-id';
import { databaseLocation, readConfig, type CoordinatorConfig, type CoordinatorOptions } from './config';
import { refuse, type CoordinatorResult } from './errors';
import type { KeySource } from './ledger/checkpoints';
import { silentLogger, type Logger } from './logger';
import type { ManifestLoader } from './models/model-catalogue';
import { loadManifestFromFolder } from './models/load-manifest';
import { connectNats } from './replicas/nats-bus';
import type { ReplicaBus } from './replicas/replica-bus';
import { readFederation } from './federation/peer-settings';
import { openExistingDatabase } from './service/existing-database';
import { readSigningKey, signingKeyPlace, writeSigningKey } from './service/signing-key';
import { readTls } from './service/tls';
import { createServices, type CoordinatorServices } from './services';
import type { Database } from './storage/database-schema';
import { openDatabase } from './storage/open-database';
import { storageErrorOf } from './storage/storage-error';

/** Time running requests have to settle when the coordinator stops. */
const STOP_GRACE_MS = 5_000;
/**
 * Connections that may wait to be taken; the system has a bound of its own, mostly 4,096. With Node's default of 511 a
 * thousand at once would have some of theirs reset where the processor is busy.
 */
const BACKLOG = 4_096;

/** Where a started coordinator is. */
export interface RunningCoordinator {
  /** `http://host:port`, or `https://…` with a certificate. */
  readonly url: string;
  readonly port: number;
  /** Names this coordinator for as long as its database lives. */
  readonly coordinatorId: string;
}

/** What a coordinator takes from its surroundings; everything has a default. */
export interface CoordinatorSurroundings {
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly loadManifest?: ManifestLoader;
}

/** One coordinator of tore-0001, the same embedded and headless. */
export interface Coordinator {
  /** Fails with the codes of the group `start` in errors.ts; then nothing is left open. */
  start(): Promise<CoordinatorResult<RunningCoordinator>>;
  /** Lets running requests finish for `drainSeconds`, then ends them (settled for what they produced), closes connections and the database. May be called twice. */
  stop(): Promise<void>;
  /** Reads the certificate of the configuration again, without closing anything. Fails with `tls-invalid`. */
  renewCertificate(): CoordinatorResult<void>;
  /** The operator lets a node back in that is held for review. */
  releaseNode(nodeId: string): Promise<CoordinatorResult<void>>;
}

/** What a coordinator has opened so far. */
interface Opened {
  readonly database: Database;
  bus: ReplicaBus | null;
  services: CoordinatorServices | null;
  app: ApiServer | null;
}

interface Started extends Opened {
  readonly services: CoordinatorServices;
  readonly app: ApiServer;
}

function listenFailure(thrown: unknown, config: CoordinatorConfig): ReturnType<typeof refuse> {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
  if (code === 'EADDRINUSE') {
    return refuse('port-in-use', `Port ${config.port} of ${config.host} is used by another program.`, {
      suggestion: 'Stop the other program, or choose another port.',
    });
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return refuse('listen-failed', `The coordinator cannot listen at ${config.host}:${config.port}: ${reason}`, {
    suggestion: 'Check the host and the port.',
  });
}

/** The bus between replicas, null for a coordinator of one process. Fails with `config-invalid` or `bus-unreachable`. */
async function connectReplicas(
  config: CoordinatorConfig,
  logger: Logger,
): Promise<CoordinatorResult<ReplicaBus | null>> {
  if (config.natsUrl === null) return success(null);
  if (config.databaseUrl === null) {
    return refuse('config-invalid', 'natsUrl needs databaseUrl: replicas share one PostgreSQL database.', {
      suggestion: 'Set databaseUrl, or remove natsUrl to run alone.',
    });
  }
  return connectNats(config.natsUrl, logger);
}

/**
 * Where the signing key comes from, null for a coordinator without one. A key is made at the first start; a lost one is
 * not replaced, because the checkpoints that were signed name it. A passing database has a passing key.
 */
async function signingKeyOf(config: CoordinatorConfig, database: Database, logger: Logger): Promise<KeySource | null> {
  const place = signingKeyPlace(config);
  if (place === null) {
    if (config.databaseUrl !== null) return null;
    const { signer } = generateSigner();
    return () => Promise.resolve(success(signer));
  }
  const known = await database.selectFrom('ledger_checkpoints').select('number').limit(1).executeTakeFirst();
  const made = known === undefined ? await writeSigningKey(place) : success(undefined);
  if (!made.ok) logger.error({ code: made.error.code }, made.error.message);
  return () => readSigningKey(place);
}

/** Waits until no request runs, or the time is over. */
async function untilIdle(services: CoordinatorServices, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (services.generation.activeRequests > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Closes whatever was opened, also by a start that failed half-way. */
async function closeAll({ database, bus, services, app }: Opened): Promise<void> {
  await services?.federation?.stop();
  services?.desk.stop();
  await services?.workChecks.stop();
  services?.cashier.stop();
  await services?.maintenance.stop();
  await services?.gridRefresh.stop();
  services?.hub.stop();
  services?.replicas?.stop();
  await bus?.close();
  await app?.close();
  await services?.coverage.settled();
  await services?.ownRuns.close();
  await database.destroy();
}

/** Makes a coordinator; `start` opens its database and listens. */
export function createCoordinator(
  options: CoordinatorOptions,
  surroundings: CoordinatorSurroundings = {},
): Coordinator {
  const logger = surroundings.logger ?? silentLogger;
  const clock = surroundings.clock ?? systemClock;
  const random = surroundings.random ?? systemRandom;
  let started: Started | null = null;

  const open = async (config: CoordinatorConfig, opened: Opened): Promise<CoordinatorResult<RunningCoordinator>> => {
    const { database } = opened;
    const coordinatorId = await coordinatorIdOf(database, random);
    const federation = readFederation(config.federation);
    if (!federation.ok) return federation;
    const bus = await connectReplicas(config, logger);
    if (!bus.ok) return bus;
    opened.bus = bus.value;
    const signingKey = await signingKeyOf(config, database, logger);
    const services = createServices(config, coordinatorId, database, {
      clock,
      random,
      logger,
      bus: bus.value,
      federation: federation.value,
      signingKey,
    });
    opened.services = services;
    await services.grid.load();
    const loaded = await services.catalogue.load(
      config.modelFolders,
      surroundings.loadManifest ?? loadManifestFromFolder,
    );
    if (!loaded.ok) return loaded;
    const tls = readTls(config);
    if (!tls.ok) return tls;
    const app = await createServer(services, tls.value);
    opened.app = app;
    // Before anybody can ask: what an earlier process set aside is nobody's any more.
    await services.cashier.start(bus.value === null, (thrown) =>
      logger.warn({ err: thrown }, 'what is set aside could not be renewed'),
    );
    try {
      await app.listen({ host: config.host, port: config.port, backlog: BACKLOG });
    } catch (thrown) {
      return listenFailure(thrown, config);
    }
    services.maintenance.start();
    services.replicas?.start();
    await services.federation?.start();
    started = { ...opened, app, services };
    const { port } = app.server.address() as AddressInfo;
    const host = config.host.includes(':') ? `[${config.host}]` : config.host;
    logger.info({ host: config.host, port, coordinatorId }, 'the coordinator listens');
    const scheme = tls.value === null ? 'http' : 'https';
    return success({ url: `${scheme}://${host}:${port}`, port, coordinatorId });
  };

  return {
    async start() {
      if (started !== null) throw new Error('the coordinator was started already');
      const config = readConfig(options);
      if (!config.ok) return config;
      const database = await openDatabase(databaseLocation(config.value), (thrown) =>
        logger.warn({ err: thrown }, 'a connection to the database broke'),
      );
      if (!database.ok) return database;
      const opened: Opened = { database: database.value, bus: null, services: null, app: null };
      try {
        return await open(config.value, opened);
      } catch (thrown) {
        const stored = storageErrorOf(thrown);
        if (stored !== null) return { ok: false, error: stored.failure };
        throw thrown;
      } finally {
        if (started === null) await closeAll(opened);
      }
    },

    async stop() {
      const running = started;
      started = null;
      if (running === null) return;
      const { services } = running;
      services.generation.drain();
      await untilIdle(services, services.config.drainSeconds * 1_000);
      services.generation.stop();
      await untilIdle(services, STOP_GRACE_MS);
      await closeAll(running);
      logger.info({}, 'the coordinator stopped');
    },

    renewCertificate() {
      if (started === null) return refuse('coordinator-stopping', 'The coordinator is not running.');
      const tls = readTls(started.services.config);
      if (!tls.ok) return tls;
      const { server } = started.app;
      if (tls.value !== null && server instanceof TlsServer) server.setSecureContext(tls.value);
      return success(undefined);
    },

    async releaseNode(nodeId) {
      if (started === null) return refuse('coordinator-stopping', 'The coordinator is not running.');
      const released = await started.services.nodeService.releaseByOperator(nodeId);
      return released.ok ? success(undefined) : released;
    },
  };
}

/**
 * Lets a node back in that is held for review, in the database of a coordinator that may be running or not.
 * Fails with `node-unknown`, `not-suspended` and the codes of `openExistingDatabase`.
 */
export async function releaseHeldNode(location: string, nodeId: string): Promise<CoordinatorResult<void>> {
  const config = readConfig({ databaseFile: location });
  if (!config.ok) return config;
  const database = await openExistingDatabase(location);
  if (!database.ok) return database;
  const surroundings = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const { nodeService } = createServices(config.value, '', database.value, surroundings);
  const released = await nodeService.releaseByOperator(nodeId);
  await database.value.destroy();
  return released.ok ? success(undefined) : released;
}
