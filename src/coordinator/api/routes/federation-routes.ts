import { Type } from 'typebox';
import { FEDERATION_PATH } from '../../../protocol/federation/limits';
import { TRUST_LIMITS } from '../../../protocol/trust/trust-limits';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';

const SignedObject = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());

/** The link between coordinators, and the word of a party that ends the agreement it stands on. */
export function federationRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { federation } = services;
  if (federation === null) return;
  app.route({
    method: 'GET',
    url: FEDERATION_PATH,
    preValidation: async (request, reply) =>
      request.headers.origin === undefined
        ? undefined
        : reply.code(403).send({ detail: 'Web pages may not connect here.' }),
    handler: (_request, reply) =>
      reply.code(426).header('upgrade', 'websocket').send({ detail: 'This address takes links of coordinators.' }),
    wsHandler: (socket) => federation.accept(socket),
  });

  app.post(
    '/federation/terminations',
    { bodyLimit: 2 * TRUST_LIMITS.maxMessageBytes, schema: { body: SignedObject } },
    async (request, reply) => {
      const ended = await federation.links.terminate(request.body);
      return ended.ok
        ? reply.send({ status: 'ended', effective_at: ended.value.effective_at })
        : sendResult(reply, ended);
    },
  );
}
