import { createHash, timingSafeEqual } from 'node:crypto';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { MICRO_GFT_PER_GFT } from '../../protocol/compute/micro-gft';
import type { ApiServer } from '../api/server-types';
import type { CoordinatorServices } from '../services';

const METRICS_PATH = '/metrics';
/** Seconds; an answer of a hundred tokens takes many of them, a heartbeat milliseconds. */
const DURATION_BUCKETS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];
const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

/** Says who may read: a bearer of the token, and this machine unless a proxy of it asks for somebody else. */
function createReaderCheck(
  token: string | null,
): (request: { ip: string; headers: Record<string, unknown> }) => boolean {
  const expected = token === null ? null : digest(token);
  return ({ ip, headers }) => {
    const given = /^Bearer +(\S+) *$/i.exec(String(headers['authorization'] ?? ''))?.[1];
    if (expected !== null && given !== undefined && timingSafeEqual(digest(given), expected)) return true;
    const isForwarded = headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
    return LOOPBACK.test(ip) && !isForwarded;
  };
}

/** What is read from the services at the moment of asking; nothing here costs more than counting what is in memory. */
function addGauges(registry: Registry, services: CoordinatorServices): void {
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: async () => made.set(await read()),
    });
  };
  const { hub, registry: shards, generation, ledger, verifier, catalogue } = services;
  gauge('tore_nodes_connected', 'Nodes with a live connection', () => hub.connectedNodes().length);
  gauge('tore_shards_registered', 'Registered shards', () => shards.all().length);
  gauge('tore_shards_online', 'Shards that can be reached now', () => {
    return shards.all().filter((shard) => shards.reach(shard) !== null).length;
  });
  gauge('tore_models', 'Models known here', () => catalogue.all().length);
  gauge('tore_requests_running', 'Requests being answered', () => generation.activeRequests);
  gauge('tore_requests_waiting', 'Requests waiting for their turn', () => generation.waitingRequests);
  gauge('tore_ledger_entries', 'Entries of the ledger', async () => (await ledger.head()).entries);
  gauge('tore_ledger_supply_gft', 'GFT in circulation', async () => {
    return (await ledger.head()).supplyMicroGft / MICRO_GFT_PER_GFT;
  });
  gauge('tore_ledger_valid', '1 while no fault was found in the chain', async () =>
    (await verifier.advance()).valid ? 1 : 0,
  );
}

/** Serves Prometheus metrics. Called before other hooks, so that no policy of the API applies but the one here. */
export function serveMetrics(app: ApiServer, services: CoordinatorServices): void {
  if (!services.config.metrics) return;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addGauges(registry, services);
  const ended = new Counter({
    name: 'tore_requests_total',
    help: 'Requests by how they ended: stop, length, cancelled, or the code of the failure',
    labelNames: ['end'] as const,
    registers: [registry],
  });
  const tokens = new Counter({ name: 'tore_tokens_total', help: 'Tokens produced', registers: [registry] });
  services.generation.watchEnds((result) => {
    ended.inc({ end: result.ok ? result.value.finish_reason : result.error.code });
    if (result.ok) tokens.inc(result.value.tokens);
  });
  const duration = new Histogram({
    name: 'tore_http_seconds',
    help: 'Time of HTTP calls',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
  const mayRead = createReaderCheck(services.config.metricsToken);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url !== METRICS_PATH) return undefined;
    if (!mayRead(request))
      return reply.code(403).send({ detail: 'The metrics are for this machine and bearers of metricsToken.' });
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  // The hook above has answered; the route gives it its place.
  app.get(METRICS_PATH, { schema: { hide: true } as object }, (_request, reply) => reply.code(404).send());
}
