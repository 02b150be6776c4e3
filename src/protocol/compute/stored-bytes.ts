import type { LayerRange, ModelManifest } from './model';

/** Bytes of the stored weights of a range, with embedding and head where it holds them. */
export function storedBytes(manifest: ModelManifest, range: LayerRange): number {
  let bytes = range.layer_start === 0 ? manifest.embedding_bytes : 0;
  if (range.layer_end === manifest.total_layers - 1) bytes += manifest.head_bytes;
  for (let layer = range.layer_start; layer <= range.layer_end; layer += 1)
    bytes += manifest.bytes_per_layer[layer] ?? 0;
  return bytes;
}
