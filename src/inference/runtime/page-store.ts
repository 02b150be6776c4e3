import type { CacheType } from '../shards/graph-form';
import { PAGE_POSITIONS } from '../shards/estimate-shard';
import type { OnnxRuntime, OnnxTensor, TensorMap } from './onnx-runtime';

/** Neighbouring pages of a pool, from `start` up to `end`, which is not part of them. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** Floats, or the bits of half floats. */
export type CacheNumbers = Float32Array | Uint16Array;

/** The arrays of a pool: keys of all layers, then values of all layers. */
export interface PageArrays {
  /** Inputs of the graph that take them. */
  readonly names: readonly string[];
  /** Outputs of the graph that give them back with what is new, where it writes into them. */
  readonly resultNames: readonly string[];
  readonly type: CacheType;
  readonly heads: number;
  readonly headSize: number;
}

/** Pages as a run of the graph takes them. */
export interface PageTensors {
  readonly inputs: TensorMap;
  /** Outputs that are written to the tensors of the inputs, where the graph does so. */
  readonly results?: TensorMap;
}

/** Gives runs the pages of a pool. One run at a time. */
export interface PageStore {
  /** Runs the graph with pages of the pool's arrays `[pages, key/value heads, positions of a page, head size]`. */
  use<Value>(
    range: PageRange,
    arrays: readonly CacheNumbers[],
    run: (pages: PageTensors) => Promise<Value>,
  ): Promise<Value>;
  /** The arrays of pages have numbers that no run gave, or a run gave numbers that were thrown away. */
  changed(range: PageRange): void;
  /** The arrays gave way to others that begin with the same numbers. */
  replaced(): void;
  release(): Promise<void>;
}

/** The tensor of a range of pages of one array, which it shares the memory with. */
export function pageTensor(
  runtime: OnnxRuntime,
  { type, heads, headSize }: PageArrays,
  { start, end }: PageRange,
  array: CacheNumbers | undefined,
): OnnxTensor {
  const page = heads * PAGE_POSITIONS * headSize;
  const dimensions = [end - start, heads, PAGE_POSITIONS, headSize];
  const numbers = array?.subarray(start * page, end * page) ?? newNumbers(type, 0);
  if (numbers instanceof Float32Array) return runtime.createTensor('float32', numbers, dimensions);
  return runtime.createTensor('float16', numbers, dimensions);
}

export function newNumbers(type: CacheType, count: number): CacheNumbers {
  return type === 'float32' ? new Float32Array(count) : new Uint16Array(count);
}

/** Pages where the arrays are: runs on the processor read them in place, other devices copy them. */
export class MainMemoryPages implements PageStore {
  readonly #runtime: OnnxRuntime;
  readonly #layout: PageArrays;
  #known: { readonly range: PageRange; readonly inputs: TensorMap } | undefined;

  constructor(runtime: OnnxRuntime, layout: PageArrays) {
    this.#runtime = runtime;
    this.#layout = layout;
  }

  use<Value>(
    range: PageRange,
    arrays: readonly CacheNumbers[],
    run: (pages: PageTensors) => Promise<Value>,
  ): Promise<Value> {
    const known = this.#known;
    if (known?.range.start === range.start && known.range.end === range.end) return run(known);
    const tensors = this.#layout.names.map(
      (name, index) => [name, pageTensor(this.#runtime, this.#layout, range, arrays[index])] as const,
    );
    this.#known = { range, inputs: Object.fromEntries(tensors) };
    return run(this.#known);
  }

  changed(): void {
    // The tensors are the arrays.
  }

  replaced(): void {
    this.#known = undefined;
  }

  async release(): Promise<void> {
    this.#known = undefined;
  }
}
