/** What is kept of running requests, so that the cache of a lost span can be built again. */
export const REPLAY_LIMITS = {
  /** Activations of one request: 4,096 positions at hidden 4,096 in f32 over one border. */
  bytesPerRequest: 64 * 1024 * 1024,
  /** Activations of all requests of this coordinator. */
  bytesTotal: 512 * 1024 * 1024,
} as const;

/** Memory that the recordings of all requests share. */
export class ReplayMemory {
  private usedBytes = 0;

  constructor(private readonly limitBytes: number = REPLAY_LIMITS.bytesTotal) {}

  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.limitBytes) return false;
    this.usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.usedBytes -= bytes;
  }
}

/**
 * The activations that entered the spans of one request, step by step: by the first layer of the span and the index of
 * the step. A border is either recorded without gap or not at all; beyond the limits the borders are given up one after
 * another, and what they held is computed again from the token ids when it is needed.
 */
export class SpanRecorder {
  private readonly borders = new Map<number, Uint8Array[]>();
  private readonly givenUp = new Set<number>();
  private bytes = 0;

  constructor(
    private readonly memory: ReplayMemory,
    private readonly limitBytes: number = REPLAY_LIMITS.bytesPerRequest,
  ) {}

  /** Keeps a frame. A step that comes again takes the place of the earlier one. */
  record(layerStart: number, stepIndex: number, frame: Uint8Array): void {
    if (this.givenUp.has(layerStart)) return;
    const frames = this.borders.get(layerStart) ?? [];
    if (stepIndex > frames.length) {
      this.giveUp(layerStart);
      return;
    }
    const extra = frame.byteLength - (frames[stepIndex]?.byteLength ?? 0);
    if (this.bytes + extra > this.limitBytes || !this.memory.take(extra)) {
      this.giveUp(layerStart);
      return;
    }
    this.bytes += extra;
    // What the socket hands over may be a view of a far larger buffer, which a small frame would keep alive.
    frames[stepIndex] = frame.byteLength === frame.buffer.byteLength ? frame : Uint8Array.from(frame);
    this.borders.set(layerStart, frames);
  }

  /** The frames of the first `steps` steps over a border, or null when they are not all there. */
  framesOf(layerStart: number, steps: number): readonly Uint8Array[] | null {
    const frames = this.borders.get(layerStart);
    return frames === undefined || frames.length < steps ? null : frames.slice(0, steps);
  }

  /** The request ended. */
  clear(): void {
    this.memory.give(this.bytes);
    this.bytes = 0;
    this.borders.clear();
  }

  private giveUp(layerStart: number): void {
    const freed = (this.borders.get(layerStart) ?? []).reduce((sum, frame) => sum + frame.byteLength, 0);
    this.borders.delete(layerStart);
    this.givenUp.add(layerStart);
    this.bytes -= freed;
    this.memory.give(freed);
  }
}
