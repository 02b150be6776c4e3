import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HubServer } from '../../testdata/hub-server';
import { codeOf, expectValue, layers, TORE_TINY } from '../../testdata/tore-tiny';
import { readModelFolder } from '../model-folder';
import { fetchLayers } from './fetch-layers';
import { describeHubModel, hubSource, type HubRequest } from './hub-listing';
import { importHubModel } from './import-hub';

const REPOSITORY = 'tore/tiny';
let files: Map<string, Buffer>;
let folder: string;
let hub: HubServer;

beforeAll(async () => {
  files = new Map([
    ['README.md', Buffer.from('# Tiny')],
    ['onnx/model.onnx', Buffer.from('not for us')],
  ]);
  for (const entry of await readdir(TORE_TINY, { withFileTypes: true })) {
    if (entry.isFile()) files.set(entry.name, await readFile(join(TORE_TINY, entry.name)));
  }
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-hub-'));
  hub = await HubServer.start(REPOSITORY, files);
});
afterEach(async () => {
  await hub.stop();
  await rm(folder, { recursive: true, force: true });
});

function request(changes: Partial<HubRequest> = {}) {
  return { endpoint: hub.url, repository: REPOSITORY, folder: join(folder, 'model'), ...changes };
}

describe('what a hub says of a model', () => {
  it('names the exact version, the licence, and the files an import fetches with their sizes', async () => {
    const model = expectValue(await describeHubModel(request()));
    expect(model).toMatchObject({ commit: hub.commit, licence: 'apache-2.0', isGated: false });
    const names = model.files.map(({ path }) => path);
    expect(names).toContain('model.safetensors');
    expect(names).not.toContain('README.md');
    const expected = names.reduce((sum, name) => sum + (files.get(name)?.length ?? 0), 0);
    expect(model.totalBytes).toBe(expected);
    expect(hub.sentBytes).toBe(0);
  });

  it('lists GGUF files to choose from', async () => {
    hub.edit = (listing) => ({
      ...listing,
      gated: 'auto',
      cardData: null,
      siblings: ['a-Q4_0.gguf', 'a-Q8_0.gguf', 'big-00001-of-00002.gguf'].map((rfilename) => ({
        rfilename,
        lfs: { sha256: 'a'.repeat(64), size: 7, pointerSize: 1 },
      })),
    });
    const model = expectValue(await describeHubModel(request()));
    expect(model).toMatchObject({ files: [], isGated: true, licence: 'apache-2.0' });
    expect(model.choices).toEqual([
      { file: 'a-Q4_0.gguf', sizeBytes: 7 },
      { file: 'a-Q8_0.gguf', sizeBytes: 7 },
    ]);
    const one = expectValue(await describeHubModel(request({ file: 'a-Q8_0.gguf' })));
    expect(one.files).toMatchObject([{ path: 'a-Q8_0.gguf', sizeBytes: 7 }]);
    expect(await importHubModel(request())).toMatchObject({ ok: false, error: { code: 'input-invalid' } });
  });

  it.each<[string, Partial<HubRequest>]>([
    ['no owner', { repository: 'tiny' }],
    ['a way out', { repository: '../tiny' }],
    ['a query', { repository: 'a/b?c' }],
    ['a revision that is none', { revision: '../main' }],
    ['a file elsewhere', { file: '../x.gguf' }],
    ['an address that is none', { endpoint: 'ftp://x' }],
  ])('is not asked for %s', async (_, changes) => {
    expect(codeOf(await describeHubModel(request(changes)))).toBe('input-invalid');
    expect(hub.requests).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['a page', '<html>'],
    ['no version', { siblings: [] }],
    ['a deep answer', JSON.parse('['.repeat(90) + ']'.repeat(90))],
  ])('is refused where it sends %s', async (_, answer) => {
    hub.edit = () => answer;
    expect(codeOf(await describeHubModel(request()))).toBe('source-failed');
  });

  it('is refused where it names no hash of a file', async () => {
    hub.edit = (listing) => ({ ...listing, siblings: [...files].map(([rfilename]) => ({ rfilename, size: 1 })) });
    expect(codeOf(await describeHubModel(request()))).toBe('model-unsupported');
  });

  it('says what to do where it refuses', async () => {
    hub.token = 'secret';
    const refused = await describeHubModel(request());
    expect(refused).toMatchObject({ ok: false, error: { code: 'source-failed' } });
    expect(!refused.ok && refused.error.suggestion).toContain('token');
    expect((await describeHubModel(request({ accessToken: 'secret' }))).ok).toBe(true);
    const unknown = await describeHubModel(request({ repository: 'tore/none', accessToken: 'secret' }));
    expect(!unknown.ok && unknown.error.suggestion).toContain('name');
  });
});

describe('importing', () => {
  it('brings a model that says where it came from', async () => {
    const fractions: number[] = [];
    const model = expectValue(await importHubModel(request(), { onProgress: (fraction) => fractions.push(fraction) }));
    expect(model.manifest).toMatchObject({
      model_id: REPOSITORY,
      friendly_name: 'tiny',
      licence: 'apache-2.0',
      source: `${hub.url}/${REPOSITORY}/resolve/${hub.commit}`,
    });
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    // Read again as any folder is, it is the same model.
    expect(expectValue(await readModelFolder(join(folder, 'model'))).manifestHash).toBe(model.manifestHash);
  });

  it('sends the token to the hub and to nobody else', async () => {
    hub.token = 'secret';
    expectValue(await importHubModel(request({ accessToken: 'secret' })));
    const stored = hub.requests.filter(({ url }) => url.startsWith('/blob/'));
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.every(({ token }) => token === undefined)).toBe(true);
  });

  it('goes on in the middle of a file, over cuts and over restarts', async () => {
    hub.cutAfter = 500_000;
    const cut = await importHubModel(request());
    expect(codeOf(cut)).toBe('source-failed');
    hub.cutAfter = Number.POSITIVE_INFINITY;
    hub.requests.length = 0;
    const before = hub.sentBytes;
    expectValue(await importHubModel(request()));
    const weights = files.get('model.safetensors')?.length ?? 0;
    expect(hub.sentBytes - before).toBeLessThan(weights);
    expect(hub.requests.some(({ range }) => /^bytes=[1-9]\d{4,}-/.test(range ?? ''))).toBe(true);
    const whole = hub.sentBytes;
    expectValue(await importHubModel(request()));
    expect(hub.sentBytes).toBe(whole);
  }, 30_000);

  it('stops when asked to, and keeps what it has', async () => {
    const controller = new AbortController();
    const stopped = await importHubModel(request(), {
      signal: controller.signal,
      onProgress: (fraction) => {
        if (fraction > 0.3) controller.abort();
      },
    });
    expect(codeOf(stopped)).toBe('cancelled');
    const before = hub.sentBytes;
    expectValue(await importHubModel(request()));
    expect(hub.sentBytes - before).toBeLessThan([...files.values()].reduce((sum, { length }) => sum + length, 0));
  });

  it.each(['model.safetensors', 'config.json'])(
    'refuses other bytes of %s, and takes right ones later',
    async (name) => {
      hub.spoil = (path, bytes) => (path === name ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes);
      expect(codeOf(await importHubModel(request()))).toBe('weights-invalid');
      hub.spoil = (_path, bytes) => bytes;
      expectValue(await importHubModel(request()));
    },
  );

  it('does not believe files that were changed on the disk', async () => {
    expectValue(await importHubModel(request()));
    const path = join(folder, 'model', 'config.json');
    const config = await readFile(path);
    await writeFile(path, config.fill(0x20));
    expectValue(await importHubModel(request()));
    expect(await readFile(path)).toEqual(files.get('config.json'));
  });

  it.each([
    ['another host', 'http://localhost:1'],
    ['no address', 'http://['],
  ])('does not follow redirects to %s', async (_, storageUrl) => {
    hub.storageUrl = storageUrl;
    const refused = await importHubModel(request());
    expect(refused).toMatchObject({ ok: false, error: { code: 'source-failed', retryable: false } });
    expect(!refused.ok && refused.error.message).toContain('redirects');
  });

  it('does not follow redirects without end', async () => {
    hub.storageUrl = `${hub.url}/${REPOSITORY}/resolve/${hub.commit}/model.safetensors#`;
    expect(codeOf(await importHubModel(request()))).toBe('source-failed');
  });
});

it('serves the layers of a model whose manifest is known, by ranges', async () => {
  const whole = expectValue(await readModelFolder(TORE_TINY));
  // The index of the tensors is the coordinator's to give; a hub holds the bytes alone.
  const indexed = await HubServer.start(
    REPOSITORY,
    new Map([...files, ['tore-weights.json', Buffer.from(JSON.stringify(whole.weightIndex))]]),
  );
  const source = hubSource({ endpoint: indexed.url, repository: REPOSITORY }, indexed.commit);
  const target = join(folder, 'layers');
  const model = expectValue(
    await fetchLayers({ manifest: whole.manifest, sources: [source], range: layers(2, 2), folder: target }),
  );
  await indexed.stop();
  expect(model.manifestHash).toBe(whole.manifestHash);
  expect(indexed.sentBytes).toBeLessThan((files.get('model.safetensors')?.length ?? 0) / 2);
});
