import { open } from 'node:fs/promises';
import { expectedTensors } from '../../src/inference/models/decoder-tensors';
import { ggufMetadata, ggufTensors } from '../../src/inference/testdata/gguf-models';
import { encodeGguf } from '../../src/inference/testdata/gguf-writer';
import { MEASURED_CONFIG } from './measured-model';

export type MeasuredFormat = 'Q4_0' | 'Q8_0';

/** Weights of a block that share a scale. */
const BLOCK = 32;
/** Scale of a block as a half float: small enough that activations neither grow nor vanish over the layers. */
const SCALE_BITS = { Q4_0: 0x1c00, Q8_0: 0x0c00 } as const;
const BLOCK_BYTES = { Q4_0: 18, Q8_0: 34 } as const;

/** Writes a GGUF file of random blocks, which any program that reads the format loads with the same values. */
export async function writeMeasuredGguf(path: string, format: MeasuredFormat): Promise<void> {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  const encode = (values: Float32Array) => {
    const blocks = values.length / BLOCK;
    const size = BLOCK_BYTES[format];
    const bytes = new Uint8Array(blocks * size);
    for (let block = 0; block < blocks; block++) {
      bytes[block * size] = SCALE_BITS[format] & 255;
      bytes[block * size + 1] = SCALE_BITS[format] >> 8;
      for (let at = 2; at < size; at++) bytes[block * size + at] = next();
    }
    return { format, bytes };
  };
  const shapes = expectedTensors(MEASURED_CONFIG);
  const tensors = new Map(
    [...shapes].map(([name, dimensions]) => [
      name,
      new Float32Array(dimensions.reduce((product, size) => product * size, 1)).fill(1),
    ]),
  );
  const tokens = Array.from({ length: MEASURED_CONFIG.shape.vocabulary_size }, (_, id) => `▁t${id}`);
  // llama.cpp looks every byte up by this name.
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  tokens.splice(0, 3 + bytes.length, '<unk>', '<s>', '</s>', ...bytes);
  const metadata = {
    ...ggufMetadata('llama', MEASURED_CONFIG),
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': tokens.map((_, id) => -id),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  };
  const file = await open(path, 'w');
  try {
    await file.writeFile(encodeGguf(metadata, ggufTensors(MEASURED_CONFIG, tensors, shapes, encode)));
  } finally {
    await file.close();
  }
}
