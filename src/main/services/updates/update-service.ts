import type { UpdateSettings, UpdatesOffReason, UpdateState } from '../../../contract/system-calls';
import type { Failure, Result } from '../../../protocol/result';
import { mainFailure, reasonOf } from '../../errors';
import type { Log } from '../log';
import { isoTime, type Timers } from '../timers';
import { feedFile, isInStage, isNewer, readRelease, type Feed, type Release } from './update-feed';
import { mayInstall, nextUpdateState, type Activity, type UpdateEvent } from './update-state';

const FIRST_CHECK_MS = 60_000;
const CHECK_INTERVAL_MS = 6 * 3_600_000;
/** How often it is seen whether nothing runs any more. */
const INSTALL_INTERVAL_MS = 10_000;

/** The part that fetches and installs: electron-updater, or a stand-in in tests. */
export interface SystemUpdater {
  /** Fetches the files of exactly this release, checked against the hashes in it. */
  download(
    feedUrl: string,
    channel: string,
    release: Release,
    onProgress: (fraction: number) => void,
  ): Promise<Result<void>>;
  /** Ends the app, puts the new version in its place and starts it. */
  install(): void;
}

export interface UpdateServiceOptions {
  /** Why this installation never updates itself, or null. */
  readonly offReason: UpdatesOffReason | null;
  readonly feed: Feed | null;
  readonly updater: SystemUpdater;
  readonly fetchAddress: (address: string, options: RequestInit) => Promise<Response>;
  readonly currentVersion: string;
  readonly installationId: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly settings: () => UpdateSettings;
  readonly activity: () => Activity;
  readonly onState: (state: UpdateState) => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** Keeps the app current: looks for signed news, fetches and installs with the person's consent, never under a request. */
export class UpdateService {
  readonly #options: UpdateServiceOptions;
  #state: UpdateState;
  #release: Release | null = null;
  /** The person said “install”, as opposed to a setting they once made. */
  #asked = false;
  readonly #ends: (() => void)[] = [];

  constructor(options: UpdateServiceOptions) {
    this.#options = options;
    const reason = this.#offReason();
    this.#state = reason === null ? { kind: 'idle', checkedAt: null } : { kind: 'off', reason };
  }

  get state(): UpdateState {
    return this.#state;
  }

  start(): void {
    const { offReason, timers } = this.#options;
    if (offReason !== null) return;
    this.#ends.push(
      timers.after(FIRST_CHECK_MS, () => void this.check()),
      timers.every(CHECK_INTERVAL_MS, () => void this.check()),
      timers.every(INSTALL_INTERVAL_MS, () => this.#installIfQuiet()),
    );
  }

  /** The settings changed. */
  apply(): void {
    const reason = this.#offReason();
    this.#to(reason === null ? { kind: 'turned-on' } : { kind: 'turned-off', reason });
  }

  /** Looks for a new version. */
  async check(): Promise<void> {
    const { feed, platform, arch, settings, fetchAddress, currentVersion, installationId, timers } = this.#options;
    if (feed === null || !this.#to({ kind: 'check-begun' })) return;
    const release = await readRelease(feed, feedFile(settings().channel, platform, arch), fetchAddress);
    if (!release.ok) return this.#failed(release.error);
    const { version } = release.value;
    if (!isNewer(version, currentVersion) || !isInStage(installationId, release.value)) {
      this.#to({ kind: 'nothing-new', at: isoTime(timers.now()) });
      return;
    }
    this.#release = release.value;
    this.#to({ kind: 'found', version });
    if (settings().mode === 'automatic') await this.#download();
  }

  /** The person's consent to the next step. */
  async proceed(): Promise<Result<null>> {
    if (this.#state.kind === 'available') {
      void this.#download();
      return { ok: true, value: null };
    }
    if (this.#state.kind !== 'ready') return mainFailure('update-failed', 'There is no update to go on with.');
    this.#asked = true;
    this.#to({ kind: 'install-wanted' });
    this.#installIfQuiet();
    return { ok: true, value: null };
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #offReason(): UpdatesOffReason | null {
    const { offReason, settings } = this.#options;
    return offReason ?? (settings().mode === 'off' ? 'by-choice' : null);
  }

  async #download(): Promise<void> {
    const { feed, updater, settings } = this.#options;
    const release = this.#release;
    if (feed === null || release === null || !this.#to({ kind: 'download-begun' })) return;
    try {
      const fetched = await updater.download(feed.url, settings().channel, release, (fraction) =>
        this.#to({ kind: 'progressed', fraction }),
      );
      if (!fetched.ok) return this.#failed(fetched.error);
    } catch (thrown) {
      const { error } = mainFailure('update-failed', `The update could not be fetched: ${reasonOf(thrown)}.`, {
        retryable: true,
      });
      return this.#failed(error);
    }
    this.#to({ kind: 'downloaded' });
    if (settings().mode === 'automatic') this.#to({ kind: 'install-wanted' });
    this.#installIfQuiet();
  }

  #installIfQuiet(): void {
    const { activity, updater } = this.#options;
    if (!mayInstall(this.#state, activity(), this.#asked)) return;
    this.#to({ kind: 'install-begun' });
    updater.install();
  }

  #failed(error: Failure): void {
    this.#options.log.warn({ code: error.code }, 'an update did not work');
    this.#to({ kind: 'failed', error });
  }

  /** @returns whether the event meant something */
  #to(event: UpdateEvent): boolean {
    const next = nextUpdateState(this.#state, event);
    if (next === this.#state) return false;
    this.#state = next;
    this.#options.onState(next);
    return true;
  }
}
