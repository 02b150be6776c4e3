import type { LayerRange } from '../../protocol/compute/model';
import { MAX_DRAFT_IDS } from '../engine/engine';
import type { DecoderConfig } from '../models/config';
import { windowsOf } from '../shards/decoder-graph';
import { PAGE_POSITIONS, PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import { PAGE_WEIGHT } from '../shards/row-attention-graph';
import { rowMaskName, SHARD_VALUES } from '../shards/shard-values';
import type { KeyValueCache, PageRange } from './key-value-pool';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';

/** Added to the scores of positions a row does not see: their share becomes zero. */
const HIDDEN_SCORE = -1e30;

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

/** Graph inputs by name. */
export type PassTensors = Record<string, OnnxTensor>;

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

/** Builds the inputs that tell a run of the graph where its positions are and what they see. */
export class PassInputs {
  readonly #runtime: OnnxRuntime;
  readonly #config: DecoderConfig;
  readonly #windows: readonly (number | undefined)[];
  /** For what a mode does not look at. */
  readonly #unused: PassTensors;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange) {
    this.#runtime = runtime;
    this.#config = config;
    this.#windows = windowsOf(config, range);
    this.#unused = this.#makeUnused();
  }

  /** @param range - the pages the run is given */
  build(pass: Pass, range: PageRange): PassTensors {
    switch (pass.mode) {
      case 'prompt':
        return { ...this.#unused, ...this.#lengths(pass.cache.length, pass.positions) };
      case 'single':
        return {
          ...this.#unused,
          [SHARD_VALUES.isSingle]: this.#flag(true),
          ...this.#rows([pass.cache.length], range.end - range.start),
          [SHARD_VALUES.pageWeights]: this.#pageWeights(range.end - range.start),
        };
      case 'span':
        return { ...this.#unused, ...this.#span(pass.cache, pass.positions, range) };
      case 'batch':
        return { ...this.#unused, ...this.#batch(pass.caches, pass.emptyRows, range) };
    }
  }

  #lengths(past: number, positions: number): PassTensors {
    const total = past + positions;
    return {
      [SHARD_VALUES.pastLength]: this.#int64([past]),
      [SHARD_VALUES.totalLength]: this.#int64([total]),
      [SHARD_VALUES.lastPosition]: this.#runtime.createTensor('int32', Int32Array.of(total - 1), [1]),
      [SHARD_VALUES.totalLengthScalar]: this.#runtime.createTensor('int32', Int32Array.of(total), []),
    };
  }

  #span(cache: KeyValueCache, positions: number, range: PageRange): PassTensors {
    const { attention_heads: heads, key_value_heads: keyValueHeads } = this.#config.shape;
    const grouped = heads / keyValueHeads;
    const pages = range.end - range.start;
    const before = cache.length - (pages - 1) * PAGE_POSITIONS;
    const after = PAGE_POSITIONS - before - positions;
    const isNew = new Uint8Array(PAGE_POSITIONS).fill(1, before, before + positions);
    const rows = Array.from({ length: positions }, (_, row) => cache.length + row);
    return {
      [SHARD_VALUES.isSpan]: this.#flag(true),
      ...this.#rows(rows, pages),
      [SHARD_VALUES.pageWeights]: this.#pageWeights(pages),
      [SHARD_VALUES.spanPads]: this.#int64([0, 0, before, 0, 0, 0, after, 0]),
      [SHARD_VALUES.spanNew]: this.#runtime.createTensor('bool', isNew, [PAGE_POSITIONS]),
      [SHARD_VALUES.spanScoreShape]: this.#int64([keyValueHeads, positions, grouped, pages * PAGE_POSITIONS]),
      [SHARD_VALUES.spanShareShape]: this.#int64([keyValueHeads, positions * grouped, pages, PAGE_POSITIONS]),
    };
  }

  #batch(caches: readonly KeyValueCache[], emptyRows: number, range: PageRange): PassTensors {
    const pages = range.end - range.start;
    const rows = caches.length + emptyRows;
    const most = Math.max(...caches.map((cache) => cache.pages.end - cache.pages.start));
    const pageRow = new BigInt64Array(pages);
    const pageSlot = new BigInt64Array(pages);
    const rowPages = new BigInt64Array(rows * most);
    const weights = new Float32Array(rows * most);
    for (const [row, cache] of caches.entries()) {
      for (let page = cache.pages.start; page < cache.pages.end; page++) {
        const slot = row * most + page - cache.pages.start;
        pageRow[page - range.start] = BigInt(row);
        pageSlot[page - range.start] = BigInt(slot);
        rowPages[slot] = BigInt(page - range.start);
        weights[slot] = PAGE_WEIGHT;
      }
    }
    const { createTensor } = this.#runtime;
    return {
      [SHARD_VALUES.isBatch]: this.#flag(true),
      ...this.#rows([...caches.map(({ length }) => length), ...Array<number>(emptyRows).fill(0)], most),
      [SHARD_VALUES.pageRow]: createTensor('int64', pageRow, [pages]),
      [SHARD_VALUES.pageSlot]: createTensor('int64', pageSlot, [pages]),
      [SHARD_VALUES.rowPages]: createTensor('int64', rowPages, [rows, most]),
      [SHARD_VALUES.pageWeights]: createTensor('float32', weights, [rows, 1, most]),
    };
  }

  /** Positions of rows, and what each of them sees of its pages. */
  #rows(positions: readonly number[], pages: number): PassTensors {
    const width = pages * PAGE_POSITIONS;
    const tensors: PassTensors = { [SHARD_VALUES.positionIds]: this.#int64(positions, [positions.length, 1]) };
    for (const window of this.#windows) {
      const mask = new Float32Array(positions.length * width).fill(HIDDEN_SCORE);
      for (const [row, position] of positions.entries()) {
        // The row itself is one of the positions of its window.
        const first = window === undefined ? 0 : Math.max(0, position - window + 1);
        mask.fill(0, row * width + first, row * width + position);
      }
      const dimensions = [positions.length, 1, 1, width];
      tensors[rowMaskName(window)] = this.#runtime.createTensor('float32', mask, dimensions);
    }
    return tensors;
  }

  #makeUnused(): PassTensors {
    const none = this.#int64([], [0]);
    const tensors: PassTensors = {
      ...this.#lengths(0, 1),
      [SHARD_VALUES.isSingle]: this.#flag(false),
      [SHARD_VALUES.isBatch]: this.#flag(false),
      [SHARD_VALUES.isSpan]: this.#flag(false),
      [SHARD_VALUES.positionIds]: this.#int64([0], [1, 1]),
      [SHARD_VALUES.pageRow]: none,
      [SHARD_VALUES.pageSlot]: none,
      [SHARD_VALUES.rowPages]: this.#int64([], [0, 0]),
      [SHARD_VALUES.pageWeights]: this.#pageWeights(1),
      [SHARD_VALUES.spanPads]: this.#int64([0, 0, 0, 0, 0, 0, 0, 0]),
      [SHARD_VALUES.spanNew]: this.#runtime.createTensor('bool', new Uint8Array(1), [1]),
      [SHARD_VALUES.spanScoreShape]: this.#int64([1, 1, 1, 1]),
      [SHARD_VALUES.spanShareShape]: this.#int64([1, 1, 1, 1]),
    };
    for (const window of this.#windows) {
      tensors[rowMaskName(window)] = this.#runtime.createTensor('float32', new Float32Array(1), [1, 1, 1, 1]);
    }
    return tensors;
  }

  #flag(value: boolean): OnnxTensor {
    return this.#runtime.createTensor('bool', Uint8Array.of(value ? 1 : 0), []);
  }

  #pageWeights(pages: number): OnnxTensor {
    return this.#runtime.createTensor('float32', new Float32Array(pages).fill(PAGE_WEIGHT), [1, 1, pages]);
  }

  #int64(values: readonly number[], dimensions: readonly number[] = [values.length]): OnnxTensor {
    return this.#runtime.createTensor('int64', BigInt64Array.from(values, BigInt), dimensions);
  }
}
