import type { LayerRange, ModelShape } from './model';

/**
 * FLOPs of the matrix products of one layer for one position, without attention over the cache.
 * A multiply-add counts as two operations (tore-0001, "FLOPs").
 */
function layerFlopsPerPosition(shape: ModelShape): number {
  const queryWidth = shape.attention_heads * shape.head_size;
  const keyValueWidth = shape.key_value_heads * shape.head_size;
  const projections = shape.hidden_size * (queryWidth + 2 * keyValueWidth) + queryWidth * shape.hidden_size;
  const feedForward = 3 * shape.hidden_size * shape.feed_forward_size;
  return 2 * (projections + feedForward);
}

/**
 * Counts the floating-point operations a shard performs, from shapes alone. The same function prices a request and
 * credits its nodes, so what is paid is what was asked for, whatever a node claims.
 *
 * @param shape - sizes of the whole model
 * @param range - the shard's layers, both ends inclusive
 * @param positions - new positions processed, ≥ 0
 * @param pastPositions - positions already in the KV cache, ≥ 0; position i attends to pastPositions + i + 1 positions
 * @param logitPositions - positions the head is applied to (only the last one while generating)
 * @returns FLOPs, an integer. The head belongs to the shard that holds the last layer; the embedding is a look-up and counts nothing.
 */
export function countFlops(
  shape: ModelShape,
  range: LayerRange,
  positions: number,
  pastPositions: number,
  logitPositions = positions > 0 ? 1 : 0,
): number {
  const layers = range.layer_end - range.layer_start + 1;
  const attendedPositions = positions * pastPositions + (positions * (positions + 1)) / 2;
  // Scores (query · key) and the weighted sum of values: two products of head_size per head and attended position.
  const attention = 4 * shape.attention_heads * shape.head_size * attendedPositions;
  const perLayer = layerFlopsPerPosition(shape) * positions + attention;
  const holdsHead = range.layer_end === shape.layers - 1;
  const head = holdsHead ? 2 * shape.hidden_size * shape.vocabulary_size * logitPositions : 0;
  return layers * perLayer + head;
}

/** FLOPs of a whole request over the whole model: prefill of the input, then one pass for each further output token. */
export function countRequestFlops(shape: ModelShape, inputTokens: number, outputTokens: number): number {
  return countRangeRequestFlops(shape, { layer_start: 0, layer_end: shape.layers - 1 }, inputTokens, outputTokens);
}

/**
 * FLOPs of a whole request on one shard. The first output token comes out of the prefill; each further one needs a
 * decode step over one position.
 */
export function countRangeRequestFlops(
  shape: ModelShape,
  range: LayerRange,
  inputTokens: number,
  outputTokens: number,
): number {
  if (inputTokens === 0) return 0;
  let flops = countFlops(shape, range, inputTokens, 0);
  const decodeSteps = Math.max(0, outputTokens - 1);
  if (decodeSteps > 0) {
    // Decode step s sees inputTokens + s cached positions; the sum over the steps is arithmetic.
    const first = countFlops(shape, range, 1, inputTokens);
    const last = countFlops(shape, range, 1, inputTokens + decodeSteps - 1);
    flops += ((first + last) / 2) * decodeSteps;
  }
  return flops;
}
