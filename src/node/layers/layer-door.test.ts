import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadedModel } from '../../inference';
import { LocalEngine } from '../../inference/engine/local-engine';
import { expectValue, layers, TORE_TINY } from '../../inference/testdata/tore-tiny';
import type { LayerRange } from '../../protocol/compute/model';
import { systemClock } from '../clock';
import { silentLogger } from '../logger';
import { ManualClock } from '../test-doubles/manual-clock';
import { ByteAllowance } from './byte-allowance';
import { LayerDoor } from './layer-door';
import { SharedModel } from './shared-model';

const PREFERENCES = { host: '127.0.0.1', port: 0, announcedHost: null, bytesPerSecond: 1e9 };
let folder: string;
let engine: LocalEngine;
let shared: SharedModel | null;
let door: LayerDoor;
let base: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-layers-'));
  engine = new LocalEngine();
  shared = null;
  door = new LayerDoor(() => shared, systemClock, silentLogger);
  const opened = await door.open(PREFERENCES);
  base = opened.ok ? `http://127.0.0.1:${opened.value.port}/inference/models/files` : '';
});
afterEach(async () => {
  await door.close();
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

async function readWhole(): Promise<LoadedModel> {
  return expectValue(await engine.readModel(TORE_TINY, { cacheFolder: join(folder, 'cache') }));
}

/** Fetches layers from the door alone. */
async function fetchFrom(model: LoadedModel, range: LayerRange, name: string) {
  const sources = [{ baseUrl: `${base}/${model.manifestHash}` }];
  return engine.fetchLayers({ manifest: model.manifest, sources, range, folder: join(folder, name) });
}

describe('layers of another node', () => {
  it('are read from one with the whole model, and from one with only these layers', async () => {
    const whole = await readWhole();
    shared = new SharedModel(whole, join(folder, 'cache'));
    const part = expectValue(await fetchFrom(whole, layers(2, 3), 'part'));
    expect(part.manifestHash).toBe(whole.manifestHash);
    shared = new SharedModel(part, join(folder, 'cache'));
    expect(expectValue(await fetchFrom(whole, layers(3, 3), 'again')).manifestHash).toBe(whole.manifestHash);
    expect(await fetchFrom(whole, layers(5, 5), 'missing')).toMatchObject({
      ok: false,
      error: { code: 'source-failed' },
    });
  });

  it('are nothing but the files of the manifest', async () => {
    const whole = await readWhole();
    const { manifestHash } = whole;
    expect((await fetch(`${base}/${manifestHash}/config.json`)).status).toBe(404);
    shared = new SharedModel(whole, join(folder, 'cache'));
    expect((await fetch(`${base}/${manifestHash}/config.json`)).status).toBe(200);
    const refused = ['golden.json', '..%2f..%2fpackage.json', '%2e%2e/package.json', '%', ''];
    for (const path of refused) expect((await fetch(`${base}/${manifestHash}/${path}`)).status).toBe(404);
    expect((await fetch(`${base}/${'f'.repeat(64)}/config.json`)).status).toBe(404);
    expect((await fetch(`${base}/${manifestHash}/config.json`, { method: 'POST' })).status).toBe(404);
  });

  it('are sent in the ranges asked for', async () => {
    const whole = await readWhole();
    shared = new SharedModel(whole, join(folder, 'cache'));
    const read = async (range: string) => fetch(`${base}/${whole.manifestHash}/config.json`, { headers: { range } });
    const text = await (await fetch(`${base}/${whole.manifestHash}/config.json`)).text();
    const part = await read('bytes=3-9');
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 3-9/${text.length}`);
    expect(await part.text()).toBe(text.slice(3, 10));
    expect(await (await read('bytes=5-')).text()).toBe(text.slice(5));
    for (const range of ['bytes=9-3', `bytes=${text.length}-`, 'bytes=-5', 'bytes=0-1,3-4', 'lines=1-2']) {
      expect((await read(range)).status).toBe(416);
    }
  });

  it('are not served where the port is taken', async () => {
    const port = Number(new URL(base).port);
    const second = new LayerDoor(() => null, systemClock, silentLogger);
    expect(await second.open({ ...PREFERENCES, port })).toMatchObject({ ok: false, error: { code: 'listen-failed' } });
  });
});

it('lets no more bytes through than allowed, whoever sends them', async () => {
  const clock = new ManualClock();
  const allowance = new ByteAllowance(1_000, clock);
  // What fits into a second goes at once.
  await allowance.take(1_000);
  const others = [allowance.take(500), allowance.take(1_000)];
  expect(clock.waiting).toEqual([500, 1_500]);
  clock.advance(1_500);
  await Promise.all(others);
  clock.advance(10_000);
  await allowance.take(1_000);
  expect(clock.waiting).toEqual([]);
});

it('lets bytes through as before when the time of day is set back', async () => {
  const clock = new ManualClock();
  const allowance = new ByteAllowance(1_000, clock);
  await allowance.take(1_000);
  clock.set(-3 * 3_600_000);
  void allowance.take(1_000);
  expect(clock.waiting).toEqual([1_000]);
});
