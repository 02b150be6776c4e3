import type { Clock } from '../clock';

/** Lets so many bytes a second through, whoever sends them; a second's worth may go at once. */
export class ByteAllowance {
  /** When everything that was let through so far has gone at the allowed speed. */
  private spentUntilMs = 0;

  constructor(
    private readonly bytesPerSecond: number,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the bytes may go; callers wait in their order. */
  async take(bytes: number): Promise<void> {
    const now = this.clock.monotonicMs();
    this.spentUntilMs = Math.max(this.spentUntilMs, now) + (bytes / this.bytesPerSecond) * 1_000;
    const waitMs = this.spentUntilMs - now - 1_000;
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      this.clock.schedule(waitMs, resolve);
    });
  }
}
