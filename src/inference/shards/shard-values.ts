/**
 * Inputs and outputs of a shard's graph. `positions` is the number of new positions, `capacity` the size of the KV
 * buffers, of which the first `past_length` positions count.
 */
export const SHARD_VALUES = {
  /** int64 `[1, positions]`, only where the range begins with layer 0. */
  tokenIds: 'token_ids',
  /** float32 `[1, positions, hidden]`, everywhere else. */
  activationIn: 'activation_in',
  /** int64 `[1]`, positions already in the cache. */
  pastLength: 'past_length',
  /** int64 `[1]`, past and new positions. */
  totalLength: 'total_length',
  /** int32 `[1]`, total length − 1, the spelling GroupQueryAttention asks for. */
  lastPosition: 'last_position',
  /** int32 scalar, total length. */
  totalLengthScalar: 'total_length_scalar',
  /** int64 `[1, positions]`, counted from 0. */
  positionIds: 'position_ids',
  /** float32 `[1, capacity]`: 0 for positions in the cache, a number far below all scores for the rest. */
  pastMask: 'past_mask',
  /** bool scalar: there is one new position, as in every step of an answer. */
  isSingle: 'is_single',
  /** float32 `[1, positions, hidden]`, where the range does not end with the last layer. */
  activationOut: 'activation_out',
  /** int64 `[1]`, where it does: minus the number of last positions whose logits are wanted, at least 1. */
  logitStart: 'logit_start',
  /** float32 `[1, wanted, vocabulary]`. */
  logits: 'logits',
  /** float32 `[2 × layers, key/value heads, positions, head size]`: keys of all layers, then values of all layers. */
  newKeyValues: 'new_key_values',
} as const;

/** float32 `[1, key/value heads, head size, capacity]`: transposed, as the product with a query reads it. */
export function pastKeyName(layer: number): string {
  return `past_key_${layer}`;
}

/** float32 `[1, key/value heads, capacity, head size]`. */
export function pastValueName(layer: number): string {
  return `past_value_${layer}`;
}
