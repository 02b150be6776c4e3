import type { Clock } from '../clock';

export interface TrafficLimits {
  /** Bytes per second; null is unlimited. */
  readonly upload: number | null;
  readonly download: number | null;
}

/** A direction may run this far ahead of its rate, so that small messages are never held up. */
const BURST_SECONDS = 1;

/** One direction: a bucket that fills with the rate and is emptied by bytes. */
class Direction {
  bytes = 0;
  private rate: number | null = null;
  /** Point in time at which everything let through so far fits the rate. */
  private settledMs = 0;

  limit(rate: number | null): void {
    if (rate !== this.rate) this.settledMs = 0;
    this.rate = rate;
  }

  /** Counts bytes; returns how long to wait before they, or the next ones, may pass. */
  pass(bytes: number, nowMs: number): number {
    this.bytes += bytes;
    if (this.rate === null) return 0;
    this.settledMs = Math.max(this.settledMs, nowMs) + (bytes / this.rate) * 1_000;
    return Math.max(0, this.settledMs - nowMs - BURST_SECONDS * 1_000);
  }
}

/** Counts what goes over the network and says how long to hold it back to stay within the person's limits. */
export class TrafficMeter {
  private readonly up = new Direction();
  private readonly down = new Direction();

  constructor(private readonly clock: Clock) {}

  setLimits({ upload, download }: TrafficLimits): void {
    this.up.limit(upload);
    this.down.limit(download);
  }

  /** Bytes since the start of the program. */
  get total(): { readonly sent: number; readonly received: number } {
    return { sent: this.up.bytes, received: this.down.bytes };
  }

  /** @returns milliseconds to wait before these bytes are sent */
  sent(bytes: number): number {
    return this.up.pass(bytes, this.clock.monotonicMs());
  }

  /** @returns milliseconds to wait before more is read */
  received(bytes: number): number {
    return this.down.pass(bytes, this.clock.monotonicMs());
  }
}
