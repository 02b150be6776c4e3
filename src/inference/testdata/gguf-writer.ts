import { GGML_FORMATS, type GgmlFormat } from '../models/ggml-formats';

/** For tests: writes GGUF files, version 3. */
export type WritableValue =
  string | number | boolean | { readonly float: number } | readonly string[] | readonly number[];

export interface WritableTensor {
  readonly name: string;
  /** `[rows, columns]` */
  readonly dimensions: readonly number[];
  readonly format: GgmlFormat['name'];
  readonly bytes: Uint8Array;
}

const ALIGNMENT = 32;

export function encodeGguf(
  metadata: Readonly<Record<string, WritableValue>>,
  tensors: readonly WritableTensor[],
): Buffer {
  const parts: Buffer[] = [
    Buffer.from('GGUF'),
    uint32(3),
    uint64(tensors.length),
    uint64(Object.keys(metadata).length),
  ];
  for (const [key, value] of Object.entries(metadata)) parts.push(text(key), ...encodeValue(value));
  let offset = 0;
  for (const { name, dimensions, format, bytes } of tensors) {
    const type = GGML_FORMATS.find((known) => known.name === format)?.type ?? 0;
    parts.push(
      text(name),
      uint32(dimensions.length),
      ...[...dimensions].reverse().map(uint64),
      uint32(type),
      uint64(offset),
    );
    offset += padded(bytes.length);
  }
  const header = Buffer.concat(parts);
  const data = tensors.flatMap(({ bytes }) => [Buffer.from(bytes), Buffer.alloc(padded(bytes.length) - bytes.length)]);
  return Buffer.concat([header, Buffer.alloc(padded(header.length) - header.length), ...data]);
}

function encodeValue(value: WritableValue): Buffer[] {
  if (typeof value === 'string') return [uint32(8), text(value)];
  if (typeof value === 'boolean') return [uint32(7), Buffer.from([value ? 1 : 0])];
  if (typeof value === 'number') return [uint32(4), uint32(value)];
  if ('float' in value) return [uint32(6), float32(value.float)];
  const isText = value.some((entry) => typeof entry === 'string');
  const entries = value.map((entry) => (typeof entry === 'string' ? text(entry) : float32(entry)));
  return [uint32(9), uint32(isText ? 8 : 6), uint64(value.length), ...entries];
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / ALIGNMENT) * ALIGNMENT;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}
