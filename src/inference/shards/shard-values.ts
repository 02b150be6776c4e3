/**
 * Inputs and outputs of a shard's graph. `positions` is the number of new positions of a pass, of one sequence or of several;
 * `pages` the number of pages of the KV cache that the pass is given.
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
  /** bool scalar: one new position of one sequence. */
  isSingle: 'is_single',
  /** bool scalar: one new position each of several sequences. */
  isBatch: 'is_batch',
  /** bool scalar: several new positions of one sequence within one page. None of the three: a prompt. */
  isSpan: 'is_span',
  /** int64 `[positions, 1]`, counted from 0; but for prompts. */
  positionIds: 'position_ids',
  /** int64 `[pages]` of a batch: which of its rows a page belongs to; any for pages of none. */
  pageRow: 'page_row',
  /** int64 `[positions, most pages of one]` of a batch: each row's pages in their order, any behind the last one. */
  rowPages: 'row_pages',
  /** int64 `[pages]` of a batch: where a page stands in `row_pages`, counted row by row. */
  pageSlot: 'page_slot',
  /** float32 `[rows, 1, most pages of one]`: `PAGE_WEIGHT` for pages of the row, 0 behind the last one. */
  pageWeights: 'page_weights',
  /** int64 `[8]` of a span: positions of its page before and behind it, as ONNX Pad asks for them. */
  spanPads: 'span_pads',
  /** bool `[positions of a page]` of a span: which of its page are new. */
  spanNew: 'span_new',
  /** int64 `[4]` of a span: key/value heads, positions, queries of one, positions of its pages. */
  spanScoreShape: 'span_score_shape',
  /** int64 `[4]` of a span: key/value heads, positions × queries of one, pages, positions of a page. */
  spanShareShape: 'span_share_shape',
  /** float32 `[1, positions, hidden]`, where the range does not end with the last layer. */
  activationOut: 'activation_out',
  /** int64 `[1]`, where it does: minus the number of last positions whose logits are wanted, at least 1. */
  logitStart: 'logit_start',
  /** float32 `[1, wanted, vocabulary]`. */
  logits: 'logits',
  /**
   * Keys of all layers, then values of all layers, as the cache keeps them: `[2 × layers, key/value heads, positions, head size]` of a
   * prompt, otherwise and always on a card `[2 × layers × positions, key/value heads, 1, head size]`.
   */
  newKeyValues: 'new_key_values',
  /**
   * int64 `[positions × key/value heads, 3]`, on a card alone: page, key/value head and position in the page where each new
   * key and value goes, row by row.
   */
  newCells: 'new_cells',
  /** int64 `[1]`, on a card alone: how many cells that are; rows behind them are kept nowhere. */
  newCellCount: 'new_cell_count',
} as const;

/** float32 or float16 `[pages, key/value heads, positions of a page, head size]`. */
export function pastKeyName(layer: number): string {
  return `past_key_${layer}`;
}

/** float32 or float16 `[pages, key/value heads, positions of a page, head size]`. */
export function pastValueName(layer: number): string {
  return `past_value_${layer}`;
}

/** As `pastKeyName`, and the same memory: the pages with the new keys in them. On a card alone. */
export function presentKeyName(layer: number): string {
  return `present_key_${layer}`;
}

/** As `presentKeyName`, of values. */
export function presentValueName(layer: number): string {
  return `present_value_${layer}`;
}

/**
 * float32 `[positions, 1, 1, positions of its pages]` but for prompts in main memory: 0 for positions a row sees, a number far
 * below all scores for the rest. On a card a row is in its pages already and sees itself.
 */
export function rowMaskName(window: number | undefined): string {
  return window === undefined ? 'row_mask' : `row_mask_window_${window}`;
}
