import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UpdateSettings, UpdateState } from '../../../contract/system-calls';
import { success, type Result } from '../../../protocol/result';
import { ManualTimers, settle } from '../../test-doubles/manual-timers';
import { RecordingLog } from '../../test-doubles/recording-log';
import { isSameRelease } from './electron-updater';
import { feedFile, isInStage, isNewer, readFeed, readRelease, type Release } from './update-feed';
import { UpdateService, type SystemUpdater } from './update-service';
import { mayInstall, nextUpdateState, updatesOffReason, type Activity, type UpdateEvent } from './update-state';

const makers = generateKeyPairSync('ed25519');
const publicKey = makers.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const sha512 = createHash('sha512').update('the new version').digest('base64');
const releaseText = (version: string, extra = ''): string =>
  `version: ${version}\nfiles:\n  - url: tore.AppImage\n    sha512: ${sha512}\n    size: 15\n${extra}`;

/** A server of updates on this computer, with files by name. */
class FeedServer {
  readonly files = new Map<string, string | Buffer>();
  readonly #server: Server = createServer((request, response) => {
    const file = this.files.get((request.url ?? '').slice(1));
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });

  publish(text: string, key = makers.privateKey): void {
    this.files.set('latest-linux.yml', text);
    this.files.set('latest-linux.yml.sig', `${sign(null, Buffer.from(text), key).toString('base64')}\n`);
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

let server: FeedServer;
let url: string;
beforeEach(async () => {
  server = new FeedServer();
  url = await server.open();
});
afterEach(() => server.close());

function feedOf(address: string) {
  const feed = readFeed({ url: address, publicKey });
  if (feed === null) throw new Error('the feed was refused');
  return feed;
}

function createService(options: { mode?: UpdateSettings['mode']; activity?: Activity } = {}) {
  const timers = new ManualTimers();
  const installed: string[] = [];
  const downloaded: Release[] = [];
  const states: UpdateState[] = [];
  const activity = { ...(options.activity ?? { requestsRun: false, windowVisible: false }) };
  const settings: UpdateSettings = { mode: options.mode ?? 'automatic', channel: 'latest' };
  let answer: Result<void> = success(undefined);
  const updater: SystemUpdater = {
    download: async (_url, _channel, release, onProgress) => {
      downloaded.push(release);
      onProgress(0.5);
      return answer;
    },
    install: () => void installed.push('installed'),
  };
  const service = new UpdateService({
    offReason: null,
    feed: feedOf(url),
    updater,
    fetchAddress: fetch,
    currentVersion: '1.0.0',
    installationId: 'this one',
    platform: 'linux',
    arch: 'x64',
    settings: () => settings,
    activity: () => activity,
    onState: (state) => void states.push(state),
    timers,
    log: new RecordingLog(),
  });
  service.start();
  return {
    service,
    timers,
    installed,
    downloaded,
    states,
    activity,
    settings,
    answer: (next: Result<void>) => (answer = next),
  };
}

describe('the news of an update', () => {
  it('count when their makers signed them', async () => {
    server.publish(releaseText('1.1.0', 'stagingPercentage: 20\n'));
    expect(await readRelease(feedOf(url), 'latest-linux.yml', fetch)).toMatchObject({
      ok: true,
      value: { version: '1.1.0', stagingPercentage: 20, files: [{ sha512 }] },
    });
  });

  it.each([
    ['another key signed them', () => server.publish(releaseText('1.1.0'), generateKeyPairSync('ed25519').privateKey)],
    [
      'a byte was changed after signing',
      () => {
        server.publish(releaseText('1.1.0'));
        server.files.set('latest-linux.yml', releaseText('1.1.1'));
      },
    ],
    [
      'the signature is empty',
      () => {
        server.publish(releaseText('1.1.0'));
        server.files.set('latest-linux.yml.sig', '');
      },
    ],
    ['they are far too long', () => server.publish(`${releaseText('1.1.0')}#${'x'.repeat(200_000)}`)],
    ['they name no hash', () => server.publish('version: 1.1.0\nfiles:\n  - url: x\n')],
    ['they are no YAML', () => server.publish('version: [')],
  ])('are refused where %s', async (_what, prepare) => {
    prepare();
    expect(await readRelease(feedOf(url), 'latest-linux.yml', fetch)).toMatchObject({
      ok: false,
      error: { code: 'update-refused' },
    });
  });

  it('may be missing for a while', async () => {
    expect(await readRelease(feedOf(url), 'latest-linux.yml', fetch)).toMatchObject({
      ok: false,
      error: { code: 'update-failed', retryable: true },
    });
  });

  it('come over https, or from this computer', () => {
    expect(readFeed({ url: 'https://updates.example/x', publicKey })?.url).toBe('https://updates.example/x/');
    expect(readFeed({ url: 'http://updates.example/x', publicKey })).toBeNull();
    expect(readFeed({ url: 'https://updates.example', publicKey: 'no key' })).toBeNull();
    expect(readFeed({ url: null, publicKey: null })).toBeNull();
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    expect(readFeed({ url, publicKey: other.export({ type: 'spki', format: 'pem' }).toString() })).toBeNull();
  });

  it('have the names electron-builder gives them', () => {
    expect(feedFile('latest', 'win32', 'x64')).toBe('latest.yml');
    expect(feedFile('beta', 'darwin', 'arm64')).toBe('beta-mac.yml');
    expect(feedFile('latest', 'linux', 'arm64')).toBe('latest-linux-arm64.yml');
  });
});

describe('an update', () => {
  it('is fetched and installed by itself where the person wants that', async () => {
    server.publish(releaseText('1.1.0'));
    const { service, installed, downloaded } = createService();
    await service.check();
    expect(downloaded).toHaveLength(1);
    expect(installed).toEqual(['installed']);
    expect(service.state).toEqual({ kind: 'installing', version: '1.1.0' });
  });

  it('asks before it is fetched, and again before it is installed', async () => {
    server.publish(releaseText('1.1.0'));
    const { service, installed } = createService({
      mode: 'ask',
      activity: { requestsRun: false, windowVisible: true },
    });
    await service.check();
    expect(service.state).toEqual({ kind: 'available', version: '1.1.0' });
    await service.proceed();
    await settle();
    expect(service.state).toEqual({ kind: 'ready', version: '1.1.0', wanted: false });
    expect(installed).toEqual([]);
    await service.proceed();
    expect(installed).toEqual(['installed']);
  });

  it('never cuts off a request, and leaves an open window alone', async () => {
    server.publish(releaseText('1.1.0'));
    const { service, timers, installed, activity } = createService({
      activity: { requestsRun: true, windowVisible: true },
    });
    await service.check();
    timers.advance(60_000);
    expect(installed).toEqual([]);
    activity.requestsRun = false;
    timers.advance(60_000);
    expect(installed).toEqual([]);
    activity.windowVisible = false;
    timers.advance(10_000);
    expect(installed).toEqual(['installed']);
  });

  it('waits even for the person’s own word while a request runs', async () => {
    server.publish(releaseText('1.1.0'));
    const { service, timers, installed, activity } = createService({
      mode: 'ask',
      activity: { requestsRun: true, windowVisible: true },
    });
    await service.check();
    await service.proceed();
    await settle();
    await service.proceed();
    expect(installed).toEqual([]);
    activity.requestsRun = false;
    timers.advance(10_000);
    expect(installed).toEqual(['installed']);
  });

  it.each(['1.0.0', '0.9.9', '1.0.0-beta.2'])('is none where the newest version is %s', async (version) => {
    server.publish(releaseText(version));
    const { service, downloaded } = createService();
    await service.check();
    expect(service.state.kind).toBe('idle');
    expect(downloaded).toEqual([]);
  });

  it('is nothing anybody looks for when the person wants none', async () => {
    server.publish(releaseText('1.1.0'));
    const { service, settings } = createService({ mode: 'off' });
    await service.check();
    expect(service.state).toEqual({ kind: 'off', reason: 'by-choice' });
    settings.mode = 'ask';
    service.apply();
    await service.check();
    expect(service.state.kind).toBe('available');
  });

  it('must be the one that was signed', () => {
    const checked: Release = { version: '1.1.0', files: [{ url: 'a', sha512 }] };
    expect(isSameRelease({ version: '1.1.0', files: [{ url: 'a', sha512 }] }, checked)).toBe(true);
    expect(isSameRelease({ version: '1.1.1', files: [{ url: 'a', sha512 }] }, checked)).toBe(false);
    expect(isSameRelease({ version: '1.1.0', files: [{ url: 'a', sha512: `${sha512}x` }] }, checked)).toBe(false);
    expect(isSameRelease({ version: '1.1.0', files: [] }, checked)).toBe(false);
  });
});

describe('stages', () => {
  const release = (stagingPercentage: number): Release => ({ version: '2.0.0', files: [], stagingPercentage });

  it('grow without ever shrinking, from nobody to everybody', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 0, max: 99 }), (id, percentage) => {
        expect(isInStage(id, release(0))).toBe(false);
        expect(isInStage(id, release(100))).toBe(true);
        if (isInStage(id, release(percentage))) expect(isInStage(id, release(percentage + 1))).toBe(true);
      }),
    );
  });

  it('hold about as many as they say', () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => `installation ${index}`);
    const share = ids.filter((id) => isInStage(id, release(20))).length / ids.length;
    expect(share).toBeGreaterThan(0.16);
    expect(share).toBeLessThan(0.24);
  });
});

describe('the state of an update', () => {
  const events: UpdateEvent[] = [
    { kind: 'turned-off', reason: 'by-choice' },
    { kind: 'turned-on' },
    { kind: 'check-begun' },
    { kind: 'nothing-new', at: '2026-01-01T00:00:00Z' },
    { kind: 'found', version: '2.0.0' },
    { kind: 'download-begun' },
    { kind: 'progressed', fraction: 0.5 },
    { kind: 'downloaded' },
    { kind: 'install-wanted' },
    { kind: 'install-begun' },
    { kind: 'failed', error: { code: 'update-failed', message: 'No.', retryable: true } },
  ];

  it('never installs what nobody wanted or what was not fetched', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (happened) => {
        let state: UpdateState = { kind: 'idle', checkedAt: null };
        for (const event of happened) {
          const before = state;
          state = nextUpdateState(state, event);
          if (state.kind === 'installing' && before.kind !== 'installing') {
            expect(before).toEqual({ kind: 'ready', version: '2.0.0', wanted: true });
          }
        }
      }),
    );
  });

  it('allows nothing while a request runs', () => {
    const ready = { kind: 'ready', version: '2.0.0', wanted: true } as const;
    for (const asked of [true, false]) {
      for (const windowVisible of [true, false]) {
        expect(mayInstall(ready, { requestsRun: true, windowVisible }, asked)).toBe(false);
      }
    }
    expect(mayInstall({ ...ready, wanted: false }, { requestsRun: false, windowVisible: false }, true)).toBe(false);
  });
});

describe('who keeps an installation current', () => {
  const installation = {
    packaged: true,
    platform: 'linux',
    environment: { APPIMAGE: '/x' },
    packageType: null,
    flatpak: false,
    hasFeed: true,
  } as const;
  it.each([
    ['an AppImage', {}, null],
    ['a development build', { packaged: false }, 'development'],
    ['a deb', { environment: {}, packageType: 'deb' }, 'package-manager'],
    ['a flatpak', { environment: {}, flatpak: true }, 'package-manager'],
    ['a snap', { environment: { SNAP: '/snap/tore' } }, 'package-manager'],
    ['an unpacked folder', { environment: {} }, 'not-installed'],
    ['a portable copy', { platform: 'win32', environment: { PORTABLE_EXECUTABLE_DIR: 'D:\\' } }, 'portable'],
    ['Windows', { platform: 'win32', environment: {} }, null],
    ['a build without a feed', { hasFeed: false }, 'no-feed'],
  ] as const)('%s', (_what, changes, expected) => {
    expect(updatesOffReason({ ...installation, ...changes })).toBe(expected);
  });
});

it('orders versions', () => {
  const ordered = ['1.0.0-alpha', '1.0.0-beta.2', '1.0.0-beta.10', '1.0.0', '1.0.1', '1.10.0', '2.0.0'];
  ordered.forEach((left, place) => {
    ordered.forEach((right, other) => expect(isNewer(left, right), `${left} ${right}`).toBe(place > other));
  });
  expect(isNewer('not a version', '1.0.0')).toBe(false);
});
