import { Type } from 'typebox';
import { TRUST_LIMITS } from '../../../protocol/trust/trust-limits';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';

/** Signed objects are read by the protocol itself, which says what is wrong in them; the server only bounds them. */
const SignedObject = Type.Record(Type.String({ maxLength: 200 }), Type.Unknown());

/** A message with escapes of JSON around its characters. */
const MESSAGE_BODY_BYTES = 2 * TRUST_LIMITS.maxMessageBytes;

/** `/handshakes/*` and agreements at the door: the relay between parties, and membership by agreement (tore-0002). */
export function handshakeRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { relay, agreements, doorkeeper } = services;
  const options = { bodyLimit: MESSAGE_BODY_BYTES, schema: { body: SignedObject } };
  app.post('/handshakes/messages', options, async (request, reply) =>
    sendResult(reply, await relay.send(request.body), { success: 202 }),
  );

  app.post('/handshakes/inbox', options, async (request, reply) => sendResult(reply, await relay.inbox(request.body)));

  app.post('/access/agreements', options, async (request, reply) =>
    sendResult(reply, await agreements.show(request.body), { success: 201 }),
  );

  app.post('/access/agreements/terminations', options, async (request, reply) => {
    const ended = await agreements.end(request.body);
    if (!ended.ok) return sendResult(reply, ended);
    const { keys, ...answer } = ended.value;
    await doorkeeper.reviewKeys(keys);
    return reply.send(answer);
  });
}
