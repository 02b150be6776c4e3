import type { ModelCoverage, ModelSummary } from '../../../contract';
import type { AdminNode } from '../../../protocol/compute/http/admin';

/** Who holds which layers of a model, counted from the shards that are online. */
export function coverageOfNodes(
  model: Pick<ModelSummary, 'modelId' | 'friendlyName' | 'totalLayers'>,
  nodes: readonly AdminNode[],
  ownNodeId: string | null,
): ModelCoverage {
  const layers = Array.from({ length: model.totalLayers }, (_, index) => {
    const holding = nodes.filter((node) =>
      node.shards.some(
        (shard) =>
          shard.online && shard.model_id === model.modelId && shard.layer_start <= index && index <= shard.layer_end,
      ),
    );
    const isMine = ownNodeId !== null && holding.some((node) => node.id === ownNodeId);
    const holder = holding.length === 0 ? ('missing' as const) : isMine ? ('mine' as const) : ('others' as const);
    return { index, holder, holders: holding.length };
  });
  const { modelId, friendlyName, totalLayers } = model;
  const available = layers.every((layer) => layer.holders > 0);
  return { modelId, friendlyName, totalLayers, available, reason: null, layers };
}
