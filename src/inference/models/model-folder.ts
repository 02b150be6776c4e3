import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Value } from 'typebox/value';
import { countFlops } from '../../protocol/compute/flops';
import { ModelManifest } from '../../protocol/compute/model';
import { MANIFEST_FILE, type WeightIndex } from '../../protocol/compute/weight-index';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import type { LongCallOptions } from '../long-call';
import { readGgufTokenizer } from '../tokenizer/gguf-tokenizer';
import { readTokenizerFiles, type TokenizerFiles } from '../tokenizer/tokenizer-files';
import { parseModelConfig, type DecoderConfig } from './config';
import { fileExists, hashFile, readJsonFile } from './file-reading';
import { checkTensors, EMBEDDING_TENSOR, FINAL_NORM_TENSOR, headTensorName, layerTensorNames } from './decoder-tensors';
import { openGguf } from './gguf-store';
import { fingerprintFiles, hashCachePath, keepHashes, recallHashes, sameFiles, type Fingerprint } from './hash-cache';
import { readOrigin } from './model-origin';
import { hashCanonical, WeightIndexBuilder } from './weight-index';
import { openWeightStore, type WeightStore } from './weight-store';

const CONFIG_FILE = 'config.json';
const GENERATION_CONFIG_FILE = 'generation_config.json';
/** Configurations have a few kilobytes; a megabyte leaves room for every field anyone may add. */
const MAX_CONFIG_BYTES = 1_000_000;
/** Lists of files and layers, and a chat template. */
const MAX_MANIFEST_BYTES = 10_000_000;

/** A model folder that was read and checked, with all that cutting and serving shards needs. */
export interface ModelFolder {
  /** Folder that holds its files. */
  readonly folder: string;
  /** What was opened: the folder, or the one file that is the model. */
  readonly location: string;
  readonly config: DecoderConfig;
  readonly weights: WeightStore;
  readonly tokenizer: TokenizerFiles;
  readonly manifest: ModelManifest;
  /** SHA-256 of the canonical JSON (RFC 8785) of the manifest. */
  readonly manifestHash: string;
  /** Where each tensor lies; the manifest names it by its hash. Null in a partial copy, which has no use for it. */
  readonly weightIndex: WeightIndex | null;
}

export interface ReadModelOptions extends LongCallOptions {
  /** By default the folder's name. */
  readonly modelId?: string;
  readonly friendlyName?: string;
  readonly licence?: string;
  readonly source?: string;
  /** Hashes of files are kept below it, so that an unchanged folder is read through only once. */
  readonly cacheFolder?: string | undefined;
}

/**
 * Reads a Hugging Face folder, a GGUF file or a folder with one GGUF file, and builds the manifest. Name, licence and
 * source come from the caller, or from the note an import left beside the files, and never from optional files such as a
 * README: nodes that hold the same model must get the same hash. A folder that holds a partial copy brings its manifest with it (`fetch-layers.ts`).
 */
export async function readModelFolder(
  path: string,
  options: ReadModelOptions = {},
): Promise<Result<ModelFolder, EngineErrorCode>> {
  if (await fileExists(join(path, MANIFEST_FILE))) return readPartialCopy(resolve(path));
  const location = await locateModel(resolve(path));
  const isFile = location.endsWith(GGUF_ENDING);
  const folder = isFile ? dirname(location) : location;
  const parts = await (isFile ? readGgufParts(location) : readFolderParts(folder));
  if (!parts.ok) return parts;
  const { config, weights, tokenizer, format } = parts.value;
  const checked = checkTensors(config, weights.tensors);
  if (!checked.ok) return checked;
  const origin = await readOrigin(folder);
  if (!origin.ok) return origin;
  const described = await describeFiles(folder, location, [...parts.value.files].sort(), weights.tensors, options);
  if (!described.ok) return described;
  const { files, weightIndex } = described.value;
  const modelId = options.modelId ?? origin.value?.model_id ?? basename(location, GGUF_ENDING);
  const manifest: ModelManifest = {
    model_id: modelId,
    friendly_name: options.friendlyName ?? basename(modelId),
    architecture: config.architecture,
    total_layers: config.shape.layers,
    hidden_size: config.shape.hidden_size,
    vocab_size: config.shape.vocabulary_size,
    context_length: config.shape.context_length,
    shape: config.shape,
    ...measureWeights(config, weights.tensors),
    flops_per_token: countFlops(config.shape, { layer_start: 0, layer_end: config.shape.layers - 1 }, 1, 0),
    formats: [format],
    files,
    weights_sha256: hashCanonical(weightIndex),
    tokenizer: tokenizer.kind,
    chat_template: tokenizer.chatTemplate,
    licence: options.licence ?? origin.value?.licence ?? null,
    source: options.source ?? origin.value?.source ?? null,
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
    location,
    config,
    weights,
    tokenizer,
    manifest,
    manifestHash: hashManifest(manifest),
    weightIndex,
  });
}

/** SHA-256 of the canonical JSON (RFC 8785) of a manifest, lower-case hexadecimal. */
export function hashManifest(manifest: ModelManifest): string {
  return hashCanonical(manifest);
}

/** Reads a folder that `fetch-layers.ts` filled: what is there was verified against the manifest when it came. */
async function readPartialCopy(folder: string): Promise<Result<ModelFolder, EngineErrorCode>> {
  const manifest = await readJsonFile(join(folder, MANIFEST_FILE), MANIFEST_FILE, MAX_MANIFEST_BYTES);
  if (!manifest.ok) return manifest;
  if (!Value.Check(ModelManifest, manifest.value)) {
    return engineFailure('model-invalid', `${MANIFEST_FILE} is not a manifest.`, {
      suggestion: 'Remove the folder; it is fetched again.',
    });
  }
  const gguf = manifest.value.files.find((file) => file.path.endsWith(GGUF_ENDING));
  const location = gguf === undefined ? folder : join(folder, gguf.path);
  const parts = await (gguf === undefined ? readFolderParts(folder) : readGgufParts(location));
  if (!parts.ok) return parts;
  const { config, weights, tokenizer } = parts.value;
  const checked = checkTensors(config, weights.tensors);
  if (!checked.ok) return checked;
  return success({
    folder,
    location: folder,
    config,
    weights,
    tokenizer,
    manifest: manifest.value,
    manifestHash: hashManifest(manifest.value),
    weightIndex: null,
  });
}

interface ModelParts {
  readonly config: DecoderConfig;
  readonly weights: WeightStore;
  readonly tokenizer: TokenizerFiles;
  readonly format: 'safetensors' | 'gguf';
  /** Relative to the folder. */
  readonly files: readonly string[];
}

const GGUF_ENDING = '.gguf';

/** A folder that is no Hugging Face folder but holds exactly one GGUF file stands for that file. */
async function locateModel(path: string): Promise<string> {
  if (await fileExists(join(path, CONFIG_FILE))) return path;
  let names: string[];
  try {
    names = await readdir(path);
  } catch {
    // A file, or nothing at all: reading it says which.
    return path;
  }
  const [only, ...others] = names.filter((name) => name.endsWith(GGUF_ENDING));
  return only === undefined || others.length > 0 ? path : join(path, only);
}

async function readGgufParts(path: string): Promise<Result<ModelParts, EngineErrorCode>> {
  const model = await openGguf(path);
  if (!model.ok) return model;
  const { header, config, weights } = model.value;
  const tokenizer = readGgufTokenizer(header.metadata, config.shape.vocabulary_size);
  if (!tokenizer.ok) return tokenizer;
  return success({ config, weights, tokenizer: tokenizer.value, format: 'gguf', files: weights.files });
}

async function readFolderParts(folder: string): Promise<Result<ModelParts, EngineErrorCode>> {
  const config = await readConfig(folder);
  if (!config.ok) return config;
  const weights = await openWeightStore(folder);
  if (!weights.ok) return weights;
  const tokenizer = await readTokenizerFiles(folder);
  if (!tokenizer.ok) return tokenizer;
  const files = [CONFIG_FILE, ...weights.value.files, ...tokenizer.value.files];
  if (await fileExists(join(folder, GENERATION_CONFIG_FILE))) files.push(GENERATION_CONFIG_FILE);
  return success({
    config: config.value,
    weights: weights.value,
    tokenizer: tokenizer.value,
    format: 'safetensors',
    files,
  });
}

async function readConfig(folder: string): Promise<Result<DecoderConfig, EngineErrorCode>> {
  const config = await readJsonFile(join(folder, CONFIG_FILE), CONFIG_FILE, MAX_CONFIG_BYTES);
  if (!config.ok) return config;
  const path = join(folder, GENERATION_CONFIG_FILE);
  if (!(await fileExists(path))) return parseModelConfig(config.value);
  const generation = await readJsonFile(path, GENERATION_CONFIG_FILE, MAX_CONFIG_BYTES);
  return generation.ok ? parseModelConfig(config.value, generation.value) : generation;
}

interface DescribedFiles {
  readonly files: ModelManifest['files'];
  readonly weightIndex: WeightIndex;
}

/** Hashes of the files and of their tensors: those kept from before, or from reading every file once. */
async function describeFiles(
  folder: string,
  location: string,
  names: readonly string[],
  tensors: WeightStore['tensors'],
  options: ReadModelOptions,
): Promise<Result<DescribedFiles, EngineErrorCode>> {
  const { cacheFolder } = options;
  const path = cacheFolder === undefined ? null : hashCachePath(cacheFolder, location);
  const before = await fingerprintFiles(folder, names);
  const known = path === null ? null : await recallHashes(path, before);
  if (known !== null) {
    const files = known.files.map(({ path: name, size_bytes, sha256 }) => ({ path: name, size_bytes, sha256 }));
    return success({ files, weightIndex: known.weight_index });
  }
  const indexBuilder = new WeightIndexBuilder(tensors);
  const hashed = await hashFiles(folder, before, indexBuilder, options);
  if (!hashed.ok) return hashed;
  const weightIndex = indexBuilder.finish();
  if (!sameFiles(before, await fingerprintFiles(folder, names))) {
    return engineFailure('model-invalid', 'The files of the model changed while they were read.', {
      retryable: true,
      suggestion: 'Wait until they are complete, then try again.',
    });
  }
  if (path !== null) {
    const files = before.map((file, index) => ({ ...file, sha256: hashed.value[index]?.sha256 ?? '' }));
    // Without it the next start takes longer; the model is fine.
    await keepHashes(path, { files, weight_index: weightIndex }).catch(() => undefined);
  }
  return success({ files: hashed.value, weightIndex });
}

async function hashFiles(
  folder: string,
  files: readonly Fingerprint[],
  index: WeightIndexBuilder,
  options: LongCallOptions,
): Promise<Result<ModelManifest['files'], EngineErrorCode>> {
  const totalBytes = files.reduce((sum, { size_bytes: size }) => sum + size, 0);
  const hashes: ModelManifest['files'] = [];
  let doneBytes = 0;
  for (const { path: name } of files) {
    const readWeights = index.read(name);
    const hashed = await hashFile(join(folder, name), name, {
      signal: options.signal,
      onBlock: (block) => {
        readWeights?.(block);
        doneBytes += block.length;
        options.onProgress?.(Math.min(1, doneBytes / Math.max(1, totalBytes)), `Reading ${name}`);
      },
    });
    if (!hashed.ok) return hashed;
    hashes.push({ path: name, size_bytes: hashed.value.sizeBytes, sha256: hashed.value.sha256 });
  }
  return success(hashes);
}

function measureWeights(config: DecoderConfig, tensors: WeightStore['tensors']) {
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
