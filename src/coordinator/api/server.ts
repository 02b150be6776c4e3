import rateLimit from '@fastify/rate-limit';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyError, type FastifyReply } from 'fastify';
import { FEDERATION_SUBPROTOCOL } from '../../protocol/federation/limits';
import { isShallow } from '../../protocol/documents/shallow-json';
import { WEBSOCKET_PATH, WEBSOCKET_SUBPROTOCOL, WIRE_LIMITS } from '../../protocol/wire/limits';
import { serveMetrics } from '../service/metrics';
import type { TlsFiles } from '../service/tls';
import type { CoordinatorServices } from '../services';
import { StorageError, storageErrorOf } from '../storage/storage-error';
import { describeApi } from './api-page';
import { HttpGate, noteBody } from '../access/http-gate';
import { errorBody, statusOf } from './http-status';
import { adminFederationRoutes } from './routes/admin-federation-routes';
import { adminMemberRoutes } from './routes/admin-member-routes';
import { adminNoticeRoutes } from './routes/admin-notice-routes';
import { adminRoutes } from './routes/admin-routes';
import { accessRoutes } from './routes/access-routes';
import { federationRoutes } from './routes/federation-routes';
import { discoveryRoutes } from './routes/discovery-routes';
import { generateRoute } from './routes/generate-route';
import { gridRoutes } from './routes/grid-routes';
import { handshakeRoutes } from './routes/handshake-routes';
import { inferenceRoutes } from './routes/inference-routes';
import { modelFileRoutes } from './routes/model-file-routes';
import { nodeRoutes } from './routes/node-routes';
import { serviceRoutes } from './routes/service-routes';
import { sessionRoutes } from './routes/session-routes';
import { shardRoutes } from './routes/shard-routes';
import { taskRoutes } from './routes/task-routes';
import { tokenRoutes } from './routes/token-routes';
import type { ApiServer } from './server-types';
import { RequestInvalidError, validatorCompiler } from './validation';

/** A client has this long to send a whole request; a body of 4 MiB needs half a second on a slow line. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Room for percent-encoded ids of 200 characters. */
const MAX_PARAM_LENGTH = 800;

/** Builds the HTTP server with its WebSocket route; it does not listen yet. */
export async function createServer(services: CoordinatorServices, tls: TlsFiles | null = null): Promise<ApiServer> {
  const { config, logger } = services;
  const app = Fastify({
    // A TLS server differs from a plain one in its type alone.
    ...((tls === null ? {} : { https: { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' } }) as object),
    trustProxy: config.trustedProxies.length === 0 ? false : config.trustedProxies,
    bodyLimit: config.bodyLimitBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (_error, _request, reply) => {
      void (reply as FastifyReply).code(400).send({ detail: 'The address of the request is not valid.' });
    },
  }).withTypeProvider<TypeBoxTypeProvider>() as ApiServer;
  app.setValidatorCompiler(validatorCompiler as Parameters<typeof app.setValidatorCompiler>[0]);

  acceptLooseBodies(app);
  answerErrors(app, services);
  // First, because it marks upgrades: a socket refused by a later hook is then closed with its answer.
  await app.register(websocket, {
    options: {
      maxPayload: WIRE_LIMITS.maxFrameBytes,
      // Activations do not compress, and the contexts would cost memory on every connection.
      perMessageDeflate: false,
      handleProtocols: (protocols) =>
        [WEBSOCKET_SUBPROTOCOL, FEDERATION_SUBPROTOCOL].find((known) => protocols.has(known)) ?? false,
    },
    errorHandler: (error, socket) => {
      logger.error({ err: error }, 'a connection failed');
      socket.terminate();
    },
  });
  serveMetrics(app, services);
  if (config.apiPage) await describeApi(app);
  await app.register(rateLimit, { max: config.rateLimitPerMinute, timeWindow: 60_000 });
  new HttpGate(services.access, config).install(app);

  app.route({
    method: 'GET',
    url: WEBSOCKET_PATH,
    // Browsers send an origin, nodes do not: a web page must not talk to a coordinator on its visitor's machine.
    preValidation: async (request, reply) =>
      request.headers.origin === undefined
        ? undefined
        : reply.code(403).send({ detail: 'Web pages may not connect here.' }),
    handler: (_request, reply) =>
      reply.code(426).header('upgrade', 'websocket').send({ detail: 'This address takes WebSocket connections.' }),
    wsHandler: (socket, request) => services.hub.accept(socket, request.ip),
  });
  serviceRoutes(app, services);
  accessRoutes(app, services);
  adminRoutes(app, services);
  adminMemberRoutes(app, services);
  adminNoticeRoutes(app, services);
  adminFederationRoutes(app, services);
  nodeRoutes(app, services);
  shardRoutes(app, services);
  inferenceRoutes(app, services);
  modelFileRoutes(app, services);
  generateRoute(app, services);
  taskRoutes(app, services);
  tokenRoutes(app, services);
  discoveryRoutes(app, services);
  handshakeRoutes(app, services);
  sessionRoutes(app, services);
  gridRoutes(app, services);
  federationRoutes(app, services);
  return app;
}

/** Foreign clients announce JSON on requests without a body, and some announce other types on empty posts. */
function acceptLooseBodies(app: ApiServer): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const bytes = Buffer.from(body);
    noteBody(request, bytes);
    const text = bytes.toString('utf8');
    if (text.trim() === '') done(null, undefined);
    else {
      void parseJson(request, text, (error, value) => {
        const isTooDeep = error === null && !isShallow(value);
        done(isTooDeep ? Object.assign(new SyntaxError('nested too deeply'), { statusCode: 400 }) : error, value);
      });
    }
  });
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (String(body).trim() === '') done(null, undefined);
    else done(Object.assign(new Error('unsupported media type'), { statusCode: 415 }));
  });
}

/** Sentences for what Fastify refuses by itself. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The request cannot be read.',
  413: 'The body of the request is too large.',
  415: 'Only JSON bodies are read here.',
  429: 'Too many requests from this address; try again in a minute.',
};

/** Every error in the baseline's form; nothing of the inside goes out. */
function answerErrors(app: ApiServer, services: CoordinatorServices): void {
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ detail: 'Not Found' }));
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    if (error instanceof RequestInvalidError) return reply.code(422).send({ detail: error.issues });
    const stored = error instanceof StorageError ? error : storageErrorOf(error);
    if (stored !== null) {
      services.logger.error({ code: stored.failure.code }, 'the database refused');
      return reply.code(statusOf(stored.failure.code)).send(errorBody(stored.failure));
    }
    const isBadJson =
      error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' || (error instanceof SyntaxError && error.statusCode === 400);
    if (isBadJson) {
      const issue = { type: 'json_invalid', loc: ['body'], msg: 'JSON decode error', input: null };
      return reply.code(422).send({ detail: [issue] });
    }
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send({ detail: REFUSALS[status] ?? 'The request was refused.' });
    services.logger.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed');
    return reply.code(500).send({ detail: 'The coordinator made an error.' });
  });
}
