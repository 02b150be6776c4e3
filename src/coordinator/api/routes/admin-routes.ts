import { Type } from 'typebox';
import {
  AdminPage,
  MAX_PAGE,
  PenaltyBody,
  PolicyCheckBody,
  SuspendBody,
  type AdminChallenges,
  type AdminNodes,
  type LiveRequests,
  type PolicyCheck,
  type PolicyView,
} from '../../../protocol/compute/http/admin';
import { toMicroGft } from '../../../protocol/compute/micro-gft';
import { refuse } from '../../errors';
import { unknownNode } from '../../nodes/node-service';
import { checkPolicy } from '../../access/policy-view';
import { shownSettings } from '../../service/policy';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { ADMINISTRATOR_ONLY } from './admin-access';
import { NodeParams } from './node-routes';

const NodesQuery = Type.Interface([AdminPage], {
  status: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('suspended'), Type.Literal('deregistered')])),
});
const ChallengesQuery = Type.Object({
  node_id: Type.Optional(Type.String({ maxLength: 200 })),
  limit: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 100 }),
});

function tokensOff(): ReturnType<typeof refuse> {
  return refuse('tokens-off', 'The token economy is off on this coordinator.');
}

/** `/admin/*` beside members: nodes, the policy, requests under way, challenges. */
export function adminRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { nodeService, nodeOverview, challenges } = services;

  app.get('/admin/nodes', { ...ADMINISTRATOR_ONLY, schema: { querystring: NodesQuery } }, async (request, reply) => {
    const answer: AdminNodes = await nodeOverview.page(request.query);
    return reply.send(answer);
  });

  app.post(
    '/admin/nodes/:id/release',
    { ...ADMINISTRATOR_ONLY, schema: { params: NodeParams } },
    async (request, reply) => sendResult(reply, await nodeService.releaseByOperator(request.params.id)),
  );

  app.post(
    '/admin/nodes/:id/suspend',
    { ...ADMINISTRATOR_ONLY, schema: { params: NodeParams, body: SuspendBody } },
    async (request, reply) =>
      sendResult(reply, await nodeService.suspendByOperator(request.params.id, request.body.reason)),
  );

  app.post(
    '/admin/nodes/:id/penalty',
    { ...ADMINISTRATOR_ONLY, schema: { params: NodeParams, body: PenaltyBody } },
    async (request, reply) => {
      if (!services.config.tokenEconomy) return sendResult(reply, tokensOff());
      const node = await services.nodes.find(request.params.id);
      if (node === undefined) return sendResult(reply, unknownNode(request.params.id));
      const { gft, reason } = request.body;
      const taken = await services.cashier.penalize(node.id, toMicroGft(gft), reason);
      return taken.ok ? reply.send(taken.value.entry) : sendResult(reply, taken);
    },
  );

  app.get('/admin/policy', ADMINISTRATOR_ONLY, (): PolicyView => ({ policy: shownSettings(services.config) }));

  app.post(
    '/admin/policy/check',
    { ...ADMINISTRATOR_ONLY, schema: { body: PolicyCheckBody } },
    (request): PolicyCheck => checkPolicy(services.config, request.body),
  );

  app.get('/admin/requests', ADMINISTRATOR_ONLY, (): LiveRequests => services.generation.live());

  app.get(
    '/admin/challenges',
    { ...ADMINISTRATOR_ONLY, schema: { querystring: ChallengesQuery } },
    async (request, reply) => {
      const { limit, node_id: nodeId } = request.query;
      const answer: AdminChallenges = { challenges: await challenges.recent(limit, nodeId) };
      return reply.send(answer);
    },
  );
}
