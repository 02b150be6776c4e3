import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { HARDWARE_TIERS } from '../../../protocol/compute/formulas';
import { GridStateUpdate, RegionCode, type GridStates, type NodeScore } from '../../../protocol/compute/http/grid';
import { refuse } from '../../errors';
import { NEUTRAL_GRID_PRIORITY } from '../../grid/grid-states';
import { effectiveHardware, isAvailableAt, type NodeRow } from '../../nodes/node-standing';
import { unknownNode } from '../../nodes/node-service';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { RequestInvalidError, validationIssues } from '../validation';
import { NodeParams } from './node-routes';

/** Shares of performance and grid in a node's score. */
const PERFORMANCE_SHARE = 0.7;
const BEST_MULTIPLIER = HARDWARE_TIERS.reduce((best, tier) => Math.max(best, tier.multiplier), 0);

const RegionParams = Type.Object({ region: RegionCode });
const RegionQuery = Type.Object({ region: RegionCode });
const updateChecker = Compile(GridStateUpdate);

function unknownRegion(region: string): ReturnType<typeof refuse> {
  return refuse('region-unknown', `Nothing is known about the grid of the region ${region.toUpperCase()}.`);
}

/** `/grid/*`: the electric grids that break ties between nodes. */
export function gridRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { grid, nodes } = services;

  const scoreOf = (node: NodeRow): NodeScore => {
    const { multiplier } = effectiveHardware(node, services.clock.nowMs());
    const performance = multiplier / BEST_MULTIPLIER;
    const gridScore = node.region === null ? NEUTRAL_GRID_PRIORITY : grid.priority(node.region);
    const mixed = PERFORMANCE_SHARE * performance + (1 - PERFORMANCE_SHARE) * gridScore;
    return {
      node_id: node.id,
      region: node.region,
      grid_score: gridScore,
      perf_score: performance,
      reliability: node.reliability,
      final_score: mixed * node.reliability,
    };
  };

  app.get('/grid/states', (): GridStates => ({
    regions: grid.ranked(),
    weights: { load: 0.4, carbon: 0.4, renewable: 0.2 },
    source: services.config.gridSource,
  }));

  app.get('/grid/score/:region', { schema: { params: RegionParams } }, (request, reply) => {
    const state = grid.find(request.params.region);
    return state === undefined ? sendResult(reply, unknownRegion(request.params.region)) : reply.send(grid.view(state));
  });

  // The baseline gives the values in the query; a body is taken as well.
  app.post('/grid/states/update', async (request, reply) => {
    const merged = { ...(request.query as object), ...(request.body as object | undefined) };
    const update: unknown = Value.Convert(GridStateUpdate, merged);
    if (!updateChecker.Check(update)) {
      throw new RequestInvalidError(validationIssues(updateChecker.Errors(update), 'query', update));
    }
    for (const share of ['load_factor', 'carbon_intensity', 'renewable_fraction'] as const) {
      if (update[share] < 0 || update[share] > 1) {
        return reply.code(400).send({ detail: `${share} must be between 0 and 1.` });
      }
    }
    if (!(await grid.update(update))) return reply.code(400).send({ detail: 'No room for another region.' });
    services.replicas?.gridChanged();
    return reply.send({ updated: update.region.toUpperCase(), grid_score: grid.priority(update.region) });
  });

  app.post(
    '/grid/nodes/:id/region',
    { schema: { params: NodeParams, querystring: RegionQuery } },
    async (request, reply) => {
      const node = await nodes.find(request.params.id);
      if (node === undefined) return sendResult(reply, unknownNode(request.params.id));
      const region = request.query.region.toUpperCase();
      await nodes.setRegion(node.id, region);
      return reply.send({ node_id: node.id, region, grid_score: grid.priority(region) });
    },
  );

  app.get('/grid/nodes/:id/score', { schema: { params: NodeParams } }, async (request, reply) => {
    const node = await nodes.find(request.params.id);
    return node === undefined ? sendResult(reply, unknownNode(request.params.id)) : reply.send(scoreOf(node));
  });

  app.get('/grid/select', async (_request, reply) => {
    const available = (await nodes.active()).filter((node) => isAvailableAt(node, services.clock.nowMs()));
    const [best] = available
      .map((node) => ({ node, score: scoreOf(node) }))
      .sort((left, right) => right.score.final_score - left.score.final_score);
    if (best === undefined) return sendResult(reply, refuse('node-unknown', 'No node is active now.'));
    const { multiplier, hardwareClass } = effectiveHardware(best.node, services.clock.nowMs());
    const { node_id: selectedNodeId, ...score } = best.score;
    return reply.send({ selected_node_id: selectedNodeId, hardware_class: hardwareClass, multiplier, ...score });
  });
}
