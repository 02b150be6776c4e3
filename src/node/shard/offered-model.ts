import { Value } from 'typebox/value';
import type { ModelSource } from '../../inference';
import { hashCanonical } from '../../inference/models/weight-index';
import { ModelManifest } from '../../protocol/compute/model';
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

/** Reads a JSON document of the coordinator. */
type FetchJson = (path: string) => Promise<Result<unknown>>;

/**
 * Reads the manifest of a model of the coordinator's list. Its layers come from the coordinator, else from the source
 * the manifest names; what comes is verified against the manifest either way.
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
  if (!Value.Check(ModelManifest, manifest.value) || hashCanonical(manifest.value) !== manifestHash) {
    return nodeFailure('answer-invalid', `The coordinator’s description of ${modelId} is not the one it names.`);
  }
  const base = coordinator.baseUrl.replace(/\/$/, '');
  const { source } = manifest.value;
  const sources: ModelSource[] = [{ ...coordinator, baseUrl: base + files }];
  if (source !== null && source.startsWith('https://')) sources.push({ baseUrl: source });
  return success({ manifest: manifest.value, manifestHash, sources });
}
