import type { Clock } from '../clock';

/** Aborts its signal once nothing was heard for a time, counted from the last sign of life. */
export class SilenceLimit {
  private readonly controller = new AbortController();
  private cancel: () => void = () => undefined;

  constructor(
    private readonly clock: Clock,
    readonly limitMs: number,
  ) {
    this.heard();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** A sign of life came. */
  heard(): void {
    this.cancel();
    this.cancel = this.clock.schedule(this.limitMs, () => this.controller.abort());
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.cancel();
  }
}
