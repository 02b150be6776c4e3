import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import canonicalize from 'canonicalize';
import { Value } from 'typebox/value';
import { countFlops } from '../../protocol/compute/flops';
import { ModelManifest } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import type { LongCallOptions } from '../engine/engine';
import { readTokenizerFiles, type TokenizerFiles } from '../tokenizer/tokenizer-files';
import { parseModelConfig, type DecoderConfig } from './config';
import { fileExists, hashFile, readJsonFile } from './file-reading';
import { checkTensors, EMBEDDING_TENSOR, FINAL_NORM_TENSOR, headTensorName, layerTensorNames } from './decoder-tensors';
import type { StoredTensor } from './safetensors';
import { openWeightStore, type WeightStore } from './weight-store';

const CONFIG_FILE = 'config.json';
const GENERATION_CONFIG_FILE = 'generation_config.json';
/** Configurations have a few kilobytes; a megabyte leaves room for every field anyone may add. */
const MAX_CONFIG_BYTES = 1_000_000;

/** A model folder that was read and checked, with all that cutting and serving shards needs. */
export interface ModelFolder {
  readonly folder: string;
  readonly config: DecoderConfig;
  readonly weights: WeightStore;
  readonly tokenizer: TokenizerFiles;
  readonly manifest: ModelManifest;
  /** SHA-256 of the canonical JSON (RFC 8785) of the manifest. */
  readonly manifestHash: string;
}

export interface ReadModelOptions extends LongCallOptions {
  /** By default the folder's name. */
  readonly modelId?: string;
  readonly friendlyName?: string;
  readonly licence?: string;
  readonly source?: string;
}

/**
 * Reads a Hugging Face folder and builds its manifest. Name, licence and source come only
 * from the caller and never from optional files such as a README: nodes that hold the same model must get the same hash.
 */
export async function readModelFolder(
  path: string,
  options: ReadModelOptions = {},
): Promise<Result<ModelFolder, EngineErrorCode>> {
  const folder = resolve(path);
  const config = await readConfig(folder);
  if (!config.ok) return config;
  const weights = await openWeightStore(folder);
  if (!weights.ok) return weights;
  const checked = checkTensors(config.value, weights.value.tensors);
  if (!checked.ok) return checked;
  const tokenizer = await readTokenizerFiles(folder);
  if (!tokenizer.ok) return tokenizer;

  const names = [CONFIG_FILE, ...weights.value.files, ...tokenizer.value.files];
  if (await fileExists(join(folder, GENERATION_CONFIG_FILE))) names.push(GENERATION_CONFIG_FILE);
  const files = await describeFiles(folder, names.sort(), options);
  if (!files.ok) return files;
  const modelId = options.modelId ?? basename(folder);
  const manifest: ModelManifest = {
    model_id: modelId,
    friendly_name: options.friendlyName ?? basename(modelId),
    architecture: config.value.architecture,
    total_layers: config.value.shape.layers,
    hidden_size: config.value.shape.hidden_size,
    vocab_size: config.value.shape.vocabulary_size,
    context_length: config.value.shape.context_length,
    shape: config.value.shape,
    ...measureWeights(config.value, weights.value.tensors),
    flops_per_token: countFlops(config.value.shape, { layer_start: 0, layer_end: config.value.shape.layers - 1 }, 1, 0),
    formats: ['safetensors'],
    files: files.value,
    tokenizer: tokenizer.value.kind,
    chat_template: tokenizer.value.chatTemplate,
    licence: options.licence ?? null,
    source: options.source ?? null,
  };
  if (!Value.Check(ModelManifest, manifest)) {
    const [first] = Value.Errors(ModelManifest, manifest);
    return engineFailure(
      'model-invalid',
      `The model does not fit a manifest: ${first?.instancePath} ${first?.message}.`,
    );
  }
  return success({
    folder,
    config: config.value,
    weights: weights.value,
    tokenizer: tokenizer.value,
    manifest,
    manifestHash: hashManifest(manifest),
  });
}

/** SHA-256 of the canonical JSON (RFC 8785) of a manifest, lower-case hexadecimal. */
export function hashManifest(manifest: ModelManifest): string {
  const canonical = canonicalize(manifest);
  if (canonical === undefined) throw new Error('a manifest is always JSON');
  return createHash('sha256').update(canonical, 'utf8').digest('hex');
}

async function readConfig(folder: string): Promise<Result<DecoderConfig, EngineErrorCode>> {
  const config = await readJsonFile(join(folder, CONFIG_FILE), CONFIG_FILE, MAX_CONFIG_BYTES);
  if (!config.ok) return config;
  const path = join(folder, GENERATION_CONFIG_FILE);
  if (!(await fileExists(path))) return parseModelConfig(config.value);
  const generation = await readJsonFile(path, GENERATION_CONFIG_FILE, MAX_CONFIG_BYTES);
  return generation.ok ? parseModelConfig(config.value, generation.value) : generation;
}

async function describeFiles(
  folder: string,
  names: readonly string[],
  options: LongCallOptions,
): Promise<Result<ModelManifest['files'], EngineErrorCode>> {
  let totalBytes = 0;
  for (const name of names) totalBytes += (await stat(join(folder, name))).size;
  const files: ModelManifest['files'] = [];
  let doneBytes = 0;
  for (const name of names) {
    const hashed = await hashFile(join(folder, name), name, {
      signal: options.signal,
      onBytes: (bytes) => {
        doneBytes += bytes;
        options.onProgress?.(Math.min(1, doneBytes / Math.max(1, totalBytes)), `Reading ${name}`);
      },
    });
    if (!hashed.ok) return hashed;
    files.push({ path: name, size_bytes: hashed.value.sizeBytes, sha256: hashed.value.sha256 });
  }
  return success(files);
}

function measureWeights(config: DecoderConfig, tensors: ReadonlyMap<string, StoredTensor>) {
  const sizeOf = (name: string): number => tensors.get(name)?.sizeBytes ?? 0;
  const bytesPerLayer: number[] = [];
  for (let layer = 0; layer < config.shape.layers; layer++) {
    bytesPerLayer.push(Object.values(layerTensorNames(layer)).reduce((sum, name) => sum + sizeOf(name), 0));
  }
  return {
    bytes_per_layer: bytesPerLayer,
    embedding_bytes: sizeOf(EMBEDDING_TENSOR),
    head_bytes: sizeOf(headTensorName(config)) + sizeOf(FINAL_NORM_TENSOR),
  };
}
