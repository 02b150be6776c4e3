import type { ModelCoverage, ModelSummary } from '../../contract/snapshot';
import type { ModelsAnswer, PipelineAnswer, RegistryAnswer } from './coordinator-answers';

/** The list of models as the app shows it. */
export function summarizeModels({ models }: ModelsAnswer): readonly ModelSummary[] {
  return models.map((model) => ({
    modelId: model.model_id,
    friendlyName: model.friendly_name ?? model.model_id,
    totalLayers: model.total_layers,
    pipelineAvailable: model.pipeline_available ?? false,
    onlineShards: model.registry?.online ?? 0,
  }));
}

/** Who holds each layer of a model: this computer, others, or nobody. */
export function buildCoverage(
  modelId: string,
  pipeline: PipelineAnswer,
  registry: RegistryAnswer,
  ownNodeId: string | null,
): ModelCoverage {
  const online = registry.shards.filter((shard) => shard.model_id === modelId && shard.is_online !== false);
  const layers = Array.from({ length: pipeline.total_layers }, (_, index) => {
    const holders = online.filter(({ layer_start, layer_end }) => layer_start <= index && index <= layer_end);
    const mine = ownNodeId !== null && holders.some(({ node_id }) => node_id === ownNodeId);
    return {
      index,
      holder: mine ? ('mine' as const) : holders.length > 0 ? ('others' as const) : ('missing' as const),
      holders: holders.length,
    };
  });
  return {
    modelId,
    friendlyName: pipeline.friendly_name ?? modelId,
    totalLayers: pipeline.total_layers,
    available: pipeline.available,
    reason: pipeline.available ? null : (pipeline.reason ?? null),
    layers,
  };
}
