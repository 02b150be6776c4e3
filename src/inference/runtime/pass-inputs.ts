import type { LayerRange } from '../../protocol/compute/model';
import { MAX_DRAFT_IDS } from '../engine/engine';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS, PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import { PAGE_WEIGHT } from '../shards/row-attention-graph';
import { SHARD_VALUES } from '../shards/shard-values';
import type { KeyValueCache } from './key-value-pool';
import type { OnnxRuntime } from './onnx-runtime';
import type { PageRange } from './page-store';
import { RowInputs, type PassTensors } from './row-inputs';

/** A pass of more positions is a prompt's; fewer, and so all drafts, are answered as if each had come alone. */
export const MAX_ROW_POSITIONS = 1 + MAX_DRAFT_IDS;

/**
 * Queries that share a key in one product: up to here onnxruntime adds the products of a whole head in one go, whatever
 * its size.
 */
const MAX_QUERIES_OF_PRODUCT = 64;

/** A run of the graph for positions of one sequence. */
export interface PlannedRun {
  readonly mode: 'single' | 'span' | 'prompt';
  readonly count: number;
}

/** What one run of the graph takes. */
export type Pass =
  | { readonly mode: 'single' | 'span' | 'prompt'; readonly cache: KeyValueCache; readonly positions: number }
  | {
      readonly mode: 'batch';
      readonly caches: readonly KeyValueCache[];
      /** Rows behind those of the caches that see nothing and whose results nobody takes. */
      readonly emptyRows: number;
    };

/** Builds the inputs that tell a run of the graph where its positions are and what they see. */
export interface PassInputs {
  /** @param range - the pages the run is given */
  build(pass: Pass, range: PageRange): PassTensors;
}

/**
 * Cuts new positions of a sequence into runs of the graph. Few positions go as rows, whose results are those of one
 * position after the other. A prompt is cut at multiples of the chunk, so that it gives the same bits in whatever pieces of
 * whole chunks it comes.
 *
 * @param start - positions in the cache
 */
export function* planRuns(start: number, positions: number, config: DecoderConfig): Generator<PlannedRun> {
  const { attention_heads: heads, key_value_heads: keyValueHeads } = config.shape;
  const maxSpan = Math.max(1, Math.floor((MAX_QUERIES_OF_PRODUCT * keyValueHeads) / heads));
  for (let done = 0; done < positions;) {
    const rest = positions - done;
    const at = start + done;
    if (positions > MAX_ROW_POSITIONS) {
      const count = Math.min(rest, PREFILL_CHUNK_POSITIONS - (at % PREFILL_CHUNK_POSITIONS));
      yield { mode: 'prompt', count };
      done += count;
    } else {
      const count = Math.min(rest, maxSpan, PAGE_POSITIONS - (at % PAGE_POSITIONS));
      yield { mode: count === 1 ? 'single' : 'span', count };
      done += count;
    }
  }
}

/** For graphs that are given the cache in every run. */
export class MainMemoryInputs implements PassInputs {
  readonly #rows: RowInputs;
  /** For what a mode does not look at. */
  readonly #unused: PassTensors;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange) {
    this.#rows = new RowInputs(runtime, config, range, { seesItself: false, pageWeight: PAGE_WEIGHT });
    this.#unused = this.#makeUnused();
  }

  build(pass: Pass, range: PageRange): PassTensors {
    const pages = range.end - range.start;
    switch (pass.mode) {
      case 'prompt':
        return { ...this.#unused, ...this.#lengths(pass.cache.length, pass.positions) };
      case 'single':
        return {
          ...this.#unused,
          [SHARD_VALUES.isSingle]: this.#rows.flag(true),
          ...this.#rows.ofSequence(pass.cache.length, 1, pages),
        };
      case 'span':
        return { ...this.#unused, ...this.#span(pass.cache, pass.positions, pages) };
      case 'batch':
        return { ...this.#unused, ...this.#rows.ofSeveral(pass.caches, pass.emptyRows, range) };
    }
  }

  #lengths(past: number, positions: number): PassTensors {
    const total = past + positions;
    return {
      [SHARD_VALUES.pastLength]: this.#rows.int64([past]),
      [SHARD_VALUES.totalLength]: this.#rows.int64([total]),
      [SHARD_VALUES.lastPosition]: this.#rows.int32(total - 1, [1]),
      [SHARD_VALUES.totalLengthScalar]: this.#rows.int32(total, []),
    };
  }

  #span(cache: KeyValueCache, positions: number, pages: number): PassTensors {
    const before = cache.length - (pages - 1) * PAGE_POSITIONS;
    const after = PAGE_POSITIONS - before - positions;
    const isNew = new Uint8Array(PAGE_POSITIONS).fill(1, before, before + positions);
    return {
      [SHARD_VALUES.isSpan]: this.#rows.flag(true),
      ...this.#rows.ofSequence(cache.length, positions, pages),
      [SHARD_VALUES.spanPads]: this.#rows.int64([0, 0, before, 0, 0, 0, after, 0]),
      [SHARD_VALUES.spanNew]: this.#rows.flags(isNew),
    };
  }

  #makeUnused(): PassTensors {
    return {
      ...this.#rows.unused(),
      ...this.#lengths(0, 1),
      [SHARD_VALUES.isSingle]: this.#rows.flag(false),
      [SHARD_VALUES.isSpan]: this.#rows.flag(false),
      [SHARD_VALUES.spanPads]: this.#rows.int64([0, 0, 0, 0, 0, 0, 0, 0]),
      [SHARD_VALUES.spanNew]: this.#rows.flags(new Uint8Array(1)),
    };
  }
}

/** For graphs that write into the pages on the card before they attend to them. */
export class CardInputs implements PassInputs {
  readonly #rows: RowInputs;
  readonly #heads: number;
  readonly #unused: PassTensors;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange) {
    this.#rows = new RowInputs(runtime, config, range, { seesItself: true, pageWeight: 1 });
    this.#heads = config.shape.key_value_heads;
    this.#unused = this.#rows.unused();
  }

  build(pass: Pass, range: PageRange): PassTensors {
    if (pass.mode === 'batch') {
      const rows = this.#rows.ofSeveral(pass.caches, pass.emptyRows, range);
      return { ...this.#unused, ...rows, ...this.#cells(pass.caches, 1, range) };
    }
    const rows = this.#rows.ofSequence(pass.cache.length, pass.positions, range.end - range.start);
    return { ...this.#unused, ...rows, ...this.#cells([pass.cache], pass.positions, range) };
  }

  /** Where the keys and values of new positions of each sequence go, row by row. */
  #cells(caches: readonly KeyValueCache[], positions: number, range: PageRange): PassTensors {
    const cells: number[] = [];
    for (const { pages, length } of caches) {
      const first = (pages.start - range.start) * PAGE_POSITIONS + length;
      for (let place = first; place < first + positions; place++) {
        const page = Math.floor(place / PAGE_POSITIONS);
        for (let head = 0; head < this.#heads; head++) cells.push(page, head, place % PAGE_POSITIONS);
      }
    }
    const count = cells.length / 3;
    return {
      [SHARD_VALUES.newCells]: this.#rows.int64(cells, [count, 3]),
      [SHARD_VALUES.newCellCount]: this.#rows.int64([count]),
    };
  }
}
