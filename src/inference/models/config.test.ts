import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, expectValue } from '../testdata/tore-tiny';
import { parseModelConfig } from './config';

const base = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 1_000,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  rms_norm_eps: 1e-6,
  max_position_embeddings: 256,
};

const qwen3 = { architectures: ['Qwen3ForCausalLM'] };

describe('traits', () => {
  const windowsOf = (fields: object) => expectValue(parseModelConfig({ ...base, ...fields })).slidingWindows;

  it('reads the biases of Llama and Qwen', () => {
    const biases = { attention_bias: true, mlp_bias: true };
    const all = { queryKeyValueBias: true, attentionOutputBias: true, feedForwardBias: true };
    expect(expectValue(parseModelConfig({ ...base, ...biases }))).toMatchObject(all);
    const qwen2 = parseModelConfig({ ...base, architectures: ['Qwen2ForCausalLM'] });
    expect(expectValue(qwen2)).toMatchObject({ queryKeyValueBias: true, attentionOutputBias: false });
  });

  it('gives Qwen3 its norms and its own head size', () => {
    const config = expectValue(parseModelConfig({ ...base, ...qwen3 }));
    expect(config).toMatchObject({ queryKeyNorm: true, shape: { head_size: 128 } });
  });

  it('reads windows from every spelling', () => {
    const mistral = { architectures: ['MistralForCausalLM'] };
    expect(windowsOf({ ...mistral, sliding_window: 32 })).toEqual([32, 32]);
    expect(windowsOf({ ...mistral, sliding_window: 256 })).toEqual([]);
    expect(windowsOf({ ...mistral, sliding_window: null })).toEqual([]);
    expect(windowsOf({ ...qwen3, sliding_window: 32 })).toEqual([]);
    const used = { ...qwen3, sliding_window: 32, use_sliding_window: true };
    expect(windowsOf({ ...used, max_window_layers: 1 })).toEqual([null, 32]);
    expect(windowsOf({ ...used, layer_types: ['sliding_attention', 'full_attention'] })).toEqual([32, null]);
  });
});

describe('parseModelConfig', () => {
  it('fills in what a file may leave out', () => {
    expect(expectValue(parseModelConfig(base))).toEqual({
      architecture: 'LlamaForCausalLM',
      shape: {
        layers: 2,
        hidden_size: 64,
        feed_forward_size: 128,
        attention_heads: 4,
        key_value_heads: 4,
        head_size: 16,
        vocabulary_size: 1_000,
        context_length: 256,
      },
      normEpsilon: 1e-6,
      rotaryBase: 10_000,
      rotaryScaling: { kind: 'none' },
      tiedEmbedding: false,
      endTokenIds: [],
      queryKeyValueBias: false,
      attentionOutputBias: false,
      feedForwardBias: false,
      queryKeyNorm: false,
      slidingWindows: [],
    });
  });

  it('reads the old and the new spelling of rotary settings alike', () => {
    const llama3 = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8_192,
      rope_type: 'llama3',
    };
    const old = parseModelConfig({ ...base, torch_dtype: 'bfloat16', rope_theta: 500_000, rope_scaling: llama3 });
    const young = parseModelConfig({
      ...base,
      dtype: 'bfloat16',
      rope_parameters: { ...llama3, rope_theta: 500_000 },
    });
    expect(expectValue(old)).toMatchObject({
      rotaryBase: 500_000,
      rotaryScaling: { kind: 'llama3', factor: 8, originalContextLength: 8_192 },
    });
    expect(young).toEqual(old);
  });

  it('reads the oldest spelling of linear scaling, and nulls as absent', () => {
    expect(expectValue(parseModelConfig({ ...base, rope_scaling: { type: 'linear', factor: 2 } }))).toMatchObject({
      rotaryScaling: { kind: 'linear', factor: 2 },
    });
    const nulls = { rope_scaling: null, head_dim: null, num_key_value_heads: null, eos_token_id: null };
    expect(parseModelConfig({ ...base, ...nulls })).toEqual(parseModelConfig(base));
  });

  it('takes a head size that differs from hidden size / heads', () => {
    const config = expectValue(parseModelConfig({ ...base, head_dim: 32, num_key_value_heads: 2 }));
    expect(config.shape).toMatchObject({ head_size: 32, key_value_heads: 2 });
  });

  it('collects end tokens of both files, single or listed', () => {
    const config = parseModelConfig({ ...base, eos_token_id: 2 }, { eos_token_id: [7, 2] });
    expect(expectValue(config).endTokenIds).toEqual([2, 7]);
  });

  it.each<[string, object, string]>([
    ['another architecture', { architectures: ['MambaForCausalLM'] }, 'MambaForCausalLM'],
    ['another activation', { hidden_act: 'gelu' }, 'gelu'],
    ['layers of another kind', { ...qwen3, layer_types: ['full_attention', 'linear_attention'] }, 'linear_attention'],
    ['quantised weights', { quantization_config: { bits: 4 } }, 'quantization_config'],
    ['unknown rotary scaling', { rope_scaling: { rope_type: 'yarn', factor: 4 } }, 'yarn'],
  ])('refuses %s by name', (_, change, name) => {
    const result = parseModelConfig({ ...base, ...change });
    expect(codeOf(result)).toBe('model-unsupported');
    expect(!result.ok && result.error.message).toContain(name);
  });

  it.each<[string, unknown]>([
    ['no object', null],
    ['a list', []],
    ['no architecture', { ...base, architectures: [] }],
    ['kinds for too few layers', { ...base, ...qwen3, layer_types: ['full_attention'] }],
    ['no layers', { ...base, num_hidden_layers: 0 }],
    ['a billion layers', { ...base, num_hidden_layers: 1e9 }],
    ['a size as text', { ...base, hidden_size: '64' }],
    ['heads that do not share', { ...base, num_key_value_heads: 3 }],
    ['heads that do not divide the hidden size', { ...base, num_attention_heads: 5 }],
    ['an odd head size', { ...base, head_dim: 15 }],
    ['llama3 scaling without its parameters', { ...base, rope_scaling: { rope_type: 'llama3', factor: 8 } }],
    ['linear scaling without a factor', { ...base, rope_scaling: { rope_type: 'linear' } }],
  ])('refuses %s', (_, config) => {
    expect(codeOf(parseModelConfig(config))).toBe('model-invalid');
  });

  it('says which field is wrong', () => {
    const result = parseModelConfig({ ...base, vocab_size: -1 });
    expect(!result.ok && result.error.message).toContain('vocab_size');
  });

  it('answers any JSON with a value and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (config, generation) => {
        const merged = typeof config === 'object' && config !== null ? { ...base, ...config } : config;
        expect(typeof parseModelConfig(merged, generation).ok).toBe('boolean');
      }),
    );
  });
});
