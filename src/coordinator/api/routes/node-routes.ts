import { Type } from 'typebox';
import { NodeRegistration } from '../../../protocol/compute/http/nodes';
import { success } from '../../../protocol/result';
import { refuse } from '../../errors';
import { unknownNode } from '../../nodes/node-service';
import { normalizePublicKey } from '../../nodes/node-store';
import type { CoordinatorServices } from '../../services';
import { errorBody } from '../http-status';
import { sendResult, type ApiServer } from '../server-types';

export const NodeParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

/** `/nodes/*`: registration, heartbeat, hardware, standing. */
export function nodeRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { nodeService, nodes, shards } = services;

  app.post('/nodes/register', { schema: { body: NodeRegistration } }, async (request, reply) => {
    const { publicKey } = request.principal;
    if (publicKey !== null && publicKey !== normalizePublicKey(request.body.public_key)) {
      return sendResult(reply, refuse('key-mismatch', 'A key registers itself, and no other key.'));
    }
    const registered = await nodeService.register(request.body);
    if (registered.ok || registered.error.code !== 'node-known') return sendResult(reply, registered, { success: 201 });
    // The id beside the sentence lets a client that lost its own find it again.
    const known = await nodes.findByKey(request.body.public_key);
    return reply.code(409).send({ ...errorBody(registered.error), node_id: known?.id ?? null });
  });

  app.get('/nodes/:id', { schema: { params: NodeParams } }, async (request, reply) => {
    const row = await nodes.find(request.params.id);
    return sendResult(reply, row === undefined ? unknownNode(request.params.id) : success(await nodes.details(row)));
  });

  app.delete('/nodes/:id', { schema: { params: NodeParams } }, async (request, reply) => {
    const removed = await nodeService.remove(request.params.id);
    if (removed.ok) shards.remove(request.params.id);
    return sendResult(reply, removed);
  });

  app.post('/nodes/:id/heartbeat', { schema: { params: NodeParams } }, async (request, reply) =>
    sendResult(reply, await nodeService.heartbeat(request.params.id)),
  );

  app.post(
    '/nodes/:id/hardware-update',
    { schema: { params: NodeParams, body: NodeRegistration } },
    async (request, reply) => sendResult(reply, await nodeService.updateHardware(request.params.id, request.body)),
  );

  app.post('/nodes/:id/unsuspend', { schema: { params: NodeParams } }, async (request, reply) =>
    sendResult(reply, await nodeService.unsuspend(request.params.id)),
  );
}
