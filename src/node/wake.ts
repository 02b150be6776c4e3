import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from './clock';

/** Wakes one waiting loop. A signal given while nobody waits is kept for the next wait. */
export class Wake {
  private pending = false;
  private wakeUp: (() => void) | null = null;

  constructor(private readonly clock: Clock) {}

  signal(): void {
    this.pending = true;
    this.wakeUp?.();
  }

  /**
   * Resolves at the next signal, at the latest after `timeoutMs`; null waits without end. Where there is nothing to wait for
   * everything else gets its turn once, so that a loop cannot hold up what it waits for.
   */
  async wait(timeoutMs: number | null): Promise<void> {
    if (!this.pending && (timeoutMs === null || timeoutMs > 0)) {
      await new Promise<void>((resolve) => {
        const cancel = timeoutMs === null ? () => undefined : this.clock.schedule(timeoutMs, resolve);
        this.wakeUp = () => {
          cancel();
          resolve();
        };
      });
      this.wakeUp = null;
    } else await nextTurn();
    this.pending = false;
  }
}
