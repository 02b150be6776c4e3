import { mkdir, statfs } from 'node:fs/promises';
import { cpus } from 'node:os';
import type { PolicyView, SurroundingsView } from '../../../contract/policy';
import type { NodeReadings } from '../../../node';
import type { PolicyPreferences } from '../../../protocol/compute/run-preferences';
import { reasonOf } from '../../errors';
import type { Log } from '../log';
import type { Timers } from '../timers';
import { folderBytes } from './folder-size';
import { openFullScreenReader, type FullScreenReader } from './full-screen';
import { openIdleReader, type IdleReader } from './idle-time';
import { openMeteredReader, type MeteredReader } from './metered';
import { otherUse, processorTimes, type ProcessorTimes } from './processor-use';
import { listPrograms, runningOf } from './programs';
import { run } from './run-tool';
import { parseNvidiaQuery, PowerFromEnergy, type GraphicsReading, readLinuxCelsius, readLinuxJoules } from './sensors';

/** What is read here and told to the node. */
export type SurroundingReadings = Pick<
  NodeReadings,
  'idleSeconds' | 'cpu' | 'gpus' | 'watts' | 'fullScreen' | 'exclusiveRunning' | 'metered' | 'freeDiskMb' | 'usedDiskMb'
>;

export const NOTHING_READ: SurroundingReadings = {
  idleSeconds: null,
  cpu: { celsius: null, otherPercent: null },
  gpus: {},
  watts: null,
  fullScreen: null,
  exclusiveRunning: [],
  metered: null,
  freeDiskMb: null,
  usedDiskMb: null,
};

/** What the rules and the window need to know now; the rest is not read. */
export interface Needs {
  readonly policy: PolicyPreferences;
  /** Only the person can end the present pause: no reading could. */
  readonly atRest: boolean;
  /** Somebody looks at the figures. */
  readonly watched: boolean;
  readonly coordinatorIsLocal: boolean;
  /** Whether work can run on a graphics processor here. */
  readonly graphicsPresent: boolean;
  /** While this app's own requests run, a graphics processor's use says nothing about other programs. */
  readonly ownRequestsRun: boolean;
}

/** While it works, somebody coming back must be noticed at once; reading the idle time costs next to nothing. */
const QUICK_MS = 1_000;
/** Reading processes, sensors and tools. */
const SLOW_MS = 10_000;
const DISK_MS = 60_000;
const BYTES_PER_MEBIBYTE = 1_048_576;

export interface SurroundingsOptions {
  readonly needs: () => Needs;
  readonly onReadings: (readings: SurroundingReadings) => void;
  /** Electron's reading of the idle time, in seconds. */
  readonly systemIdleSeconds: () => number;
  /** Use of the whole processor by this app's processes since the last call, 0 to 100. */
  readonly ownCpuPercent: () => number;
  /** Folder of the cut shards. */
  readonly shardFolder: string;
  /** Readings that take the place of this computer's, for tests of the unpackaged app; null reads the computer. */
  readonly injected: (() => Promise<Partial<SurroundingReadings>>) | null;
  readonly environment: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly timers: Timers;
  readonly log: Log;
}

interface Readers {
  readonly idle: IdleReader;
  readonly fullScreen: FullScreenReader;
  readonly metered: MeteredReader;
}

/** Reads this computer as often as the rules need it, and no more: at rest it reads nothing. */
export class Surroundings {
  readonly #options: SurroundingsOptions;
  #readings: SurroundingReadings = NOTHING_READ;
  #readers: Readers | null = null;
  #opening: Promise<Readers> | null = null;
  #ownCpuPercent: number | null = null;
  #graphicsWatts: number | null = null;
  #times: ProcessorTimes | null = null;
  #slowAtMs = 0;
  #diskAtMs = 0;
  #closed = false;
  #cancel: (() => void) | null = null;
  readonly #power = new PowerFromEnergy();

  constructor(options: SurroundingsOptions) {
    this.#options = options;
    void this.#tick();
  }

  get view(): Omit<SurroundingsView, 'onBattery' | 'batteryPercent' | 'monthlyTrafficMb'> {
    const { idleSeconds, cpu, watts, fullScreen, metered, freeDiskMb, usedDiskMb } = this.#readings;
    return {
      idleSeconds,
      cpuCelsius: cpu.celsius,
      otherCpuPercent: cpu.otherPercent,
      ownCpuPercent: this.#ownCpuPercent,
      watts,
      fullScreen,
      metered,
      freeDiskMb,
      usedDiskMb,
    };
  }

  /** What the first graphics card draws, where its maker's tool tells. */
  get graphicsWatts(): number | null {
    return this.#graphicsWatts;
  }

  /** Whether a program fills the screen now, also where no rule asks for it. */
  async readFullScreen(): Promise<boolean | null> {
    if (this.#options.injected !== null) return this.#readings.fullScreen;
    this.#opening ??= this.#open();
    return (await this.#opening).fullScreen.read();
  }

  get readings(): SurroundingReadings {
    return this.#readings;
  }

  /** Rules that cannot hold on this system. */
  get unreadable(): PolicyView['unreadable'] {
    const readers = this.#readers;
    if (readers === null) return [];
    return (['idle', 'fullScreen', 'metered'] as const).flatMap((what) => {
      const { support } = readers[what];
      return support.kind === 'no' ? [{ what, why: support.why }] : [];
    });
  }

  /** Reads soon, because what is needed has changed. */
  refresh(): void {
    this.#slowAtMs = 0;
    this.#cancel?.();
    this.#cancel = this.#options.timers.after(0, () => void this.#tick());
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #tick(): Promise<void> {
    const { needs, timers, log } = this.#options;
    const needed = needs();
    try {
      if (!needed.atRest || needed.watched) await this.#read(needed);
    } catch (thrown) {
      log.warn({ error: reasonOf(thrown) }, 'this computer could not be read');
    }
    if (this.#closed) return;
    this.#cancel?.();
    // At rest nothing is due: whatever ends the rest calls `refresh`.
    if (needed.atRest && !needed.watched) return;
    this.#cancel = timers.after(QUICK_MS, () => void this.#tick());
  }

  async #read(needed: Needs): Promise<void> {
    const { injected, onReadings, timers } = this.#options;
    if (injected !== null) {
      this.#readings = { ...NOTHING_READ, ...(await injected()) };
      onReadings(this.#readings);
      return;
    }
    this.#opening ??= this.#open();
    const readers = await this.#opening;
    this.#readers = readers;
    const nowMs = timers.now();
    let readings: SurroundingReadings = { ...this.#readings, idleSeconds: await readers.idle.read() };
    if (nowMs >= this.#slowAtMs) {
      this.#slowAtMs = nowMs + SLOW_MS;
      readings = { ...readings, ...(await this.#readSlow(needed, readers, nowMs)) };
    }
    if (nowMs >= this.#diskAtMs) {
      this.#diskAtMs = nowMs + DISK_MS;
      readings = { ...readings, ...(await this.#readDisk(needed.policy)) };
    }
    this.#readings = readings;
    onReadings(readings);
  }

  async #open(): Promise<Readers> {
    const { systemIdleSeconds, environment, platform } = this.#options;
    const [idle, fullScreen, metered] = await Promise.all([
      openIdleReader(systemIdleSeconds, environment, platform),
      openFullScreenReader(environment, platform),
      openMeteredReader(platform),
    ]);
    return { idle, fullScreen, metered };
  }

  async #readSlow(needed: Needs, readers: Readers, nowMs: number): Promise<Partial<SurroundingReadings>> {
    const { policy, watched, coordinatorIsLocal, graphicsPresent, ownRequestsRun } = needed;
    const { platform } = this.#options;
    const linux = platform === 'linux';
    const wantsHeat = linux && (policy.maxCpuCelsius !== null || watched);
    const [celsius, joules, fullScreen, running, metered, cards] = await Promise.all([
      wantsHeat ? readLinuxCelsius('/sys/class/hwmon') : null,
      linux ? readLinuxJoules('/sys/class/powercap/intel-rapl:0') : null,
      policy.pauseOnFullScreen ? readers.fullScreen.read() : null,
      policy.exclusivePrograms.length === 0 ? [] : listPrograms(platform),
      policy.pauseOnMetered && !coordinatorIsLocal ? readers.metered.read() : null,
      graphicsPresent ? readGraphics() : [],
    ]);
    this.#graphicsWatts = cards[0]?.watts ?? null;
    return {
      cpu: { celsius, otherPercent: this.#readOtherUse() },
      watts: this.#power.next(joules, nowMs),
      fullScreen,
      exclusiveRunning: runningOf(policy.exclusivePrograms, running),
      metered,
      gpus: Object.fromEntries(
        cards.map(({ celsius: heat, percent }, index) => [
          `gpu${index}`,
          { celsius: heat, otherPercent: ownRequestsRun ? null : percent },
        ]),
      ),
    };
  }

  #readOtherUse(): number | null {
    const times = processorTimes(cpus());
    const before = this.#times;
    this.#times = times;
    this.#ownCpuPercent = this.#options.ownCpuPercent();
    return before === null ? null : otherUse(before, times, this.#ownCpuPercent);
  }

  async #readDisk(policy: PolicyPreferences): Promise<Partial<SurroundingReadings>> {
    const { shardFolder } = this.#options;
    await mkdir(shardFolder, { recursive: true });
    const { bavail, bsize } = await statfs(shardFolder);
    const usedDiskMb = policy.diskCapMb === null ? null : (await folderBytes(shardFolder)) / BYTES_PER_MEBIBYTE;
    return { freeDiskMb: (bavail * bsize) / BYTES_PER_MEBIBYTE, usedDiskMb };
  }
}

/** Heat, use and power of graphics processors, where the maker's tool tells. */
async function readGraphics(): Promise<readonly GraphicsReading[]> {
  const query = ['--query-gpu=temperature.gpu,utilization.gpu,power.draw', '--format=csv,noheader,nounits'];
  return parseNvidiaQuery(await run('nvidia-smi', query).catch(() => ''));
}
