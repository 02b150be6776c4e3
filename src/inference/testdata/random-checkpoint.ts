import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecoderConfig } from '../models/config';
import { parseModelConfig } from '../models/config';
import { expectedTensors } from '../models/decoder-tensors';
import { expectValue, TORE_TINY } from './tore-tiny';

/** For tests: tiny models of random weights in the Hugging Face layout. */
export type Tensors = ReadonlyMap<string, Float32Array>;

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Weights of a size that keeps activations near 1 through all layers; norms near 1, biases small. */
export function randomTensors(config: DecoderConfig, seed: number): Map<string, Float32Array> {
  const random = randomNumbers(seed);
  const tensors = new Map<string, Float32Array>();
  for (const [name, dimensions] of expectedTensors(config)) {
    const values = new Float32Array(dimensions.reduce((product, size) => product * size, 1));
    const [, inputs = 1] = dimensions;
    const isNorm = dimensions.length === 1 && name.endsWith('weight');
    const spread = isNorm ? 0.4 : dimensions.length === 1 ? 0.6 : 3 / Math.sqrt(inputs);
    for (let index = 0; index < values.length; index++) values[index] = (random() - 0.5) * spread + (isNorm ? 1 : 0);
    tensors.set(name, values);
  }
  return tensors;
}

/** The bytes of a safetensors file of 32-bit floats. */
export function encodeSafetensors(tensors: Iterable<readonly [string, Float32Array]>, config: DecoderConfig): Buffer {
  const shapes = expectedTensors(config);
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, values] of tensors) {
    header[name] = { dtype: 'F32', shape: shapes.get(name), data_offsets: [offset, offset + values.byteLength] };
    parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([prefix, text, ...parts]);
}

/**
 * Writes a model folder.
 *
 * @param fields - config.json
 * @param parts - number of weight files; more than one come with an index
 */
export async function writeCheckpoint(
  folder: string,
  fields: object,
  options: { readonly seed: number; readonly parts?: number },
): Promise<{ config: DecoderConfig; tensors: Tensors }> {
  const config = expectValue(parseModelConfig(fields));
  const tensors = randomTensors(config, options.seed);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(fields));
  await cp(join(TORE_TINY, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  const parts = options.parts ?? 1;
  if (parts === 1) {
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors, config));
    return { config, tensors };
  }
  const weightMap: Record<string, string> = {};
  for (let part = 0; part < parts; part++) {
    const file = `model-0000${part + 1}-of-0000${parts}.safetensors`;
    const held = [...tensors].filter((_, index) => index % parts === part);
    for (const [name] of held) weightMap[name] = file;
    await writeFile(join(folder, file), encodeSafetensors(held, config));
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
  return { config, tensors };
}
