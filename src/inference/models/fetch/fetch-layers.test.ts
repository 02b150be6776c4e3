import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cutShard } from '../../shards/cut-shard';
import { codeOf, expectValue, layers, TORE_TINY } from '../../testdata/tore-tiny';
import { asFloats, ggufMetadata, ggufTensors } from '../../testdata/gguf-models';
import { encodeGguf } from '../../testdata/gguf-writer';
import { randomTensors } from '../../testdata/random-checkpoint';
import { parseModelConfig } from '../config';
import { expectedTensors } from '../decoder-tensors';
import { readModelFolder, type ModelFolder } from '../model-folder';
import { fetchLayers, type FetchLayersRequest } from './fetch-layers';
import { isSafePath, type ModelSource } from './http-ranges';

const INDEX = 'tore-weights.json';

/** A server of one model's files, written apart from the code under test. It can be made to misbehave. */
class FileServer {
  sentBytes = 0;
  readonly ranges: string[] = [];
  /** Changes what is sent of a file. */
  spoil: (path: string, bytes: Buffer) => Buffer = (_path, bytes) => bytes;
  /** Cuts the connection after so many bytes in all; null: never. */
  cutAfter: number | null = null;
  honoursRanges = true;
  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(model: ModelFolder): Promise<FileServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const files = new FileServer(`http://127.0.0.1:${port}/models/tiny`, server);
    server.on('request', async (request: IncomingMessage, response) => {
      const path = decodeURIComponent((request.url ?? '').replace('/models/tiny/', ''));
      let bytes: Buffer;
      try {
        bytes =
          path === INDEX ? Buffer.from(JSON.stringify(model.weightIndex)) : await readFile(join(model.folder, path));
      } catch {
        response.writeHead(404).end();
        return;
      }
      bytes = files.spoil(path, bytes);
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
      if (range !== null) files.ranges.push(`${path} ${range[1]}`);
      if (range !== null && files.honoursRanges) {
        const first = Number(range[1]);
        const last = range[2] === '' ? bytes.length - 1 : Number(range[2]);
        response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
        bytes = bytes.subarray(first, last + 1);
      } else response.writeHead(200);
      const allowed = files.cutAfter === null ? bytes.length : Math.max(0, files.cutAfter - files.sentBytes);
      const sent = bytes.subarray(0, allowed);
      files.sentBytes += sent.length;
      if (sent.length === bytes.length) response.end(sent);
      else response.write(sent, () => response.destroy());
    });
    return files;
  }

  get source(): ModelSource {
    return { baseUrl: this.url };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let whole: ModelFolder;
let folder: string;
let server: FileServer;

beforeAll(async () => {
  whole = expectValue(await readModelFolder(TORE_TINY));
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-fetch-'));
  server = await FileServer.start(whole);
});
afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function request(changes: Partial<FetchLayersRequest> = {}): FetchLayersRequest {
  const copy = join(folder, 'copy');
  return { manifest: whole.manifest, sources: [server.source], range: layers(2, 3), folder: copy, ...changes };
}

/** SHA-256 of a shard cut from a model. */
async function shardHash(model: ModelFolder, range = layers(2, 3)): Promise<string> {
  const cut = expectValue(await cutShard(model, range, await mkdtemp(join(folder, 'shards-'))));
  const bytes = await readFile(join(dirname(cut.graphPath), 'shard.onnx.data'));
  return createHash('sha256').update(bytes).digest('hex');
}

describe('fetching the layers of a range', () => {
  it('brings what cutting them needs, and a shard equal to one cut from the whole model', async () => {
    const fractions: number[] = [];
    const model = expectValue(await fetchLayers(request(), { onProgress: (fraction) => fractions.push(fraction) }));
    expect(model.manifestHash).toBe(whole.manifestHash);
    expect(await shardHash(model)).toEqual(await shardHash(whole));
    const weights = (await stat(join(TORE_TINY, 'model.safetensors'))).size;
    const held = (await stat(join(folder, 'copy', 'model.safetensors.part'))).size;
    expect(held).toBeLessThan(weights / 3);
    expect(fractions.at(-1)).toBe(1);
  });

  it('adds layers to what is there, and fetches nothing twice', async () => {
    expectValue(await fetchLayers(request({ range: layers(0, 1) })));
    const before = server.sentBytes;
    expectValue(await fetchLayers(request({ range: layers(0, 1) })));
    expect(server.sentBytes).toBe(before);
    const model = expectValue(await fetchLayers(request({ range: layers(0, 7) })));
    expect(await shardHash(model, layers(0, 7))).toEqual(await shardHash(whole, layers(0, 7)));
  });

  it('goes on in the middle of a tensor where a connection was cut', async () => {
    server.cutAfter = 400_000;
    const cut = await fetchLayers(request());
    expect(codeOf(cut)).toBe('source-failed');
    server.cutAfter = null;
    server.ranges.length = 0;
    const before = server.sentBytes;
    const model = expectValue(await fetchLayers(request()));
    expect(await shardHash(model)).toEqual(await shardHash(whole));
    const starts = new Set(whole.weightIndex?.tensors.map((tensor) => tensor.offset_bytes));
    const [resumed = ''] = server.ranges;
    expect(starts.has(Number(resumed.split(' ')[1]))).toBe(false);
    const { size } = await stat(join(folder, 'copy', 'model.safetensors.part'));
    expect(server.sentBytes - before).toBeLessThan(size - 300_000);
  });

  it('takes the next source where one sends other bytes or does not answer', async () => {
    const liar = await FileServer.start(whole);
    liar.spoil = (path, bytes) => (path.endsWith('.safetensors') ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes);
    const nobody = { baseUrl: 'http://127.0.0.1:9/models' };
    const model = expectValue(await fetchLayers(request({ sources: [nobody, liar.source, server.source] })));
    await liar.stop();
    expect(await shardHash(model)).toEqual(await shardHash(whole));
  });

  it('reads a source that knows no ranges', async () => {
    server.honoursRanges = false;
    const model = expectValue(await fetchLayers(request({ range: layers(7, 7) })));
    expect(await shardHash(model, layers(7, 7))).toEqual(await shardHash(whole, layers(7, 7)));
  });

  it('stops when asked to, and keeps what it has', async () => {
    const controller = new AbortController();
    const onProgress = (fraction: number): void => {
      if (fraction > 0.5) controller.abort();
    };
    expect(codeOf(await fetchLayers(request(), { signal: controller.signal, onProgress }))).toBe('cancelled');
    const before = server.sentBytes;
    expectValue(await fetchLayers(request()));
    expect(server.sentBytes - before).toBeLessThan(before);
  });
});

it('brings the layers of a GGUF file with what its header and its rotary factors say', async () => {
  const config = expectValue(
    parseModelConfig({
      architectures: ['LlamaForCausalLM'],
      vocab_size: 96,
      hidden_size: 64,
      intermediate_size: 96,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      rms_norm_eps: 1e-5,
      max_position_embeddings: 128,
    }),
  );
  const written = ggufTensors(config, randomTensors(config, 3), expectedTensors(config), asFloats);
  written.push({ name: 'rope_freqs.weight', dimensions: [8], ...asFloats(new Float32Array(8).fill(2)) });
  const tokenizer = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.tokens': ['a', 'b'],
    'tokenizer.ggml.eos_token_id': 1,
  };
  await mkdir(join(folder, 'gguf'));
  const file = join(folder, 'gguf', 'tiny.gguf');
  await writeFile(file, encodeGguf({ ...ggufMetadata('llama', config), ...tokenizer }, written));
  const model = expectValue(await readModelFolder(file));
  const files = await FileServer.start(model);
  const copy = join(folder, 'gguf-copy');
  const fetched = expectValue(
    await fetchLayers({ manifest: model.manifest, sources: [files.source], range: layers(1, 2), folder: copy }),
  );
  await files.stop();
  expect(fetched.manifestHash).toBe(model.manifestHash);
  expect(fetched.config).toEqual(model.config);
  expect(await shardHash(fetched, layers(1, 2))).toBe(await shardHash(model, layers(1, 2)));
  expect((await stat(join(copy, 'tiny.gguf.part'))).size).toBeLessThan((await stat(file)).size * 0.6);
});

describe('what is refused', () => {
  it('refuses bytes that are not the manifest’s, and says which', async () => {
    server.spoil = (path, bytes) =>
      path === 'model.safetensors'
        ? Buffer.from(bytes.map((byte, index) => (index > 100_000 ? byte ^ 1 : byte)))
        : bytes;
    const result = await fetchLayers(request());
    expect(result).toMatchObject({ ok: false, error: { code: 'weights-invalid' } });
    expect(!result.ok && result.error.message).toContain('model.safetensors');
  });

  it.each(['config.json', 'tokenizer.json'])('refuses another %s', async (name) => {
    server.spoil = (path, bytes) => (path === name ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes);
    expect(codeOf(await fetchLayers(request()))).toBe('weights-invalid');
  });

  it('refuses an index that is not the manifest’s', async () => {
    server.spoil = (path, bytes) =>
      path === INDEX ? Buffer.from(bytes.toString('utf8').replace('"offset_bytes":', '"offset_bytes":1')) : bytes;
    expect(codeOf(await fetchLayers(request()))).toBe('weights-invalid');
  });

  it('refuses a manifest without an index', async () => {
    const { weights_sha256: _absent, ...manifest } = whole.manifest;
    expect(codeOf(await fetchLayers(request({ manifest })))).toBe('model-unsupported');
  });

  it('refuses a manifest that names a file elsewhere', async () => {
    const files = [...whole.manifest.files, { path: '../../outside', size_bytes: 1, sha256: 'a'.repeat(64) }];
    expect(codeOf(await fetchLayers(request({ manifest: { ...whole.manifest, files } })))).toBe('model-invalid');
    expect(server.sentBytes).toBe(0);
  });

  it('fetches nothing of a model whose small files alone would fill a disk', async () => {
    const added = Array.from({ length: 6 }, (_, index) => ({
      path: `part-${index}.json`,
      size_bytes: 200_000_000,
      sha256: 'ab'.repeat(32),
    }));
    const files = [...whole.manifest.files, ...added];
    expect(codeOf(await fetchLayers(request({ manifest: { ...whole.manifest, files } })))).toBe('model-invalid');
    expect(server.ranges.filter((range) => !range.startsWith(INDEX))).toEqual([]);
  });

  it('refuses layers the model does not have', async () => {
    expect(codeOf(await fetchLayers(request({ range: layers(6, 9) })))).toBe('range-invalid');
  });

  it('says that no source answered', async () => {
    const result = await fetchLayers(request({ sources: [{ baseUrl: 'http://127.0.0.1:9/' }] }));
    expect(result).toMatchObject({ ok: false, error: { code: 'source-failed' } });
  });

  it('does not cut layers that were not fetched', async () => {
    const model = expectValue(await fetchLayers(request()));
    const cut = await cutShard(model, layers(4, 4), join(folder, 'shards'));
    expect(cut).toMatchObject({ ok: false, error: { code: 'weights-invalid' } });
  });
});

describe('paths of a manifest', () => {
  it.each(['model.safetensors', 'onnx/model-00001-of-00002.safetensors', 'a b.json'])('takes %s', (path) => {
    expect(isSafePath(path)).toBe(true);
  });
  it.each(['', '/etc/passwd', '..', 'a/../b', 'a//b', 'C:x', 'a\\b', 'con./x', 'a\u0000b', 'x/.', 'x '])(
    'refuses "%s"',
    (path) => {
      expect(isSafePath(path)).toBe(false);
    },
  );
});
