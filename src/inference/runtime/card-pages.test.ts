import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REFERENCE_CONFIG } from '../benchmark/reference-model';
import { SHARD_VALUES } from '../shards/shard-values';
import { layers } from '../testdata/tore-tiny';
import { CardPages } from './card-pages';
import { KeyValuePool, pageArraysOf, type KeyValueCache } from './key-value-pool';
import type { OnnxRuntime, OnnxTensor } from './onnx-runtime';
import type { PageTensors } from './page-store';
import { CardInputs } from './pass-inputs';

const HEADS = 2;
const SIZE = 2;
const CONFIG = {
  ...REFERENCE_CONFIG,
  shape: { ...REFERENCE_CONFIG.shape, layers: 1, key_value_heads: HEADS, attention_heads: HEADS, head_size: SIZE },
};
const RANGE = layers(0, 0);
const LAYOUT = pageArraysOf(CONFIG, RANGE, 'float32');
const DEVICE = { provider: 'webgpu' };

class TensorOnCard implements OnnxTensor {
  readonly data: Float32Array;
  isGone = false;

  constructor(data: Float32Array) {
    this.data = data;
  }

  dispose(): void {
    if (this.isGone) throw new Error('the memory was given back before');
    this.isGone = true;
  }
}

/** Onnxruntime with a card that takes copies; counts them. */
function createCard() {
  const sent: TensorOnCard[] = [];
  let fails = false;
  const runtime: OnnxRuntime = {
    listSupportedBackends: () => [],
    createSession: async () => ({
      run: async (inputs) => {
        if (fails) throw new Error('out of memory');
        const data = Object.values(inputs)[0]?.data;
        if (!(data instanceof Float32Array)) throw new Error('no floats');
        const tensor = new TensorOnCard(data.slice());
        sent.push(tensor);
        return { on_card: tensor };
      },
      release: async () => undefined,
    }),
    createTensor: (_, data) => ({ data }),
  };
  const held = (): number => sent.filter(({ isGone }) => !isGone).length;
  return { runtime, sent, held, fail: (now: boolean) => void (fails = now) };
}

async function createPool(runtime: OnnxRuntime) {
  const store = await CardPages.open(runtime, LAYOUT, DEVICE);
  return { store, pool: new KeyValuePool(LAYOUT, store), inputs: new CardInputs(runtime, CONFIG, RANGE) };
}

type Card = Awaited<ReturnType<typeof createPool>>;

/** What a position of a sequence holds, in keys (0) or values (1). */
const numberOf = (seed: number, part: number, position: number, head: number): number =>
  seed * 1e5 + position * 10 + part * 4 + head * 2;

/** A run of the graph: writes new positions of sequences where its inputs say, then the pool takes them. */
async function run(
  { pool, inputs }: Card,
  members: readonly { readonly cache: KeyValueCache; readonly seed: number }[],
  count: number,
  check: (pages: PageTensors, first: number) => void,
  isTaken = true,
): Promise<void> {
  for (const { cache } of members) cache.reserve(cache.length + count);
  const caches = members.map(({ cache }) => cache);
  const [only] = caches;
  if (only === undefined) throw new Error('a run needs a sequence');
  const isBatch = caches.length > 1;
  const range = isBatch
    ? pool.gather(caches)
    : { start: only.pages.start, end: only.pages.start + Math.ceil((only.length + count) / 64) };
  const pass = isBatch
    ? ({ mode: 'batch', caches, emptyRows: 1 } as const)
    : ({ mode: 'prompt', cache: only, positions: count } as const);
  const cells = inputs.build(pass, range)[SHARD_VALUES.newCells]?.data as BigInt64Array;
  const rows = members.flatMap(({ cache, seed }) =>
    Array.from({ length: count }, (_, behind) => ({ seed, position: cache.length + behind })),
  );
  await pool.use(range, async (pages) => {
    check(pages, range.start);
    for (const [part, name] of LAYOUT.names.entries()) {
      const tensor = pages.inputs[name];
      expect(pages.results?.[LAYOUT.resultNames[part] ?? '']).toBe(tensor);
      const data = tensor?.data as Float32Array;
      for (let cell = 0; cell < cells.length / 3; cell++) {
        const [page = 0n, head = 0n, place = 0n] = cells.subarray(cell * 3, cell * 3 + 3);
        const { seed, position } = rows[Math.floor(cell / HEADS)] ?? { seed: 0, position: 0 };
        const at = ((Number(page) * HEADS + Number(head)) * 64 + Number(place)) * SIZE;
        data.fill(numberOf(seed, part, position, Number(head)), at, at + SIZE);
      }
    }
  });
  if (!isTaken) return;
  for (const [row, { cache, seed }] of members.entries()) {
    for (let behind = 0; behind < count; behind++) {
      const numbers = [0, 1].flatMap((part) =>
        rows.flatMap((one) =>
          Array.from({ length: HEADS }, (_, head) =>
            Array<number>(SIZE).fill(numberOf(one.seed, part, one.position, head)),
          ).flat(),
        ),
      );
      expect(rows[row * count + behind]?.seed).toBe(seed);
      cache.append(Float32Array.from(numbers), 1, { rows: rows.length, row: row * count + behind });
    }
  }
}

/** That the card holds what each sequence wrote. */
function expectContents(members: readonly { readonly cache: KeyValueCache; readonly seed: number }[]) {
  return (pages: PageTensors, first: number): void => {
    for (const { cache, seed } of members) {
      for (const [part, name] of LAYOUT.names.entries()) {
        const tensor = pages.inputs[name];
        expect(tensor instanceof TensorOnCard && !tensor.isGone).toBe(true);
        const data = tensor?.data as Float32Array;
        for (let position = 0; position < cache.length; position++) {
          const page = cache.pages.start - first + Math.floor(position / 64);
          for (let head = 0; head < HEADS; head++) {
            const at = ((page * HEADS + head) * 64 + (position % 64)) * SIZE;
            if (data[at] !== numberOf(seed, part, position, head)) throw new Error(`${name} differs at ${position}`);
          }
        }
      }
    }
  };
}

const unchecked = (): void => undefined;

describe('CardPages', () => {
  it('sends pages once, however many runs write into them', async () => {
    const card = createCard();
    const made = await createPool(card.runtime);
    const cache = made.pool.createCache();
    for (let step = 0; step < 64; step++)
      await run(made, [{ cache, seed: 1 }], 1, expectContents([{ cache, seed: 1 }]));
    expect(card.sent).toHaveLength(2);
    await run(made, [{ cache, seed: 1 }], 1, expectContents([{ cache, seed: 1 }]));
    // Another page: the whole range goes anew, and the old one is given back.
    expect(card.sent).toHaveLength(4);
    expect(card.held()).toBe(2);
    cache.dispose();
    expect(card.held()).toBe(0);
  });

  it('gives memory back only when the run that uses it is over', async () => {
    const card = createCard();
    const { pool } = await createPool(card.runtime);
    const cache = pool.createCache();
    cache.reserve(1);
    await pool.use(cache.pages, async () => {
      cache.dispose();
      expect(card.held()).toBe(2);
    });
    expect(card.held()).toBe(0);
  });

  it('sends pages again when a run or sending them failed, and when its results were thrown away', async () => {
    const card = createCard();
    const { pool, store } = await createPool(card.runtime);
    const cache = pool.createCache();
    cache.reserve(1);
    const { pages } = cache;
    const use = (): Promise<void> => pool.use(pages, async () => undefined);
    await expect(pool.use(pages, () => Promise.reject(new Error('device lost')))).rejects.toThrow('device lost');
    expect(card.held()).toBe(0);
    card.fail(true);
    await expect(use()).rejects.toThrow('out of memory');
    card.fail(false);
    await use();
    await use();
    expect(card.sent).toHaveLength(4);
    pool.discard(pages);
    await use();
    expect(card.sent).toHaveLength(6);
    await store.release();
    expect(card.held()).toBe(0);
  });

  it('sends what grew into a place where something else was on the card', async () => {
    const made = await createPool(createCard().runtime);
    const [growing, between, before] = [0, 1, 2].map((seed) => ({ seed, cache: made.pool.createCache() }));
    if (growing === undefined || between === undefined || before === undefined) throw new Error('there are three');
    await run(made, [growing], 10, unchecked);
    await run(made, [between], 10, unchecked);
    await run(made, [before], 100, unchecked);
    before.cache.dispose();
    await expect(run(made, [growing], 90, expectContents([growing]))).resolves.toBeUndefined();
  });

  it('sends what was put in another order', async () => {
    const made = await createPool(createCard().runtime);
    const members = Array.from({ length: 9 }, (_, seed) => ({ seed, cache: made.pool.createCache() }));
    for (const one of members) await run(made, [one], 70, unchecked);
    const apart = [...members.slice(-1), ...members.slice(0, 1)];
    await expect(run(made, apart, 1, expectContents(apart))).resolves.toBeUndefined();
    for (const one of members) await run(made, [one], 1, expectContents([one]));
  });

  it('never shows a run anything but what its sequences wrote, whatever comes and goes', async () => {
    const step = fc.record({
      sequence: fc.nat({ max: 4 }),
      action: fc.constantFrom('append', 'append', 'together', 'together', 'rewind', 'close', 'restore'),
      size: fc.integer({ min: 1, max: 150 }),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const card = createCard();
      const made = await createPool(card.runtime);
      const open = new Map<number, KeyValueCache>();
      const member = (seed: number) => ({ seed, cache: open.get(seed) ?? made.pool.createCache() });
      for (const { sequence, action, size } of steps) {
        const one = member(sequence);
        open.set(sequence, one.cache);
        if (action === 'append') await run(made, [one], size, expectContents([one]));
        else if (action === 'together') {
          const members = [...open.keys()].slice(0, 3).map(member);
          await run(made, members, 1, members.length > 1 ? expectContents(members) : unchecked);
        } else if (action === 'rewind') one.cache.rewind(Math.max(0, one.cache.length - size));
        else if (action === 'restore' && one.cache.length > 0) {
          const count = Math.min(size, one.cache.length);
          const kept = one.cache.copy(one.cache.length - count, count);
          one.cache.rewind(one.cache.length - count);
          // A pass that was cancelled leaves its numbers on the card.
          await run(made, [{ ...one, seed: 99 }], count, unchecked, false);
          one.cache.restore(kept, count);
        } else if (action === 'close') {
          one.cache.dispose();
          open.delete(sequence);
        }
      }
      for (const seed of open.keys()) {
        const one = member(seed);
        await run(made, [one], 1, expectContents([one]));
      }
      for (const cache of open.values()) cache.dispose();
      expect(card.held()).toBe(0);
    });
    await expect(fc.assert(property, { numRuns: 40 })).resolves.toBeUndefined();
  });
});
