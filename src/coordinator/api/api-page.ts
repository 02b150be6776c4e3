import swagger from '@fastify/swagger';
import swaggerPage from '@fastify/swagger-ui';
import { COORDINATOR_VERSION } from '../version';
import type { ApiServer } from './server-types';

/** Where people and programs read about the API; the OpenAPI document is at `/docs/json`. */
const PAGE_PATH = '/docs';

/** Describes every route by the schemas it is checked with. The page loads nothing from other servers. */
export async function describeApi(app: ApiServer): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tore coordinator',
        description: 'The HTTP binding of tore-0001. Errors are `{detail}`; the WebSocket binding is at `/ws`.',
        version: COORDINATOR_VERSION,
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    hideUntagged: false,
  });
  await app.register(swaggerPage, { routePrefix: PAGE_PATH, staticCSP: true });
}
