import type { DeviceId } from '../../protocol/compute/run-preferences';
import type { AppMemory, DeviceSnooze, RequestedPause } from './app-memory';
import { isoTime, type Timers } from './timers';

/** A clock that stands this far before the beginning of a snooze was set back. */
const CLOCK_SLACK_MS = 60_000;

/** What the person paused; it outlives the app, so that a restart does not begin to work behind their back. */
export class PauseMemory {
  readonly #memory: AppMemory;
  readonly #timers: Timers;

  constructor(memory: AppMemory, timers: Timers) {
    this.#memory = memory;
    this.#timers = timers;
  }

  /** The pause in force; a snooze that has passed is none. */
  get current(): RequestedPause | null {
    const { pause } = this.#memory.current;
    if (pause === null || pause.kind === 'user') return pause;
    const until = this.#stillUntil(pause.from, pause.until);
    if (until === null) return null;
    if (until === pause.until) return pause;
    return this.#keep({ kind: 'snoozed', from: isoTime(this.#timers.now()), until });
  }

  /** Snoozes of single devices in force. */
  get devices(): Readonly<Partial<Record<DeviceId, { readonly until: string | null }>>> {
    const known = Object.entries(this.#memory.current.deviceSnoozes) as [DeviceId, DeviceSnooze][];
    const inForce: Partial<Record<DeviceId, { readonly until: string | null }>> = {};
    for (const [device, { from, until }] of known) {
      const still = until === null ? null : this.#stillUntil(from, until);
      if (until === null || still !== null) inForce[device] = { until: still };
    }
    return inForce;
  }

  /** @param minutes - null pauses until resumed */
  pause(minutes: number | null): RequestedPause {
    const { from, until } = this.#span(minutes);
    return this.#keep(until === null ? { kind: 'user' } : { kind: 'snoozed', from, until });
  }

  pauseDevice(device: DeviceId, minutes: number | null): void {
    const { deviceSnoozes } = this.#memory.current;
    this.#memory.remember({ deviceSnoozes: { ...deviceSnoozes, [device]: this.#span(minutes) } });
  }

  resume(): void {
    this.#memory.remember({ pause: null });
  }

  resumeDevice(device: DeviceId): void {
    const left = Object.entries(this.#memory.current.deviceSnoozes).filter(([name]) => name !== device);
    this.#memory.remember({ deviceSnoozes: Object.fromEntries(left) });
  }

  #span(minutes: number | null): DeviceSnooze {
    const nowMs = this.#timers.now();
    return { from: isoTime(nowMs), until: minutes === null ? null : isoTime(nowMs + minutes * 60_000) };
  }

  #keep(pause: RequestedPause): RequestedPause {
    this.#memory.remember({ pause });
    return pause;
  }

  /** The end of a snooze, null once it has passed. One whose clock was set back lasts as long as it was meant to. */
  #stillUntil(from: string | undefined, until: string): string | null {
    const nowMs = this.#timers.now();
    const untilMs = Date.parse(until);
    if (Number.isNaN(untilMs) || untilMs <= nowMs) return null;
    const fromMs = from === undefined ? Number.NaN : Date.parse(from);
    return nowMs < fromMs - CLOCK_SLACK_MS ? isoTime(nowMs + untilMs - fromMs) : until;
  }
}
