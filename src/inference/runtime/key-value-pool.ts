import type { LayerRange } from '../../protocol/compute/model';
import type { DecoderConfig } from '../models/config';
import { cacheBytesPerPosition, PAGE_POSITIONS } from '../shards/estimate-shard';
import { cacheTypeOf, type CacheType, type ShardPrecision } from '../shards/weight-layout';
import { pastKeyName, pastValueName } from '../shards/shard-values';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';

/** Neighbouring pages of the pool, from `start` up to `end`, which is not part of them. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** Floats, or the bits of half floats. */
export type CacheNumbers = Float32Array | Uint16Array;

/**
 * Pages worth looking at that belong to others, for each page of a batch: beyond it the pages are put in another order,
 * which copies them once.
 */
const MAX_FOREIGN_PAGES = 1;

/**
 * Keys and values of all sequences of a shard, in pages: per layer keys and values `[pages, key/value heads,
 * positions of a page, head size]`. The pages of a sequence are neighbours, so that a
 * pass sees them without copying; a sequence that cannot grow where it is moves.
 */
export class KeyValuePool {
  readonly pageBytes: number;
  readonly #runtime: OnnxRuntime;
  readonly #names: readonly string[];
  readonly #heads: number;
  readonly #headSize: number;
  readonly #pageFloats: number;
  readonly #type: CacheType;
  /** Keys of all layers, then values of all layers, as the graph gives new ones. */
  #buffers: CacheNumbers[] = [];
  #owners: (KeyValueCache | undefined)[] = [];
  #view: { readonly range: PageRange; readonly inputs: Readonly<Record<string, OnnxTensor>> } | undefined;

  constructor(runtime: OnnxRuntime, config: DecoderConfig, range: LayerRange, precision: ShardPrecision) {
    this.#runtime = runtime;
    this.#type = cacheTypeOf(precision);
    this.#heads = config.shape.key_value_heads;
    this.#headSize = config.shape.head_size;
    this.#pageFloats = this.#heads * this.#headSize * PAGE_POSITIONS;
    this.pageBytes = cacheBytesPerPosition(config, range, precision) * PAGE_POSITIONS;
    const layers = Array.from(
      { length: range.layer_end - range.layer_start + 1 },
      (_, index) => range.layer_start + index,
    );
    this.#names = [...layers.map(pastKeyName), ...layers.map(pastValueName)];
  }

  createCache(): KeyValueCache {
    return new KeyValueCache(this);
  }

  /** Graph inputs for a range of pages; valid until pages are reserved or arranged. */
  inputs(range: PageRange): Readonly<Record<string, OnnxTensor>> {
    const known = this.#view;
    if (known !== undefined && known.range.start === range.start && known.range.end === range.end) return known.inputs;
    const inputs: Record<string, OnnxTensor> = {};
    const pages = range.end - range.start;
    for (const [index, name] of this.#names.entries()) {
      const part = this.#buffers[index]?.subarray(range.start * this.#pageFloats, range.end * this.#pageFloats);
      const dimensions = [pages, this.#heads, PAGE_POSITIONS, this.#headSize];
      inputs[name] = this.#tensor(part ?? this.#newNumbers(0), dimensions);
    }
    this.#view = { range, inputs };
    return inputs;
  }

  /** Makes a sequence own so many pages, and returns where they are. */
  reserve(cache: KeyValueCache, pages: number): PageRange {
    const { start, end } = cache.pages;
    const isFree = (page: number): boolean => this.#owners[page] === undefined;
    let grown = end;
    while (grown < start + pages && isFree(grown)) grown++;
    const isRoomBehind = end > start && grown === start + pages;
    const place = isRoomBehind ? start : this.#findRun(pages);
    this.#grow(place + pages);
    if (place !== start) {
      for (const buffer of this.#buffers) {
        buffer.copyWithin(place * this.#pageFloats, start * this.#pageFloats, end * this.#pageFloats);
      }
    }
    this.#owners.fill(undefined, start, end);
    this.#owners.fill(cache, place, place + pages);
    return { start: place, end: place + pages };
  }

  /** Gives pages back; with the last ones of all sequences the memory goes too. */
  release({ start, end }: PageRange): void {
    this.#owners.fill(undefined, start, end);
    if (this.#owners.some((owner) => owner !== undefined)) return;
    this.#owners = [];
    this.#buffers = [];
    this.#view = undefined;
  }

  /** The range that holds all pages of a batch, brought together where too many of others lie between them. */
  gather(caches: readonly KeyValueCache[]): PageRange {
    const owned = caches.reduce((sum, { pages }) => sum + pages.end - pages.start, 0);
    const around = (): PageRange => ({
      start: Math.min(...caches.map(({ pages }) => pages.start)),
      end: Math.max(...caches.map(({ pages }) => pages.end)),
    });
    const range = around();
    if (range.end - range.start <= owned * (1 + MAX_FOREIGN_PAGES)) return range;
    const others = new Set(this.#owners);
    for (const cache of caches) others.delete(cache);
    this.#arrange([...caches, ...[...others].filter((owner) => owner !== undefined)]);
    return around();
  }

  /**
   * Writes new keys and values `[2 × layers, rows, key/value heads, positions, head size]` as the graph gives them:
   * positions of one sequence in one row.
   *
   * @param row - which of `rows` is written
   * @param place - page and position in it, counted over all pages, where the first one goes
   */
  write(newKeyValues: CacheNumbers, rows: number, row: number, positions: number, place: number): void {
    const size = this.#headSize;
    for (const [index, buffer] of this.#buffers.entries()) {
      for (let head = 0; head < this.#heads; head++) {
        const source = ((index * rows + row) * this.#heads + head) * positions * size;
        for (let done = 0; done < positions;) {
          const page = Math.floor((place + done) / PAGE_POSITIONS);
          const inPage = (place + done) % PAGE_POSITIONS;
          const count = Math.min(positions - done, PAGE_POSITIONS - inPage);
          const added = newKeyValues.subarray(source + done * size, source + (done + count) * size);
          buffer.set(added, ((page * this.#heads + head) * PAGE_POSITIONS + inPage) * size);
          done += count;
        }
      }
    }
  }

  /** Reads keys and values back as `write` takes them for positions in one row. */
  read(positions: number, place: number): CacheNumbers {
    const size = this.#headSize;
    const read = this.#newNumbers(this.#buffers.length * this.#heads * positions * size);
    for (const [index, buffer] of this.#buffers.entries()) {
      for (let head = 0; head < this.#heads; head++) {
        const target = (index * this.#heads + head) * positions * size;
        for (let done = 0; done < positions;) {
          const page = Math.floor((place + done) / PAGE_POSITIONS);
          const inPage = (place + done) % PAGE_POSITIONS;
          const count = Math.min(positions - done, PAGE_POSITIONS - inPage);
          const start = ((page * this.#heads + head) * PAGE_POSITIONS + inPage) * size;
          read.set(buffer.subarray(start, start + count * size), target + done * size);
          done += count;
        }
      }
    }
    return read;
  }

  #newNumbers(count: number): CacheNumbers {
    return this.#type === 'float32' ? new Float32Array(count) : new Uint16Array(count);
  }

  #tensor(numbers: CacheNumbers, dimensions: readonly number[]): OnnxTensor {
    if (numbers instanceof Float32Array) return this.#runtime.createTensor('float32', numbers, dimensions);
    return this.#runtime.createTensor('float16', numbers, dimensions);
  }

  /** First place with so many free pages behind each other; behind all others where there is none between them. */
  #findRun(pages: number): number {
    let free = 0;
    for (const [page, owner] of this.#owners.entries()) {
      free = owner === undefined ? free + 1 : 0;
      if (free === pages) return page - pages + 1;
    }
    return this.#owners.length - free;
  }

  #grow(pages: number): void {
    if (pages > this.#owners.length)
      this.#owners.push(...Array.from({ length: pages - this.#owners.length }, () => undefined));
    const held = (this.#buffers[0]?.length ?? 0) / this.#pageFloats;
    this.#view = undefined;
    if (pages <= held) return;
    // Memory that was never written costs nothing, so there is room for as much again.
    const room = held === 0 ? pages : Math.max(pages, held * 2);
    // One buffer at a time, so that growing needs room for one layer's half and not for a second pool.
    for (const index of this.#names.keys()) {
      const buffer = this.#newNumbers(room * this.#pageFloats);
      const old = this.#buffers[index];
      if (old !== undefined) buffer.set(old);
      this.#buffers[index] = buffer;
    }
  }

  /** Puts the pages of sequences behind each other, in this order. */
  #arrange(caches: readonly KeyValueCache[]): void {
    const from = caches.map(({ pages }) => pages);
    for (const [index, old] of this.#buffers.entries()) {
      const buffer = this.#newNumbers(old.length);
      let place = 0;
      for (const { start, end } of from) {
        buffer.set(old.subarray(start * this.#pageFloats, end * this.#pageFloats), place * this.#pageFloats);
        place += end - start;
      }
      this.#buffers[index] = buffer;
    }
    this.#owners.fill(undefined);
    let place = 0;
    for (const [index, { start, end }] of from.entries()) {
      const range = { start: place, end: place + end - start };
      this.#owners.fill(caches[index], range.start, range.end);
      caches[index]?.moveTo(range);
      place = range.end;
    }
    this.#view = undefined;
  }
}

/** Keys and values of one sequence on one shard. Only the first `length` positions count; what lies behind is ignored and overwritten. */
export class KeyValueCache {
  readonly #pool: KeyValuePool;
  #pages: PageRange = { start: 0, end: 0 };
  #length = 0;

  constructor(pool: KeyValuePool) {
    this.#pool = pool;
  }

  /** Positions held. */
  get length(): number {
    return this.#length;
  }

  get pages(): PageRange {
    return this.#pages;
  }

  get allocatedBytes(): number {
    return (this.#pages.end - this.#pages.start) * this.#pool.pageBytes;
  }

  /** Makes room for a total of `positions`. */
  reserve(positions: number): void {
    const pages = Math.ceil(positions / PAGE_POSITIONS);
    if (pages > this.#pages.end - this.#pages.start) this.#pages = this.#pool.reserve(this, pages);
  }

  /** Adds new keys and values, as the graph gives them for a prompt (one row) or for each row of a pass. */
  append(newKeyValues: CacheNumbers, positions: number, { rows = 1, row = 0 } = {}): void {
    const place = this.#pages.start * PAGE_POSITIONS + this.#length;
    this.#pool.write(newKeyValues, rows, row, positions, place);
    this.#length += positions;
  }

  /** A copy of the keys and values of positions it holds, as `append` takes them. */
  copy(position: number, positions: number): CacheNumbers {
    if (position + positions > this.#length) throw new Error('a cache has no copies of what it does not hold');
    return this.#pool.read(positions, this.#pages.start * PAGE_POSITIONS + position);
  }

  /** Forgets the positions from `length` on. */
  rewind(length: number): void {
    if (length > this.#length) throw new Error('a cache cannot be rewound forwards');
    this.#length = length;
  }

  /** Lets go of the memory. */
  dispose(): void {
    if (this.#pages.end > this.#pages.start) this.#pool.release(this.#pages);
    this.#pages = { start: 0, end: 0 };
    this.#length = 0;
  }

  /** For the pool, which put the pages elsewhere. */
  moveTo(pages: PageRange): void {
    this.#pages = pages;
  }
}
