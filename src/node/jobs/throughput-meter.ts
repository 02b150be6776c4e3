/** Seconds of work the shown speed is taken from: long enough to be steady, short enough to follow. */
const WINDOW_MS = 5_000;
/** Steps remembered; at more than this many in five seconds the window is simply shorter. */
const MAX_STEPS = 4_096;

/** Counts decode steps and says how fast they come. */
export class ThroughputMeter {
  private readonly steps: number[] = [];

  record(nowMs: number): void {
    this.steps.push(nowMs);
    if (this.steps.length > MAX_STEPS) this.steps.shift();
  }

  /** Steps per second over the last seconds; null when fewer than two fell into them. */
  perSecond(nowMs: number): number | null {
    while (this.steps[0] !== undefined && nowMs - this.steps[0] > WINDOW_MS) this.steps.shift();
    const first = this.steps[0];
    const last = this.steps.at(-1);
    if (first === undefined || last === undefined || last <= first) return null;
    return ((this.steps.length - 1) * 1_000) / (last - first);
  }
}
