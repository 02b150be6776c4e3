import type { DecoderConfig } from '../models/config';
import type { TensorSource } from '../models/weight-store';
import { quantize, type QuantizedBlocks } from './quantization';
import { rotaryTable } from './rotary-tables';
import { PRECISION_BITS, type PlacedWeight } from './weight-layout';

/** Where the values of a shard's weights come from. */
export interface WeightSource {
  readonly config: DecoderConfig;
  readonly weights: TensorSource;
}

/** The bytes of a weight, piece by piece: for each of its parts those that come next. */
export type EncodedPiece = readonly Uint8Array[];

/** Reads a weight and turns it into the bytes of its parts, in pieces of a few megabytes. */
export async function* encodeWeight(source: WeightSource, weight: PlacedWeight): AsyncGenerator<EncodedPiece> {
  const { origin, precision } = weight;
  if (origin.kind === 'rotary') {
    for (const rows of rotaryTable(source.config, origin.table)) yield [bytesOf(rows)];
    return;
  }
  for (const name of origin.names) {
    if (precision === 'fp32') {
      for await (const values of source.weights.stream(name)) yield [bytesOf(values)];
      continue;
    }
    const bits = PRECISION_BITS[precision];
    const stored = source.weights.streamBlocks?.(name, bits);
    if (stored === undefined) {
      for await (const values of source.weights.stream(name)) yield encodeBlocks(quantize(values, bits));
    } else {
      for await (const blocks of stored) yield encodeBlocks(blocks);
    }
  }
}

function encodeBlocks({ numbers, scales }: QuantizedBlocks): EncodedPiece {
  return [numbers, bytesOf(scales)];
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
