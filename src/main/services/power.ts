import type { Log } from './log';
import type { Timers } from './timers';
import { reasonOf } from '../errors';

export interface PowerReadings {
  readonly onBattery: boolean;
  readonly batteryPercent: number | null;
}

/** The part of Electron's `powerMonitor` that is used. */
export interface PowerMonitor {
  isOnBatteryPower(): boolean;
  on(event: 'on-battery' | 'on-ac' | 'suspend' | 'resume', listener: () => void): unknown;
}

/** A battery changes by a percent in minutes. */
const BATTERY_INTERVAL_MS = 60_000;

export interface PowerOptions {
  readonly monitor: PowerMonitor;
  /** Charge in percent, null without a battery. */
  readonly readBatteryPercent: () => Promise<number | null>;
  readonly onReadings: (readings: PowerReadings) => void;
  readonly onSuspend: () => void;
  readonly onResume: () => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** Watches mains and battery; the charge is read only while it matters. */
export class PowerService {
  #readings: PowerReadings;
  #endInterval: (() => void) | null = null;
  readonly #options: PowerOptions;

  constructor(options: PowerOptions) {
    this.#options = options;
    this.#readings = { onBattery: options.monitor.isOnBatteryPower(), batteryPercent: null };
    options.monitor.on('on-battery', () => this.#switched(true));
    options.monitor.on('on-ac', () => this.#switched(false));
    options.monitor.on('suspend', () => options.onSuspend());
    options.monitor.on('resume', () => {
      options.onResume();
      this.#switched(options.monitor.isOnBatteryPower());
    });
    this.#watchCharge();
  }

  get readings(): PowerReadings {
    return this.#readings;
  }

  close(): void {
    this.#endInterval?.();
    this.#endInterval = null;
  }

  #switched(onBattery: boolean): void {
    this.#set({ onBattery, batteryPercent: onBattery ? this.#readings.batteryPercent : null });
    this.#watchCharge();
  }

  #watchCharge(): void {
    this.close();
    if (!this.#readings.onBattery) return;
    void this.#readCharge();
    this.#endInterval = this.#options.timers.every(BATTERY_INTERVAL_MS, () => void this.#readCharge());
  }

  async #readCharge(): Promise<void> {
    try {
      const batteryPercent = await this.#options.readBatteryPercent();
      if (this.#readings.onBattery) this.#set({ onBattery: true, batteryPercent });
    } catch (thrown) {
      this.#options.log.warn({ error: reasonOf(thrown) }, 'the charge of the battery could not be read');
    }
  }

  #set(readings: PowerReadings): void {
    const same =
      readings.onBattery === this.#readings.onBattery && readings.batteryPercent === this.#readings.batteryPercent;
    this.#readings = readings;
    if (!same) this.#options.onReadings(readings);
  }
}
