import { Type } from 'typebox';
import { toWireGft } from '../../../protocol/compute/micro-gft';
import { SAMPLING_LIMITS, type ModelManifest } from '../../../protocol/compute/model';
import type {
  InferenceCostEstimate,
  LayerSuggestion,
  ModelListing,
  ModelListings,
  PipelineStatus,
} from '../../../protocol/compute/http/inference';
import { PrecisionName } from '../../../protocol/compute/http/tokens';
import { refuse } from '../../errors';
import { estimatedPrice } from '../../ledger/pricing';
import type { PeerModel } from '../../federation/offers';
import type { Peer } from '../../federation/peer';
import { noFallback } from '../../pipeline/generate-service';
import type { CoordinatorServices } from '../../services';
import { sendResult, type ApiServer } from '../server-types';
import { restOfPath } from './wildcard';

const BYTES_PER_GB = 1e9;
/** Memory of the node that `min_nodes` counts with: a common graphics card. */
const REFERENCE_NODE_BYTES = 8 * BYTES_PER_GB;
/** The baseline lists this many missing layers. */
const MAX_LISTED_MISSING = 10;
const MAX_MODEL_ID_LENGTH = 200;

const SuggestQuery = Type.Object({
  node_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  vram_gb: Type.Number({ minimum: 0, maximum: 1_000_000, default: 8 }),
  /** How the node would hold its layers, where its person settled that. */
  precision: Type.Optional(PrecisionName),
});
export const CostQuery = Type.Object({
  model_id: Type.String({ minLength: 1, maxLength: 200 }),
  max_new_tokens: Type.Integer({ minimum: 1, maximum: SAMPLING_LIMITS.maxNewTokens }),
  precision: Type.Optional(PrecisionName),
  /** What the fallback server would cost; it is paid for tokens of prompt and answer, not for FLOPs. */
  force_backend: Type.Optional(Type.Union([Type.Literal('distributed'), Type.Literal('fallback')])),
  /** Tokens of the prompt, which count at the fallback server alone. */
  input_tokens: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
});

/** The failure for a model nobody introduced. */
export function unknownModel(modelId: string): ReturnType<typeof refuse> {
  return refuse('model-unknown', `The model ${modelId} is not known here.`);
}

function minimumNodes(manifest: ModelManifest): number {
  const layers = manifest.bytes_per_layer.reduce((sum, bytes) => sum + bytes, 0);
  return Math.max(1, Math.ceil((layers + manifest.embedding_bytes + manifest.head_bytes) / REFERENCE_NODE_BYTES));
}

/** A model that another coordinator answers with: nothing is known of its nodes here. */
function statusAtPeer({ peer, model }: PeerModel): PipelineStatus {
  return {
    available: model.available,
    model_id: model.model_id,
    friendly_name: model.friendly_name,
    total_layers: model.shape.layers,
    layers_covered: model.available ? model.shape.layers : 0,
    layers_missing: [],
    online_nodes: 0,
    pipeline_nodes: [],
    reason: model.available ? `${peer.name} answers with it.` : `${peer.name} cannot answer with it now.`,
  };
}

/** A model whose missing layers a peer has. */
function statusAcross(peer: Peer): Pick<PipelineStatus, 'available' | 'reason'> {
  return { available: true, reason: `${peer.name} has the layers that are missing here.` };
}

/** Models that are answered by the own nodes and those of a peer together count as available, with the peer's name. */
async function withCrossings(
  listings: readonly ModelListing[],
  federation: CoordinatorServices['federation'],
): Promise<ModelListing[]> {
  const listed: ModelListing[] = [];
  for (const listing of listings) {
    const peer = listing.pipeline_available ? null : ((await federation?.hops.peerWith(listing.model_id)) ?? null);
    listed.push(peer === null ? listing : { ...listing, pipeline_available: true, served_by: peer.name });
  }
  return listed;
}

/** Lists what peers serve as well: in place of a model the own nodes cannot answer with, and beside them. */
function withPeerModels(own: readonly ModelListing[], peers: readonly PeerModel[]): ModelListing[] {
  const listed = own.map((listing) => {
    const other = peers.find(({ model }) => model.model_id === listing.model_id && model.available);
    return listing.pipeline_available || other === undefined
      ? listing
      : { ...listing, pipeline_available: true, served_by: other.peer.name };
  });
  for (const { peer, model } of peers) {
    if (listed.some((listing) => listing.model_id === model.model_id)) continue;
    listed.push({
      model_id: model.model_id,
      friendly_name: model.friendly_name,
      total_layers: model.shape.layers,
      min_nodes: 1,
      optimal_nodes: 1,
      pipeline_available: model.available,
      registry: { online: 0, offline: 0, layers_covered: 0 },
      context_length: model.shape.context_length,
      manifest_hash: model.manifest_hash,
      served_by: peer.name,
    });
  }
  return listed;
}

/** `/inference/*` questions: models, coverage, where to help, what it costs. */
export function inferenceRoutes(app: ApiServer, services: CoordinatorServices): void {
  const { catalogue, scheduler, federation, config } = services;

  app.get('/inference/models', async (): Promise<ModelListings> => {
    const models: ModelListing[] = [];
    for (const { manifest, manifestHash } of catalogue.all()) {
      const coverage = await scheduler.coverage(manifest.model_id);
      const minNodes = minimumNodes(manifest);
      models.push({
        model_id: manifest.model_id,
        friendly_name: manifest.friendly_name,
        total_layers: manifest.total_layers,
        min_nodes: minNodes,
        optimal_nodes: 2 * minNodes,
        pipeline_available: coverage?.report.available ?? false,
        registry: {
          online: coverage?.online ?? 0,
          offline: coverage?.offline ?? 0,
          layers_covered: coverage?.report.layersCovered ?? 0,
        },
        context_length: manifest.context_length,
        manifest_hash: manifestHash,
      });
    }
    return { models: await withCrossings(withPeerModels(models, federation?.offers.all() ?? []), federation) };
  });

  app.get('/inference/pipeline/*', async (request, reply) => {
    const modelId = restOfPath(request.params, MAX_MODEL_ID_LENGTH);
    const coverage = await scheduler.coverage(modelId);
    const model = catalogue.find(modelId);
    const other = federation?.model(modelId) ?? null;
    const isAnsweredThere = other !== null && (other.model.available || model === undefined);
    if (isAnsweredThere && coverage?.report.available !== true) return reply.send(statusAtPeer(other));
    if (coverage === null || model === undefined) return sendResult(reply, unknownModel(modelId));
    const across = coverage.report.available ? null : ((await federation?.hops.peerWith(modelId)) ?? null);
    const answer: PipelineStatus = {
      available: coverage.report.available,
      model_id: modelId,
      friendly_name: model.manifest.friendly_name,
      total_layers: model.manifest.total_layers,
      layers_covered: coverage.report.layersCovered,
      layers_missing: coverage.report.layersMissing.slice(0, MAX_LISTED_MISSING),
      online_nodes: coverage.online,
      pipeline_nodes: coverage.plan?.hops.map((hop) => hop.nodeId) ?? [],
      reason: coverage.report.reason,
      ...(across === null ? {} : statusAcross(across)),
    };
    return reply.send(answer);
  });

  app.get('/inference/suggest/*', { schema: { querystring: SuggestQuery } }, async (request, reply) => {
    const modelId = restOfPath(request.params, MAX_MODEL_ID_LENGTH);
    const { vram_gb: memoryGb, node_id: nodeId, precision: wanted } = request.query;
    const memoryBytes = memoryGb * BYTES_PER_GB;
    const wish = { memoryBytes, nodeId, precision: wanted, firstPrecision: config.suggestedPrecision };
    const suggestion = await scheduler.suggest(modelId, wish);
    if (suggestion === undefined) return sendResult(reply, unknownModel(modelId));
    if (suggestion === null) {
      return sendResult(
        reply,
        refuse('memory-insufficient', `Not even one layer of ${modelId} fits into ${memoryGb} GB.`),
      );
    }
    const { range, precision, requiredBytes, model, move } = suggestion;
    const answer: LayerSuggestion = {
      model_id: modelId,
      layer_start: range.layer_start,
      layer_end: range.layer_end,
      layer_count: range.layer_end - range.layer_start + 1,
      total_layers: model.manifest.total_layers,
      precision,
      vram_required_gb: Number((requiredBytes / BYTES_PER_GB).toFixed(6)),
      ...(nodeId === undefined
        ? {}
        : { move: move === null ? null : { ...move.range, gain: Number.isFinite(move.gain) ? move.gain : null } }),
    };
    return reply.send(answer);
  });

  app.get('/inference/cost/estimate', { schema: { querystring: CostQuery } }, (request, reply) => {
    const {
      model_id: modelId,
      max_new_tokens: maxNewTokens,
      precision = 'fp16',
      input_tokens: inputTokens = 0,
    } = request.query;
    const facts = { model_id: modelId, max_new_tokens: maxNewTokens, precision };
    if (request.query.force_backend === 'fallback') {
      const price = services.fallback.pricePerToken(modelId);
      if (price === null) return sendResult(reply, noFallback(modelId));
      const answer: InferenceCostEstimate = {
        ...facts,
        estimated_gft: toWireGft(price * (inputTokens + maxNewTokens)),
      };
      return reply.send(answer);
    }
    const shape = catalogue.find(modelId)?.manifest.shape ?? services.federation?.model(modelId)?.model.shape;
    if (shape === undefined) return sendResult(reply, unknownModel(modelId));
    const estimated = toWireGft(estimatedPrice(shape, maxNewTokens, precision));
    const answer: InferenceCostEstimate = { ...facts, estimated_gft: estimated };
    return reply.send(answer);
  });
}
