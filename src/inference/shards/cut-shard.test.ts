import { createHash } from 'node:crypto';
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readModelFolder, type ModelFolder } from '../models/model-folder';
import { codeOf, expectValue, layers, TORE_TINY } from '../testdata/tore-tiny';
import { cutShard, shardKeyOf } from './cut-shard';
import type { GraphForm } from './graph-form';
import { nodeShardFileSystem, type ShardFileSystem } from './shard-files';
import { layoutWeights } from './weight-layout';

let model: ModelFolder;
let directory = '';
const SHARD_FILES = ['shard.json', 'shard.onnx', 'shard.onnx.data'];

beforeAll(async () => {
  model = expectValue(await readModelFolder(TORE_TINY));
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tore-cut-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** A disk that behaves until it has taken `bytes`, then throws what a real one throws. */
function failingDisk(code: string, bytes: number): ShardFileSystem {
  let left = bytes;
  return {
    ...nodeShardFileSystem,
    async create(path) {
      const file = await nodeShardFileSystem.create(path);
      return {
        ...file,
        async write(block, position) {
          left -= block.length;
          if (left < 0) throw Object.assign(new Error(`${code}: write`), { code });
          await file.write(block, position);
        },
      };
    },
  };
}

describe('cutShard', () => {
  it('writes graph, weights and seal, and finds them again', async () => {
    const cut = expectValue(await cutShard(model, layers(2, 4), directory));
    expect(cut.reused).toBe(false);
    expect(cut.shardKey).toBe(shardKeyOf(model.manifestHash, layers(2, 4)));
    expect(await readdir(directory)).toEqual([cut.shardKey]);
    expect((await readdir(join(directory, cut.shardKey))).sort()).toEqual(SHARD_FILES);
    expect((await stat(`${cut.graphPath}.data`)).size).toBe(cut.weightBytes);
    expect(expectValue(await cutShard(model, layers(2, 4), directory))).toEqual({ ...cut, reused: true });
  });

  it('writes each weight page-aligned with the values of the model', async () => {
    const range = layers(3, 3);
    const cut = expectValue(await cutShard(model, range, directory));
    const data = await readFile(`${cut.graphPath}.data`);
    const layout = layoutWeights(model.config, range);
    expect(layout.weights.every(({ offsetBytes }) => offsetBytes % 4_096 === 0)).toBe(true);
    const fused = layout.weights.find(({ name }) => name === 'layer_3_query_key_value');
    if (fused === undefined) throw new Error('the fused matrix is missing');
    expect(fused.dimensions).toEqual([256, 128]);
    const expected: number[] = [];
    for (const part of ['q', 'k', 'v']) {
      const stream = model.weights.stream(`model.layers.3.self_attn.${part}_proj.weight`);
      for await (const block of stream) for (const value of block) expected.push(value);
    }
    const written = data.subarray(fused.offsetBytes, fused.offsetBytes + fused.sizeBytes);
    expect(Buffer.compare(written, Buffer.from(Float32Array.from(expected).buffer))).toBe(0);
  });

  it('keeps one copy of a tied embedding where a shard holds both ends', () => {
    const names = (first: number, last: number): string[] =>
      layoutWeights(model.config, layers(first, last)).weights.map(({ name }) => name);
    expect(names(0, 7)).toContain('embedding');
    expect(names(0, 7)).not.toContain('head');
    expect(names(0, 6)).not.toContain('head');
    expect(names(1, 7)).toContain('head');
    expect(names(1, 7)).not.toContain('embedding');
  });

  it('gives every range, manifest and version a key of its own', () => {
    const keys = [shardKeyOf('a', layers(0, 1)), shardKeyOf('a', layers(0, 11)), shardKeyOf('b', layers(0, 1))];
    expect(new Set(keys).size).toBe(3);
  });

  it('cuts again what is incomplete', async () => {
    const cut = expectValue(await cutShard(model, layers(1, 1), directory));
    await truncate(`${cut.graphPath}.data`, 10);
    expect(expectValue(await cutShard(model, layers(1, 1), directory)).reused).toBe(false);
    expect((await stat(`${cut.graphPath}.data`)).size).toBe(cut.weightBytes);
  });

  it('writes the graph for a card beside the plain one, once, with operators that run there alone', async () => {
    const form: GraphForm = { cacheType: 'float32', isOnCard: true };
    const plain = expectValue(await cutShard(model, layers(0, 7), directory));
    const card = expectValue(await cutShard(model, layers(0, 7), directory, { form }));
    expect(card).toEqual({
      ...plain,
      graphPath: join(directory, plain.shardKey, 'shard-card-float32.onnx'),
      reused: true,
    });
    const written = await stat(card.graphPath);
    expectValue(await cutShard(model, layers(0, 7), directory, { form }));
    expect((await stat(card.graphPath)).mtimeMs).toBe(written.mtimeMs);
    const operators = ['FusedMatMul', 'GroupQueryAttention'];
    const contained = async (path: string): Promise<boolean[]> => {
      const graph = await readFile(path);
      return operators.map((name) => graph.includes(name));
    };
    expect(await contained(plain.graphPath)).toEqual([true, true]);
    expect(await contained(card.graphPath)).toEqual([false, false]);
    await truncate(card.graphPath, 100);
    expectValue(await cutShard(model, layers(0, 7), directory, { form }));
    expect((await stat(card.graphPath)).size).toBe(written.size);
  });

  it('leaves the plain shard whole when another graph cannot be written', async () => {
    const plain = expectValue(await cutShard(model, layers(0, 0), directory));
    const options = { form: { cacheType: 'float32', isOnCard: true }, fileSystem: failingDisk('ENOSPC', 100) } as const;
    expect(codeOf(await cutShard(model, layers(0, 0), directory, options))).toBe('disk-full');
    expect((await readdir(join(directory, plain.shardKey))).sort()).toEqual(SHARD_FILES);
    expect(expectValue(await cutShard(model, layers(0, 0), directory)).reused).toBe(true);
  });

  it.each([
    ['ENOSPC', 'disk-full'],
    ['EDQUOT', 'disk-full'],
    ['EACCES', 'disk-denied'],
    ['EROFS', 'disk-denied'],
    ['EIO', 'disk-failed'],
  ])('leaves nothing behind when writing fails with %s', async (system, code) => {
    const fileSystem = failingDisk(system, 500_000);
    const result = await cutShard(model, layers(0, 7), directory, { fileSystem });
    expect(codeOf(result)).toBe(code);
    expect(!result.ok && result.error.message).toContain(directory);
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves an earlier shard alone when a later one fails', async () => {
    const kept = expectValue(await cutShard(model, layers(0, 0), directory));
    const fileSystem = failingDisk('ENOSPC', 500_000);
    expect(codeOf(await cutShard(model, layers(1, 7), directory, { fileSystem }))).toBe('disk-full');
    expect(await readdir(directory)).toEqual([kept.shardKey]);
  });

  it('asks for the room before it begins, with numbers', async () => {
    const fileSystem = { ...nodeShardFileSystem, freeBytes: () => Promise.resolve(1 << 20) };
    const result = await cutShard(model, layers(0, 7), directory, { fileSystem });
    expect(codeOf(result)).toBe('disk-full');
    expect(!result.ok && result.error.message).toMatch(/needs 6\.\d MiB .* has 1\.0 MiB free/);
    expect(await readdir(directory)).toEqual([]);
  });

  it.runIf(process.platform !== 'win32' && process.getuid?.() !== 0)(
    'explains a folder it may not write to',
    async () => {
      await chmod(directory, 0o500);
      expect(codeOf(await cutShard(model, layers(0, 0), directory))).toBe('disk-denied');
      await chmod(directory, 0o700);
    },
  );

  it('stops on an abort and leaves nothing behind', async () => {
    const controller = new AbortController();
    const onProgress = (fraction: number): void => {
      if (fraction > 0.3) controller.abort();
    };
    const result = await cutShard(model, layers(0, 7), directory, { signal: controller.signal, onProgress });
    expect(codeOf(result)).toBe('cancelled');
    expect(await readdir(directory)).toEqual([]);
  });

  it('closes the model file when the disk fails halfway through it', async () => {
    let open = 0;
    const weights = {
      ...model.weights,
      async *stream(name: string) {
        open++;
        try {
          yield* model.weights.stream(name);
        } finally {
          open--;
        }
      },
    };
    const fileSystem = failingDisk('ENOSPC', 500_000);
    expect(codeOf(await cutShard({ ...model, weights }, layers(0, 7), directory, { fileSystem }))).toBe('disk-full');
    expect(open).toBe(0);
  });

  it('reports a model file that vanishes as such', async () => {
    const weights = {
      ...model.weights,
      stream: () => {
        throw new Error('the file ended early');
      },
    };
    const result = await cutShard({ ...model, weights }, layers(0, 0), directory);
    expect(codeOf(result)).toBe('weights-invalid');
    expect(await readdir(directory)).toEqual([]);
  });

  it('removes what processes left that are gone, and not what running ones write', async () => {
    // Process ids end far below this on every system.
    const abandoned = `0123.partial-${2 ** 30}-00000000`;
    const running = `4567.partial-${process.ppid}-00000000`;
    for (const name of [abandoned, running]) await mkdir(join(directory, name));
    const cut = expectValue(await cutShard(model, layers(0, 0), directory));
    expect((await readdir(directory)).sort()).toEqual([cut.shardKey, running].sort());
  });

  it('removes what processes left whose numbers others have now, and not what is still written', async () => {
    const earlier = `0123.partial-${process.pid}-00000000`;
    const [untouched, written] = [`4567.partial-${process.ppid}-00000000`, `89ab.partial-${process.ppid}-00000000`];
    for (const name of [earlier, untouched, written]) await mkdir(join(directory, name));
    await writeFile(join(directory, written, 'shard.onnx.data'), 'weights');
    const yesterday = new Date(Date.now() - 86_400_000);
    for (const name of [untouched, written]) await utimes(join(directory, name), yesterday, yesterday);
    const cut = expectValue(await cutShard(model, layers(0, 0), directory));
    expect((await readdir(directory)).sort()).toEqual([cut.shardKey, written].sort());
  });

  describe.each(['fp32', 'int4'] as const)('a %s cut whose process ended', (precision) => {
    /** Cuts on a disk that fails after `bytes` and cannot remove anything: what an ended process leaves. */
    async function interrupt(bytes: number): Promise<string> {
      const broken = failingDisk('EIO', bytes);
      const remove = async (path: string): Promise<void> => {
        if (path.endsWith('progress.json')) await nodeShardFileSystem.remove(path);
      };
      const fileSystem = { ...broken, remove };
      const options = { fileSystem, precision, checkpointBytes: 1 };
      expect(codeOf(await cutShard(model, layers(0, 7), directory, options))).toBe('disk-failed');
      const [left = ''] = await readdir(directory);
      const abandoned = join(directory, left.replace(`-${process.pid}-`, `-${2 ** 30}-`));
      await rename(join(directory, left), abandoned);
      return abandoned;
    }

    async function cutAgain(): Promise<{ hash: string; streamed: string[] }> {
      const streamed: string[] = [];
      const weights = {
        ...model.weights,
        stream(name: string) {
          streamed.push(name);
          return model.weights.stream(name);
        },
      };
      const cut = expectValue(await cutShard({ ...model, weights }, layers(0, 7), directory, { precision }));
      expect(await readdir(directory)).toEqual([cut.shardKey]);
      expect((await readdir(join(directory, cut.shardKey))).sort()).toEqual(SHARD_FILES);
      const hash = createHash('sha256').update(await readFile(`${cut.graphPath}.data`));
      hash.update(await readFile(cut.graphPath));
      await rm(join(directory, cut.shardKey), { recursive: true });
      return { hash: hash.digest('hex'), streamed };
    }

    it('goes on where it ended', async () => {
      const whole = await cutAgain();
      await interrupt(precision === 'fp32' ? 3_000_000 : 500_000);
      const resumed = await cutAgain();
      expect(resumed.hash).toBe(whole.hash);
      expect(resumed.streamed.length).toBeGreaterThan(0);
      expect(resumed.streamed.length).toBeLessThan(whole.streamed.length);
      expect(resumed.streamed).toEqual(whole.streamed.slice(-resumed.streamed.length));
    });

    it.each(['', '{', '{"finished_weights":-1}', '{"finished_weights":100000}', '[]'])(
      'begins anew where its note says %j',
      async (note) => {
        const whole = await cutAgain();
        const abandoned = await interrupt(500_000);
        await writeFile(join(abandoned, 'progress.json'), note);
        expect(await cutAgain()).toEqual(whole);
      },
    );

    it('begins anew where its data are shorter than its note', async () => {
      const whole = await cutAgain();
      await truncate(join(await interrupt(500_000), 'shard.onnx.data'), 5_000);
      expect(await cutAgain()).toEqual(whole);
    });
  });

  it('lets two cut the same shard at once', async () => {
    const cuts = await Promise.all([1, 2, 3].map(() => cutShard(model, layers(0, 7), directory)));
    const keys = new Set(cuts.map((cut) => expectValue(cut).shardKey));
    expect(await readdir(directory)).toEqual([...keys]);
    expect(expectValue(await cutShard(model, layers(0, 7), directory)).reused).toBe(true);
  });

  it('refuses a range outside the model', async () => {
    expect(codeOf(await cutShard(model, layers(7, 8), directory))).toBe('range-invalid');
    expect(await readdir(directory)).toEqual([]);
  });
});
