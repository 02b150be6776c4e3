import type { DecoderConfig } from '../models/config';
import type { Tensors } from './random-checkpoint';

/**
 * For tests: a decoder-only transformer in plain float64, written from the papers and sharing no code with the engine:
 * every position attends to all earlier ones (or those in its window), nothing is cached, fused or reordered.
 *
 * @returns the logits of every position
 */
export function referenceLogits(config: DecoderConfig, tensors: Tensors, ids: readonly number[]): Float64Array[] {
  const {
    hidden_size: hidden,
    layers,
    attention_heads: heads,
    key_value_heads: groups,
    head_size: size,
  } = config.shape;
  const tensor = (name: string): Float32Array => {
    const values = tensors.get(name);
    if (values === undefined) throw new Error(`no tensor ${name}`);
    return values;
  };
  const optional = (name: string): Float32Array | undefined => tensors.get(name);
  const norm = (x: Float64Array, weight: Float32Array): Float64Array => {
    let squares = 0;
    for (const value of x) squares += value * value;
    const scale = 1 / Math.sqrt(squares / x.length + config.normEpsilon);
    return x.map((value, index) => value * scale * (weight[index] ?? 0));
  };
  const linear = (x: Float64Array, weight: Float32Array, bias?: Float32Array): Float64Array =>
    Float64Array.from({ length: weight.length / x.length }, (_, row) => {
      let sum = bias?.[row] ?? 0;
      for (let column = 0; column < x.length; column++) {
        sum += (x[column] ?? 0) * (weight[row * x.length + column] ?? 0);
      }
      return sum;
    });
  const add = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, index) => value + (b[index] ?? 0));

  const embedding = tensor('model.embed_tokens.weight');
  let states: Float64Array[] = ids.map((id) => Float64Array.from(embedding.subarray(id * hidden, (id + 1) * hidden)));
  for (let layer = 0; layer < layers; layer++) {
    const at = (name: string): string => `model.layers.${layer}.${name}`;
    const queries: Float64Array[][] = [];
    const keys: Float64Array[][] = [];
    const values: Float64Array[][] = [];
    for (const [position, state] of states.entries()) {
      const normed = norm(state, tensor(at('input_layernorm.weight')));
      const project = (letter: string, count: number): Float64Array[] => {
        const name = `self_attn.${letter}_proj`;
        const flat = linear(normed, tensor(at(`${name}.weight`)), optional(at(`${name}.bias`)));
        return Array.from({ length: count }, (_, head) => flat.slice(head * size, (head + 1) * size));
      };
      const prepare = (letter: string, count: number): Float64Array[] => {
        const weight = optional(at(`self_attn.${letter}_norm.weight`));
        const list = project(letter, count).map((head) => (weight === undefined ? head : norm(head, weight)));
        return list.map((head) => rotate(head, position, config));
      };
      queries.push(prepare('q', heads));
      keys.push(prepare('k', groups));
      values.push(project('v', groups));
    }
    const window = config.slidingWindows[layer] ?? Number.POSITIVE_INFINITY;
    states = states.map((state, position) => {
      const attended = new Float64Array(heads * size);
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * groups) / heads);
        const query = queries[position]?.[head] ?? new Float64Array();
        const first = Math.max(0, position - window + 1);
        const scores: number[] = [];
        for (let other = first; other <= position; other++) {
          scores.push(dot(query, keys[other]?.[group] ?? new Float64Array()) / Math.sqrt(size));
        }
        const largest = Math.max(...scores);
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [index, weight] of weights.entries()) {
          const value = values[first + index]?.[group] ?? new Float64Array();
          for (let at = 0; at < size; at++) {
            attended[head * size + at] = (attended[head * size + at] ?? 0) + (weight / total) * (value[at] ?? 0);
          }
        }
      }
      const output = linear(attended, tensor(at('self_attn.o_proj.weight')), optional(at('self_attn.o_proj.bias')));
      const middle = add(state, output);
      const normed = norm(middle, tensor(at('post_attention_layernorm.weight')));
      const feed = (name: string, x: Float64Array): Float64Array =>
        linear(x, tensor(at(`mlp.${name}.weight`)), optional(at(`mlp.${name}.bias`)));
      const up = feed('up_proj', normed);
      const inner = feed('gate_proj', normed).map((gate, index) => (gate / (1 + Math.exp(-gate))) * (up[index] ?? 0));
      return add(middle, feed('down_proj', inner));
    });
  }
  const head = optional('lm_head.weight') ?? embedding;
  return states.map((state) => linear(norm(state, tensor('model.norm.weight')), head));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (const [index, value] of a.entries()) sum += value * (b[index] ?? 0);
  return sum;
}

/** Halves of a head as real and imaginary parts, each pair turned by its own angle. */
function rotate(head: Float64Array, position: number, config: DecoderConfig): Float64Array {
  const half = head.length / 2;
  const turned = new Float64Array(head.length);
  for (let pair = 0; pair < half; pair++) {
    const angle = position * angularSpeed(pair, half, config);
    const [real = 0, imaginary = 0] = [head[pair], head[pair + half]];
    turned[pair] = real * Math.cos(angle) - imaginary * Math.sin(angle);
    turned[pair + half] = real * Math.sin(angle) + imaginary * Math.cos(angle);
  }
  return turned;
}

function angularSpeed(pair: number, half: number, config: DecoderConfig): number {
  const speed = 1 / config.rotaryBase ** (pair / half);
  const scaling = config.rotaryScaling;
  if (scaling.kind === 'linear') return speed / scaling.factor;
  if (scaling.kind === 'none') return speed;
  if (scaling.kind === 'factors') return speed / (scaling.factors[pair] ?? Number.NaN);
  // Turns a pair makes within the original context: many are kept, few are slowed, between them it is a mixture.
  const turns = (scaling.originalContextLength * speed) / (2 * Math.PI);
  const smooth = (turns - scaling.lowFrequencyFactor) / (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
  const share = Math.min(1, Math.max(0, smooth));
  return share * speed + ((1 - share) * speed) / scaling.factor;
}
