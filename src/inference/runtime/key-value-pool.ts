import type { LayerRange } from '../../protocol/compute/model';
import type { DecoderConfig } from '../models/config';
import { PAGE_POSITIONS } from '../shards/estimate-shard';
import type { CacheType } from '../shards/graph-form';
import { ONNX_TYPE_BYTES } from '../shards/onnx-graph';
import { pastKeyName, pastValueName, presentKeyName, presentValueName } from '../shards/shard-values';
import {
  newNumbers,
  type CacheNumbers,
  type PageArrays,
  type PageRange,
  type PageStore,
  type PageTensors,
} from './page-store';

/**
 * Pages worth looking at that belong to others, for each page of a batch: beyond it the pages are put in another order,
 * which copies them once.
 */
const MAX_FOREIGN_PAGES = 1;
/** Pages that were written for each that is owned, from which on the owned ones move into memory of their own. */
const MAX_WRITTEN_SHARE = 4;

/**
 * Keys and values of all sequences of a shard, in pages: per layer keys and values `[pages, key/value heads,
 * positions of a page, head size]`. The pages of a sequence are neighbours, so that a
 * pass sees them without copying; a sequence that cannot grow where it is moves.
 */
export class KeyValuePool {
  readonly pageBytes: number;
  readonly #heads: number;
  readonly #headSize: number;
  readonly #pageFloats: number;
  readonly #layout: PageArrays;
  readonly #store: PageStore;
  /** Keys of all layers, then values of all layers, as the graph gives new ones. */
  #buffers: CacheNumbers[] = [];
  /** Of all pages that may have been written: memory behind them was not and costs nothing. */
  #owners: (KeyValueCache | undefined)[] = [];

  /** @param store - of the pages as `layout` describes them */
  constructor(layout: PageArrays, store: PageStore) {
    this.#layout = layout;
    this.#store = store;
    this.#heads = layout.heads;
    this.#headSize = layout.headSize;
    this.#pageFloats = this.#heads * this.#headSize * PAGE_POSITIONS;
    this.pageBytes = layout.names.length * this.#pageFloats * ONNX_TYPE_BYTES[layout.type];
  }

  /** Memory it takes, with pages of sequences that are gone. */
  get heldBytes(): number {
    return this.#owners.length * this.pageBytes;
  }

  createCache(): KeyValueCache {
    return new KeyValueCache(this);
  }

  /** Runs the graph with a range of pages. One run at a time. */
  use<Value>(range: PageRange, run: (pages: PageTensors) => Promise<Value>): Promise<Value> {
    return this.#store.use(range, this.#buffers, run);
  }

  /** What a run with these pages gave is not taken into them. */
  discard(range: PageRange): void {
    this.#store.changed(range);
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
      this.#store.changed({ start: place, end: place + pages });
    }
    this.#owners.fill(undefined, start, end);
    this.#owners.fill(cache, place, place + pages);
    return { start: place, end: place + pages };
  }

  /** Gives pages back. Their memory goes when few others are left, and with the last ones all of it. */
  release({ start, end }: PageRange): void {
    this.#owners.fill(undefined, start, end);
    const owned = this.#owners.filter((owner) => owner !== undefined);
    if (owned.length > 0) {
      if (owned.length * MAX_WRITTEN_SHARE <= this.#owners.length) this.#shrink(new Set(owned));
      return;
    }
    this.#owners = [];
    this.#buffers = [];
    this.#store.changed(ALL_PAGES);
    this.#store.replaced();
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

  /** Writes what no run just gave: as `write`, of positions in one row. */
  restore(keyValues: CacheNumbers, positions: number, place: number): void {
    this.write(keyValues, 1, 0, positions, place);
    const start = Math.floor(place / PAGE_POSITIONS);
    this.#store.changed({ start, end: Math.ceil((place + positions) / PAGE_POSITIONS) });
  }

  /** Reads keys and values back as `write` takes them for positions in one row. */
  read(positions: number, place: number): CacheNumbers {
    const size = this.#headSize;
    const read = newNumbers(this.#layout.type, this.#buffers.length * this.#heads * positions * size);
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
    const held = (this.#buffers[0]?.length ?? 0) / this.#pageFloats;
    if (pages > held) {
      const written = this.#owners.length * this.#pageFloats;
      for (const [index, buffer] of this.#allocate(pages, held * 2).entries()) {
        const old = this.#buffers[index];
        if (old !== undefined) buffer.set(old.subarray(0, written));
        this.#buffers[index] = buffer;
      }
      this.#store.replaced();
    }
    while (this.#owners.length < pages) this.#owners.push(undefined);
  }

  /**
   * Buffers for so many pages, or for more where there is room for them. Memory that was never written costs nothing: who
   * copies into one buffer after the other needs room for one layer's half and not for a second pool.
   *
   * @throws when not even these fit; the pool is as it was
   */
  #allocate(pages: number, wishedPages = pages): CacheNumbers[] {
    const allocate = (count: number): CacheNumbers[] =>
      this.#layout.names.map(() => newNumbers(this.#layout.type, count * this.#pageFloats));
    if (wishedPages <= pages) return allocate(pages);
    try {
      return allocate(wishedPages);
    } catch {
      return allocate(pages);
    }
  }

  #shrink(caches: ReadonlySet<KeyValueCache>): void {
    try {
      this.#arrange([...caches]);
    } catch {
      // No room to bring them together: they stay where they are.
    }
  }

  /**
   * Puts the pages of sequences behind each other, in this order; others are gone.
   *
   * @throws when there is no memory for it; the pool is as it was
   */
  #arrange(caches: readonly KeyValueCache[]): void {
    const from = caches.map(({ pages }) => pages);
    const owned = from.reduce((sum, { start, end }) => sum + end - start, 0);
    const held = (this.#buffers[0]?.length ?? 0) / this.#pageFloats;
    for (const [index, buffer] of this.#allocate(owned, held).entries()) {
      let place = 0;
      for (const { start, end } of from) {
        const pages = this.#buffers[index]?.subarray(start * this.#pageFloats, end * this.#pageFloats);
        if (pages !== undefined) buffer.set(pages, place * this.#pageFloats);
        place += end - start;
      }
      this.#buffers[index] = buffer;
    }
    this.#owners = [];
    for (const [index, { start, end }] of from.entries()) {
      const cache = caches[index];
      const place = this.#owners.length;
      const range = { start: place, end: place + end - start };
      cache?.moveTo(range);
      while (this.#owners.length < range.end) this.#owners.push(cache);
    }
    this.#store.changed(ALL_PAGES);
    this.#store.replaced();
  }
}

const ALL_PAGES: PageRange = { start: 0, end: Number.POSITIVE_INFINITY };

/** How the keys and values of layers lie in a pool. */
export function pageArraysOf(config: DecoderConfig, range: LayerRange, type: CacheType): PageArrays {
  const { key_value_heads: heads, head_size: headSize } = config.shape;
  const layers = Array.from(
    { length: range.layer_end - range.layer_start + 1 },
    (_, index) => range.layer_start + index,
  );
  return {
    names: [...layers.map(pastKeyName), ...layers.map(pastValueName)],
    resultNames: [...layers.map(presentKeyName), ...layers.map(presentValueName)],
    type,
    heads,
    headSize,
  };
}

/** Keys and values of one sequence on one shard. Only the first `length` positions count; what lies behind is ignored and overwritten. */
export class KeyValueCache {
  readonly #pool: KeyValuePool;
  #pages: PageRange = { start: 0, end: 0 };
  #length = 0;
  #isDisposed = false;

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
    // Nobody would give these pages back.
    if (this.#isDisposed) throw new Error('a cache that was let go of takes no pages');
    const pages = Math.ceil(positions / PAGE_POSITIONS);
    if (pages > this.#pages.end - this.#pages.start) this.#pages = this.#pool.reserve(this, pages);
  }

  /** Adds new keys and values as the run that just ended gave them, of a prompt (one row) or of each row of a pass. */
  append(newKeyValues: CacheNumbers, positions: number, { rows = 1, row = 0 } = {}): void {
    const place = this.#pages.start * PAGE_POSITIONS + this.#length;
    this.#pool.write(newKeyValues, rows, row, positions, place);
    this.#length += positions;
  }

  /** Adds what `copy` gave. */
  restore(keyValues: CacheNumbers, positions: number): void {
    this.#pool.restore(keyValues, positions, this.#pages.start * PAGE_POSITIONS + this.#length);
    this.#length += positions;
  }

  /** A copy of the keys and values of positions it holds, as `restore` takes them. */
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
    this.#isDisposed = true;
    if (this.#pages.end > this.#pages.start) this.#pool.release(this.#pages);
    this.#pages = { start: 0, end: 0 };
    this.#length = 0;
  }

  /** For the pool, which put the pages elsewhere. */
  moveTo(pages: PageRange): void {
    this.#pages = pages;
  }
}
