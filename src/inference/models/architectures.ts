import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';

/** How the layers of a family differ from plain Llama layers. */
export interface ArchitectureTraits {
  /** Biases on the query, key and value projections. */
  readonly queryKeyValueBias: boolean;
  readonly attentionOutputBias: boolean;
  /** Biases on gate, up and down. */
  readonly feedForwardBias: boolean;
  /** RMS norms over each head of query and key, before they are rotated (Qwen3). */
  readonly queryKeyNorm: boolean;
  /**
   * Positions a layer attends to, its own included, index = layer; null where it sees all. Empty where every layer sees
   * all (Mistral 7B, Jiang et al. 2023).
   */
  readonly slidingWindows: readonly (number | null)[];
}

/** The fields of config.json that decide the traits; the schema in config.ts has checked them. */
export interface TraitFields {
  readonly num_hidden_layers: number;
  readonly max_position_embeddings: number;
  readonly attention_bias?: boolean | null;
  readonly mlp_bias?: boolean | null;
  readonly sliding_window?: number | null;
  readonly use_sliding_window?: boolean | null;
  readonly max_window_layers?: number | null;
  readonly layer_types?: readonly string[] | null;
}

/** One family of decoder-only transformers. */
export interface Architecture {
  /** `general.architecture` of GGUF files of this family. */
  readonly ggufName: string;
  /** Whether GGUF files hold query and key rows in the order of interleaved rotation, which has to be undone. */
  readonly ggufInterleavesRotary: boolean;
  /** Head size where config.json names none and hidden size / heads is not meant. */
  readonly defaultHeadSize?: number;
  readTraits(fields: TraitFields): Result<ArchitectureTraits, EngineErrorCode>;
}

/** A Llama layer without biases. */
export const PLAIN_TRAITS: ArchitectureTraits = {
  queryKeyValueBias: false,
  attentionOutputBias: false,
  feedForwardBias: false,
  queryKeyNorm: false,
  slidingWindows: [],
};

/**
 * Every architecture the engine runs, by its name in config.json. A new one is added here; where its layers need what no
 * trait names, a trait is added above and used in `decoder-tensors.ts` (names, shapes) and `decoder-graph.ts` (graph).
 */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  /** Llama 2 and 3, SmolLM and SmolLM2, and the many others that kept the name. */
  LlamaForCausalLM: {
    ggufName: 'llama',
    ggufInterleavesRotary: true,
    readTraits: (fields) =>
      success({
        ...PLAIN_TRAITS,
        queryKeyValueBias: fields.attention_bias ?? false,
        attentionOutputBias: fields.attention_bias ?? false,
        feedForwardBias: fields.mlp_bias ?? false,
      }),
  },
  MistralForCausalLM: {
    // llama.cpp writes Mistral as llama, so a file that says "llama" is read as Llama, which is the same without window.
    ggufName: 'mistral',
    ggufInterleavesRotary: true,
    readTraits: (fields) => withWindows(PLAIN_TRAITS, fields, fields.sliding_window ?? null, 0),
  },
  /** Qwen 2 and 2.5. */
  Qwen2ForCausalLM: {
    ggufName: 'qwen2',
    ggufInterleavesRotary: false,
    readTraits: (fields) => withQwenWindows({ ...PLAIN_TRAITS, queryKeyValueBias: true }, fields),
  },
  Qwen3ForCausalLM: {
    ggufName: 'qwen3',
    ggufInterleavesRotary: false,
    defaultHeadSize: 128,
    readTraits: (fields) =>
      withQwenWindows(
        {
          ...PLAIN_TRAITS,
          queryKeyNorm: true,
          queryKeyValueBias: fields.attention_bias ?? false,
          attentionOutputBias: fields.attention_bias ?? false,
        },
        fields,
      ),
  },
};

/** Positions a layer attends to, or undefined where it sees all. */
export function slidingWindowOf(traits: Pick<ArchitectureTraits, 'slidingWindows'>, layer: number): number | undefined {
  return traits.slidingWindows[layer] ?? undefined;
}

/** Qwen names a window in every file but uses it only where `use_sliding_window` says so, and from some layer on. */
function withQwenWindows(traits: ArchitectureTraits, fields: TraitFields): Result<ArchitectureTraits, EngineErrorCode> {
  const window = fields.use_sliding_window === true ? (fields.sliding_window ?? null) : null;
  return withWindows(traits, fields, window, fields.max_window_layers ?? fields.num_hidden_layers);
}

function withWindows(
  traits: ArchitectureTraits,
  fields: TraitFields,
  window: number | null,
  firstLayer: number,
): Result<ArchitectureTraits, EngineErrorCode> {
  const types = fields.layer_types ?? undefined;
  const stray = types?.find((type) => type !== 'full_attention' && type !== 'sliding_attention');
  if (stray !== undefined) {
    return engineFailure('model-unsupported', `Layers of type ${stray.slice(0, 50)} are not supported.`);
  }
  if (types !== undefined && types.length !== fields.num_hidden_layers) {
    return engineFailure('model-invalid', `config.json is wrong: layer_types names ${types.length} layers.`);
  }
  // A window as long as the context hides nothing.
  if (window === null || window >= fields.max_position_embeddings) return success(traits);
  const slidingWindows = Array.from({ length: fields.num_hidden_layers }, (_, layer) => {
    const slides = types === undefined ? layer >= firstLayer : types[layer] === 'sliding_attention';
    return slides ? window : null;
  });
  return success(slidingWindows.every((size) => size === null) ? traits : { ...traits, slidingWindows });
}
