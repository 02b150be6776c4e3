/** Callers remembered at once; one beyond it pushes out the one that was quiet longest. Bounds the memory strangers use. */
const MAX_CALLERS = 50_000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/**
 * A token bucket per caller: `perMinute` calls may come at once, and as many per minute later. A caller that was quiet
 * for a minute has its whole budget again, so forgetting quiet callers changes nothing.
 */
export class RateBudget {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly perMinute: number,
    private readonly maxCallers = MAX_CALLERS,
  ) {}

  /** Takes one call from a caller's budget. False when it is used up. */
  take(caller: string, nowMs: number): boolean {
    const known = this.buckets.get(caller);
    const bucket = known ?? { tokens: this.perMinute, filledAtMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - bucket.filledAtMs);
    bucket.tokens = Math.min(this.perMinute, bucket.tokens + (elapsedMs / 60_000) * this.perMinute);
    bucket.filledAtMs = nowMs;
    // Deleting first moves the caller to the end: the map's order is then that of the last calls.
    if (known !== undefined) this.buckets.delete(caller);
    this.buckets.set(caller, bucket);
    if (this.buckets.size > this.maxCallers) {
      for (const quietest of this.buckets.keys()) {
        this.buckets.delete(quietest);
        break;
      }
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
