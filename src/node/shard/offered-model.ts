import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ModelSource } from '../../inference';
import { hashCanonical } from '../../inference/models/weight-index';
import { LAYERS_TRANSPORT } from '../../protocol/compute/http/shards';
import { ModelManifest } from '../../protocol/compute/model';
import { storedBytes } from '../../protocol/compute/stored-bytes';
import { MANIFEST_FILE } from '../../protocol/compute/weight-index';
import { success, type Result } from '../../protocol/result';
import { readModelHashes } from '../coordinator-client/reading';
import { nodeFailure, type NodeErrorCode } from '../errors';

/** A model a coordinator offers, and where its layers can be fetched. */
export interface OfferedModel {
  readonly manifest: ModelManifest;
  readonly manifestHash: string;
  readonly sources: readonly ModelSource[];
}

/** What is read of a listed shard; a coordinator of another version may leave the rest out or write it differently. */
const SharedShard = Type.Object({
  host: Type.String({ pattern: '^[A-Za-z0-9.:-]{1,255}$' }),
  is_online: Type.Literal(true),
  manifest_hash: Type.String(),
  transports: Type.Array(
    Type.Object({ transport: Type.String(), port: Type.Optional(Type.Union([Type.Number(), Type.Null()])) }),
    { maxItems: 100 },
  ),
});
const SharedShards = Type.Object({ shards: Type.Array(Type.Unknown(), { maxItems: 100_000 }) });

/** Other nodes that are asked for layers. */
const MAX_PEERS = 8;

/** Reads a JSON document of the coordinator. */
type FetchJson = (path: string) => Promise<Result<unknown>>;

/**
 * Reads the manifest of a model of the coordinator's list. Its layers come from the coordinator, else from other
 * nodes that share theirs, else from the source the manifest names; what comes is verified against the manifest either way.
 *
 * @param coordinator - its base address and access token
 * @returns `model-unknown` where it is not on the list, `answer-invalid` where the manifest is not the one it names
 */
export async function readOfferedModel(
  modelId: string,
  fetchJson: FetchJson,
  coordinator: ModelSource,
): Promise<Result<OfferedModel, NodeErrorCode | string>> {
  const listing = await fetchJson('/inference/models');
  if (!listing.ok) return listing;
  const hashes = readModelHashes(listing.value);
  const manifestHash = hashes.get(modelId);
  if (manifestHash === undefined) {
    const offered = hashes.size === 0 ? 'It offers none.' : `It offers ${[...hashes.keys()].slice(0, 10).join(', ')}.`;
    return nodeFailure('model-unknown', `The coordinator does not offer the model ${modelId}. ${offered}`, {
      suggestion: 'Choose one of its models, or a folder with a model.',
    });
  }
  const files = `/inference/models/files/${manifestHash}`;
  const manifest = await fetchJson(`${files}/${MANIFEST_FILE}`);
  if (!manifest.ok) return manifest;
  const isNamed =
    Value.Check(ModelManifest, manifest.value) &&
    hashCanonical(manifest.value) === manifestHash &&
    manifest.value.model_id === modelId &&
    hasSize(manifest.value);
  if (!isNamed) {
    return nodeFailure('answer-invalid', `The coordinator’s description of ${modelId} is not the one it names.`);
  }
  const base = coordinator.baseUrl.replace(/\/$/, '');
  const { source } = manifest.value;
  const sources: ModelSource[] = [{ ...coordinator, baseUrl: base + files }];
  const registry = await fetchJson('/inference/shards/registry');
  if (registry.ok) sources.push(...readLayerSources(registry.value, manifestHash, files));
  if (source !== null && source.startsWith('https://')) sources.push({ baseUrl: source });
  return success({ manifest: manifest.value, manifestHash, sources });
}

/** Whether the bytes of all layers add up to a number. */
function hasSize(manifest: ModelManifest): boolean {
  return Number.isSafeInteger(storedBytes(manifest, { layer_start: 0, layer_end: manifest.total_layers - 1 }));
}

/** Nodes that let others read the layers they hold of a model, by the coordinator's list of shards, in no set order. */
function readLayerSources(registry: unknown, manifestHash: string, files: string): ModelSource[] {
  if (!Value.Check(SharedShards, registry)) return [];
  const addresses = new Set<string>();
  for (const shard of registry.shards) {
    if (!Value.Check(SharedShard, shard) || shard.manifest_hash !== manifestHash) continue;
    const { host, transports } = shard;
    const port = transports.find(({ transport }) => transport === LAYERS_TRANSPORT)?.port ?? 0;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) continue;
    addresses.add(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  }
  // Not all readers begin with the same node.
  const ordered = [...addresses]
    .map((address) => ({ address, place: Math.random() }))
    .sort((a, b) => a.place - b.place);
  return ordered.slice(0, MAX_PEERS).map(({ address }) => ({ baseUrl: address + files }));
}
