import type { LayerRange } from '../../protocol/compute/model';
import type { DecoderConfig } from '../models/config';
import { windowsOf } from '../shards/decoder-graph';
import { PAGE_POSITIONS } from '../shards/estimate-shard';
import { rowMaskName, SHARD_VALUES } from '../shards/shard-values';
import type { KeyValueCache } from './key-value-pool';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';
import type { PageRange } from './page-store';

/** Added to the scores of positions a row does not see: their share becomes zero. */
const HIDDEN_SCORE = -1e30;

/** Graph inputs by name. */
export type PassTensors = Record<string, OnnxTensor>;

/** What graphs of different forms understand differently. */
export interface RowRules {
  /** Whether a row's own keys and values are in the pages when it attends to them. */
  readonly seesItself: boolean;
  /** What the sum of a page of a row is multiplied with. */
  readonly pageWeight: number;
}

/** Inputs that say where rows are and what each of them sees of the pages; and what other inputs are made of. */
export class RowInputs {
  readonly #runtime: OnnxRuntime;
  readonly #config: DecoderConfig;
  readonly #windows: readonly (number | undefined)[];
  readonly #rules: RowRules;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange, rules: RowRules) {
    this.#runtime = runtime;
    this.#config = config;
    this.#windows = windowsOf(config, range);
    this.#rules = rules;
  }

  /** Of positions of one sequence from `start` on, which is given all of its pages up to the last of them. */
  ofSequence(start: number, positions: number, pages: number): PassTensors {
    const { attention_heads: heads, key_value_heads: keyValueHeads } = this.#config.shape;
    const grouped = heads / keyValueHeads;
    return {
      ...this.#place(
        Array.from({ length: positions }, (_, row) => start + row),
        pages,
      ),
      [SHARD_VALUES.pageWeights]: this.#pageWeights(pages),
      [SHARD_VALUES.spanScoreShape]: this.int64([keyValueHeads, positions, grouped, pages * PAGE_POSITIONS]),
      [SHARD_VALUES.spanShareShape]: this.int64([keyValueHeads, positions * grouped, pages, PAGE_POSITIONS]),
    };
  }

  /**
   * Of one position each of several sequences.
   *
   * @param emptyRows - rows behind them that see nothing and whose results nobody takes
   */
  ofSeveral(caches: readonly KeyValueCache[], emptyRows: number, range: PageRange): PassTensors {
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
        weights[slot] = this.#rules.pageWeight;
      }
    }
    const { createTensor } = this.#runtime;
    return {
      [SHARD_VALUES.isBatch]: this.flag(true),
      ...this.#place([...caches.map(({ length }) => length), ...Array<number>(emptyRows).fill(0)], most),
      [SHARD_VALUES.pageRow]: createTensor('int64', pageRow, [pages]),
      [SHARD_VALUES.pageSlot]: createTensor('int64', pageSlot, [pages]),
      [SHARD_VALUES.rowPages]: createTensor('int64', rowPages, [rows, most]),
      [SHARD_VALUES.pageWeights]: createTensor('float32', weights, [rows, 1, most]),
    };
  }

  /** For a run that looks at none of these. */
  unused(): PassTensors {
    const none = this.int64([], [0]);
    const tensors: PassTensors = {
      [SHARD_VALUES.isBatch]: this.flag(false),
      [SHARD_VALUES.positionIds]: this.int64([0], [1, 1]),
      [SHARD_VALUES.pageRow]: none,
      [SHARD_VALUES.pageSlot]: none,
      [SHARD_VALUES.rowPages]: this.int64([], [0, 0]),
      [SHARD_VALUES.pageWeights]: this.#pageWeights(1),
      [SHARD_VALUES.spanScoreShape]: this.int64([1, 1, 1, 1]),
      [SHARD_VALUES.spanShareShape]: this.int64([1, 1, 1, 1]),
    };
    for (const window of this.#windows) {
      tensors[rowMaskName(window)] = this.#runtime.createTensor('float32', new Float32Array(1), [1, 1, 1, 1]);
    }
    return tensors;
  }

  flag(value: boolean): OnnxTensor {
    return this.#runtime.createTensor('bool', Uint8Array.of(value ? 1 : 0), []);
  }

  /** @param values - 0 or 1 each */
  flags(values: Uint8Array): OnnxTensor {
    return this.#runtime.createTensor('bool', values, [values.length]);
  }

  int32(value: number, dimensions: readonly number[]): OnnxTensor {
    return this.#runtime.createTensor('int32', Int32Array.of(value), dimensions);
  }

  int64(values: readonly number[], dimensions: readonly number[] = [values.length]): OnnxTensor {
    return this.#runtime.createTensor('int64', BigInt64Array.from(values, BigInt), dimensions);
  }

  /** Positions of rows, and what each of them sees of its pages. */
  #place(positions: readonly number[], pages: number): PassTensors {
    const width = pages * PAGE_POSITIONS;
    const own = this.#rules.seesItself ? 1 : 0;
    const tensors: PassTensors = { [SHARD_VALUES.positionIds]: this.int64(positions, [positions.length, 1]) };
    for (const window of this.#windows) {
      const mask = new Float32Array(positions.length * width).fill(HIDDEN_SCORE);
      for (const [row, position] of positions.entries()) {
        // The row itself is one of the positions of its window.
        const first = window === undefined ? 0 : Math.max(0, position - window + 1);
        mask.fill(0, row * width + first, row * width + position + own);
      }
      const dimensions = [positions.length, 1, 1, width];
      tensors[rowMaskName(window)] = this.#runtime.createTensor('float32', mask, dimensions);
    }
    return tensors;
  }

  #pageWeights(pages: number): OnnxTensor {
    const weights = new Float32Array(pages).fill(this.#rules.pageWeight);
    return this.#runtime.createTensor('float32', weights, [1, 1, pages]);
  }
}
