import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { MODEL_LIMITS, type ModelShape } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { engineFailure, type EngineErrorCode } from '../errors';
import { ARCHITECTURES, type ArchitectureTraits } from './architectures';

/**
 * How rotary position angles are stretched beyond the trained context.
 *
 * - `linear`: every position is divided by the factor.
 * - `llama3`: long wavelengths are divided by the factor, short ones kept, blended in between (Llama 3.1 model card and
 *   Hugging Face transformers, `rope_type: "llama3"`).
 * - `factors`: each pair's frequency is divided by its own factor, worked out by whoever made the file (GGUF).
 */
export type RotaryScaling =
  | { readonly kind: 'none' }
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContextLength: number;
    }
  | { readonly kind: 'factors'; readonly factors: readonly number[] };

/** What the engine needs from config.json of a decoder-only model, whatever its age and spelling. */
export interface DecoderConfig extends ArchitectureTraits {
  /** A key of `ARCHITECTURES`. */
  readonly architecture: string;
  readonly shape: ModelShape;
  readonly normEpsilon: number;
  readonly rotaryBase: number;
  readonly rotaryScaling: RotaryScaling;
  /** The head uses the embedding's weights. */
  readonly tiedEmbedding: boolean;
  /** Tokens that end an answer. */
  readonly endTokenIds: readonly number[];
}

/** Fields a supported model may leave absent are optional; null and absent mean the same in these files. */
function optional<Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

const TokenIds = Type.Union([
  Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }),
  // No published model ends on more than a handful of tokens.
  Type.Array(Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxVocabularySize }), { maxItems: 64 }),
]);

const RotaryParameters = Type.Object({
  rope_theta: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e12 })),
  rope_type: optional(Type.String({ maxLength: 100 })),
  type: optional(Type.String({ maxLength: 100 })),
  factor: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 })),
  low_freq_factor: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 })),
  high_freq_factor: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e6 })),
  original_max_position_embeddings: optional(Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxContextLength })),
});
type RotaryParameters = Static<typeof RotaryParameters>;

const RawConfig = Type.Object({
  architectures: Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: 16 }),
  hidden_act: optional(Type.String({ maxLength: 100 })),
  tie_word_embeddings: optional(Type.Boolean()),
  attention_bias: optional(Type.Boolean()),
  mlp_bias: optional(Type.Boolean()),
  vocab_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxVocabularySize }),
  hidden_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHiddenSize }),
  intermediate_size: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxFeedForwardSize }),
  num_hidden_layers: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxLayers }),
  num_attention_heads: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeads }),
  num_key_value_heads: optional(Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeads })),
  head_dim: optional(Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxHeadSize })),
  rms_norm_eps: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
  max_position_embeddings: Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxContextLength }),
  sliding_window: optional(Type.Integer({ minimum: 1, maximum: MODEL_LIMITS.maxContextLength })),
  use_sliding_window: optional(Type.Boolean()),
  max_window_layers: optional(Type.Integer({ minimum: 0, maximum: MODEL_LIMITS.maxLayers })),
  layer_types: optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: MODEL_LIMITS.maxLayers })),
  rope_theta: optional(Type.Number({ exclusiveMinimum: 0, maximum: 1e12 })),
  rope_scaling: optional(RotaryParameters),
  rope_parameters: optional(RotaryParameters),
  eos_token_id: optional(TokenIds),
  quantization_config: optional(Type.Unknown()),
});
type RawConfig = Static<typeof RawConfig>;

const rawConfigCheck = Compile(RawConfig);
const architecturesCheck = Compile(Type.Object({ architectures: Type.Array(Type.String()) }));
const generationConfigCheck = Compile(Type.Object({ eos_token_id: optional(TokenIds) }));

/** The base of rotary angles where neither spelling names one (Hugging Face transformers, DecoderConfig). */
const DEFAULT_ROTARY_BASE = 10_000;

/**
 * Reads config.json of a Hugging Face folder. Old files spell `rope_theta`, `rope_scaling`, `torch_dtype`, files of
 * transformers 5 `rope_parameters` (with `rope_theta` inside) and `dtype`; the type of the weights is taken from the
 * weights themselves.
 *
 * @param config - parsed config.json
 * @param generationConfig - parsed generation_config.json, when the folder has one
 */
export function parseModelConfig(config: unknown, generationConfig?: unknown): Result<DecoderConfig, EngineErrorCode> {
  // Named first: a model of another family has other fields, and a complaint about those would mislead.
  const named = architecturesCheck.Check(config) ? config.architectures : [];
  const architecture = named.find((name) => Object.hasOwn(ARCHITECTURES, name));
  if (named.length > 0 && architecture === undefined) {
    return unsupported(`The architecture ${named.join(', ').slice(0, 200)}`);
  }
  if (!rawConfigCheck.Check(config)) {
    const [first] = rawConfigCheck.Errors(config);
    const where = first === undefined || first.instancePath === '' ? '' : ` at ${first.instancePath.slice(1)}`;
    return engineFailure('model-invalid', `config.json is wrong${where}: ${first?.message ?? 'not an object'}.`);
  }
  const family = architecture === undefined ? undefined : ARCHITECTURES[architecture];
  if (architecture === undefined || family === undefined) {
    return engineFailure('model-invalid', 'config.json is wrong at architectures: no name is given.');
  }
  const refused = findUnsupportedFeature(config);
  if (refused !== undefined) return unsupported(refused);
  const traits = family.readTraits(config);
  if (!traits.ok) return traits;

  const keyValueHeads = config.num_key_value_heads ?? config.num_attention_heads;
  if (config.num_attention_heads % keyValueHeads !== 0) {
    return engineFailure(
      'model-invalid',
      `config.json is wrong: ${config.num_attention_heads} attention heads cannot share ${keyValueHeads} key/value heads.`,
    );
  }
  const headSize = config.head_dim ?? family.defaultHeadSize ?? config.hidden_size / config.num_attention_heads;
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    return engineFailure('model-invalid', `config.json is wrong: a head size of ${headSize} cannot be rotated.`);
  }
  const rotary = readRotary(config);
  if (!rotary.ok) return rotary;
  const endTokens = readEndTokens(config, generationConfig);
  if (!endTokens.ok) return endTokens;

  return success({
    architecture,
    ...traits.value,
    shape: {
      layers: config.num_hidden_layers,
      hidden_size: config.hidden_size,
      feed_forward_size: config.intermediate_size,
      attention_heads: config.num_attention_heads,
      key_value_heads: keyValueHeads,
      head_size: headSize,
      vocabulary_size: config.vocab_size,
      context_length: config.max_position_embeddings,
    },
    normEpsilon: config.rms_norm_eps,
    rotaryBase: rotary.value.base,
    rotaryScaling: rotary.value.scaling,
    tiedEmbedding: config.tie_word_embeddings ?? false,
    endTokenIds: endTokens.value,
  });
}

function unsupported(what: string) {
  return engineFailure('model-unsupported', `${what} is not supported.`, {
    suggestion: `Use a model with unquantised weights of one of these architectures: ${Object.keys(ARCHITECTURES).join(', ')}.`,
  });
}

function findUnsupportedFeature(config: RawConfig): string | undefined {
  const activation = config.hidden_act ?? 'silu';
  if (activation !== 'silu' && activation !== 'swish') return `The activation function ${activation}`;
  if (config.quantization_config !== undefined && config.quantization_config !== null) {
    return 'A model that is already quantised (quantization_config)';
  }
  return undefined;
}

function readRotary(config: RawConfig): Result<{ base: number; scaling: RotaryScaling }, EngineErrorCode> {
  const parameters: RotaryParameters | null | undefined = config.rope_parameters ?? config.rope_scaling;
  const base = config.rope_parameters?.rope_theta ?? config.rope_theta ?? DEFAULT_ROTARY_BASE;
  const kind = parameters?.rope_type ?? parameters?.type ?? 'default';
  if (parameters === null || parameters === undefined || kind === 'default') {
    return success({ base, scaling: { kind: 'none' } });
  }
  const factor = parameters.factor ?? undefined;
  if (kind === 'linear' && factor !== undefined) return success({ base, scaling: { kind: 'linear', factor } });
  if (kind === 'llama3') {
    const low = parameters.low_freq_factor ?? undefined;
    const high = parameters.high_freq_factor ?? undefined;
    const original = parameters.original_max_position_embeddings ?? undefined;
    if (factor !== undefined && low !== undefined && high !== undefined && original !== undefined && high > low) {
      const scaling = {
        kind: 'llama3',
        factor,
        lowFrequencyFactor: low,
        highFrequencyFactor: high,
        originalContextLength: original,
      } as const;
      return success({ base, scaling });
    }
  }
  if (kind === 'linear' || kind === 'llama3') {
    return engineFailure('model-invalid', `config.json is wrong: rotary scaling "${kind}" lacks parameters.`);
  }
  return unsupported(`Rotary scaling of type ${kind}`);
}

function readEndTokens(config: RawConfig, generationConfig: unknown): Result<number[], EngineErrorCode> {
  const ids = new Set<number>();
  const add = (value: number | number[] | null | undefined): void => {
    for (const id of Array.isArray(value) ? value : [value]) if (typeof id === 'number') ids.add(id);
  };
  add(config.eos_token_id);
  if (generationConfig !== undefined) {
    if (!generationConfigCheck.Check(generationConfig)) {
      return engineFailure('model-invalid', 'generation_config.json is wrong at eos_token_id.');
    }
    add(generationConfig.eos_token_id);
  }
  return success([...ids].sort((a, b) => a - b));
}
