import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FetchLayersRequest, LongCallOptions } from '../../../inference';
import type { StartEngine } from '../../../node';
import { tinyManifest } from '../../../node/test-doubles/tiny-model';
import { failure, success, type Result } from '../../../protocol/result';
import { ManualTimers, settle } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { ModelDownloads } from './model-downloads';
import { loadShelf, type DownloadRecord } from './shelf-document';

const HASH = 'ab'.repeat(32);
const manifest = tinyManifest({ layers: 4, bytesPerLayer: 1_000, embeddingBytes: 0, headBytes: 0 });
const range = { layer_start: 0, layer_end: 3 };
const offer = { manifest, manifestHash: HASH, sources: [{ baseUrl: 'http://127.0.0.1/x' }] };

/** One fetch that waits for the test to end it. */
interface HeldFetch {
  readonly request: FetchLayersRequest;
  readonly progress: (fraction: number) => void;
  end(result: Result<unknown>): void;
}

function createDownloads(options: { records?: DownloadRecord[]; offered?: () => typeof offer | null } = {}) {
  const timers = new ManualTimers();
  const fetches: HeldFetch[] = [];
  const saved: (readonly DownloadRecord[])[] = [];
  let running = 0;
  let most = 0;
  let die: (reason: string) => void = () => undefined;
  const startEngine: StartEngine = async () => {
    running += 1;
    most = Math.max(most, running);
    let exit: (reason: string) => void = () => undefined;
    const exited = new Promise<string>((resolve) => {
      exit = (reason) => resolve(reason);
    });
    die = exit;
    const engine = {
      fetchLayers: (request: FetchLayersRequest, { signal, onProgress }: LongCallOptions) =>
        new Promise((resolve) => {
          const end = (result: Result<unknown>): void => resolve(result);
          signal?.addEventListener('abort', () => end(failure('cancelled', 'Fetching the model was cancelled.')));
          fetches.push({ request, progress: (fraction) => onProgress?.(fraction, ''), end });
        }),
      close: async () => {
        running -= 1;
        exit('closed');
      },
    };
    return success({ engine: engine as never, exited });
  };
  const downloads = new ModelDownloads({
    records: options.records ?? [],
    startEngine,
    offered: async () => {
      const found = options.offered === undefined ? offer : options.offered();
      return found === null
        ? failure('coordinator-unreachable', 'Nobody answers.', { retryable: true })
        : success(found);
    },
    folderOf: (hash) => `/models/${hash}`,
    isNodeFetching: () => false,
    onRecords: (records) => void saved.push(records),
    onProgress: () => undefined,
    timers,
    log: new RecordingLog(),
  });
  const state = () => downloads.viewOf(manifest.model_id)?.state;
  return { downloads, timers, fetches, saved, state, mostEngines: () => most, die: (reason: string) => die(reason) };
}

describe('downloads of models', () => {
  it('fetch a range into the model’s folder and end', async () => {
    const { downloads, fetches, state, timers } = createDownloads();
    downloads.add(offer, range);
    await settle();
    expect(state()).toEqual({ kind: 'running' });
    expect(fetches[0]?.request).toMatchObject({ range, folder: `/models/${HASH}`, sources: offer.sources });
    fetches[0]?.progress(0.25);
    timers.advance(1_000);
    fetches[0]?.progress(0.5);
    expect(downloads.viewOf(manifest.model_id)).toMatchObject({
      doneBytes: 2_000,
      totalBytes: 4_000,
      bytesPerSecond: 1_000,
    });
    fetches[0]?.end(success(null));
    await settle();
    expect(downloads.viewOf(manifest.model_id)).toMatchObject({ state: { kind: 'done' }, doneBytes: 4_000 });
  });

  it('stop at a pause before anything else may touch the folder, and go on at a resume', async () => {
    const { downloads, fetches, state } = createDownloads();
    downloads.add(offer, range);
    await settle();
    await downloads.pause(manifest.model_id);
    expect(state()).toEqual({ kind: 'paused' });
    downloads.resume(manifest.model_id);
    await settle();
    expect(fetches).toHaveLength(2);
    fetches[1]?.end(success(null));
    await settle();
    expect(state()).toEqual({ kind: 'done' });
  });

  it('survive the end of the app', async () => {
    const first = createDownloads();
    first.downloads.add(offer, range);
    await settle();
    await first.downloads.close();
    const kept = first.saved.at(-1) ?? [];
    expect(kept[0]?.state.kind).toBe('running');
    const second = createDownloads({ records: JSON.parse(JSON.stringify(kept)) as DownloadRecord[] });
    second.downloads.start();
    await settle();
    expect(second.fetches).toHaveLength(1);
    expect(second.state()).toEqual({ kind: 'running' });
  });

  it('are read again at the next start, whatever a coordinator said and sent', async () => {
    const talkative = { ...manifest, remarks: 'r'.repeat(20_000_000), shape: { ...manifest.shape, remarks: 'r' } };
    const { downloads, fetches, saved } = createDownloads();
    downloads.add({ ...offer, manifest: talkative }, range);
    await settle();
    fetches[0]?.end(failure('c'.repeat(1_000), 'm'.repeat(10_000), { suggestion: 's'.repeat(10_000) }));
    await settle();
    const folder = await mkdtemp(join(tmpdir(), 'tore-shelf-'));
    const path = join(folder, 'models.json');
    const kept = { formatVersion: 1, nextLocalId: 1, shipped: null, locals: [], downloads: saved.at(-1) };
    await writeFile(path, JSON.stringify(kept));
    const { downloads: read } = await loadShelf(path, new RecordingLog());
    await rm(folder, { recursive: true, force: true });
    expect(read).toMatchObject([{ modelId: manifest.model_id, manifest, state: { kind: 'failed' } }]);
  });

  it('try again by themselves after a failure that may pass', async () => {
    let reachable = false;
    const { downloads, fetches, state, timers } = createDownloads({ offered: () => (reachable ? offer : null) });
    downloads.add(offer, range);
    await settle();
    expect(state()).toMatchObject({ kind: 'failed', error: { code: 'coordinator-unreachable' } });
    reachable = true;
    timers.advance(5_000);
    await settle();
    expect(fetches).toHaveLength(1);
    fetches[0]?.end(failure('weights-invalid', 'Other bytes came.'));
    await settle();
    expect(state()).toMatchObject({ kind: 'failed', retryAt: null });
    timers.advance(3_600_000);
    await settle();
    expect(fetches).toHaveLength(1);
    downloads.resume(manifest.model_id);
    await settle();
    expect(fetches).toHaveLength(2);
  });

  it('notice that the process which fetched is gone', async () => {
    const { downloads, state, die } = createDownloads();
    downloads.add(offer, range);
    await settle();
    die('it ended with code 9');
    await settle();
    expect(state()).toMatchObject({ kind: 'failed', error: { code: 'process-gone', retryable: true } });
  });

  it('run one after the other', async () => {
    const { downloads, fetches, mostEngines } = createDownloads();
    downloads.add(offer, range);
    downloads.add({ ...offer, manifest: { ...manifest, model_id: 'other' } }, range);
    await settle();
    expect(fetches).toHaveLength(1);
    fetches[0]?.end(success(null));
    await settle();
    expect(fetches).toHaveLength(2);
    expect(mostEngines()).toBe(1);
  });

  it('never mix two models under one name', async () => {
    const { downloads, fetches, state } = createDownloads({
      offered: () => ({ ...offer, manifestHash: 'cd'.repeat(32) }),
    });
    downloads.add(offer, range);
    await settle();
    expect(fetches).toHaveLength(0);
    expect(state()).toMatchObject({ kind: 'failed', error: { code: 'model-invalid' }, retryAt: null });
  });
});
