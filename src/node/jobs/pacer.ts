import type { Engine } from '../../inference';
import type { Clock } from '../clock';

/** Longest single rest: a waiting pipeline must see progress. What is owed beyond it is rested after later passes. */
const MAX_REST_MS = 1_000;

/**
 * Keeps passes of the engine to a share of a device's time: after a pass the device rests in proportion. With the
 * whole share passes are not touched at all.
 */
export class Pacer {
  private share = 1;
  /** Rest owed for passes already run, in milliseconds, counted down by idle time. */
  private owedMs = 0;
  private endedMs: number;
  private tail: Promise<void> = Promise.resolve();
  private wakeUp: (() => void) | null = null;

  constructor(private readonly clock: Clock) {
    this.endedMs = clock.monotonicMs();
  }

  /** @param share - of the device's time, more than 0 to 1; a larger one ends a rest under way */
  setShare(share: number): void {
    const grown = share > this.share;
    this.share = Math.min(1, Math.max(0.01, share));
    if (!grown) return;
    this.owedMs = 0;
    this.wakeUp?.();
  }

  /** Runs one pass when its turn has come. */
  async run<Value>(pass: () => Promise<Value>): Promise<Value> {
    if (this.share === 1) return pass();
    const before = this.tail;
    let done = (): void => undefined;
    this.tail = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    try {
      await this.rest();
      const startedMs = this.clock.monotonicMs();
      const value = await pass();
      this.endedMs = this.clock.monotonicMs();
      this.owedMs += Math.max(0, this.endedMs - startedMs) * (1 / this.share - 1);
      return value;
    } finally {
      done();
    }
  }

  private async rest(): Promise<void> {
    const idleMs = Math.max(0, this.clock.monotonicMs() - this.endedMs);
    this.owedMs = Math.max(0, this.owedMs - idleMs);
    const restMs = Math.min(this.owedMs, MAX_REST_MS);
    if (restMs < 1) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.schedule(restMs, resolve);
      this.wakeUp = () => {
        cancel();
        resolve();
      };
    });
    this.wakeUp = null;
    this.owedMs = Math.max(0, this.owedMs - restMs);
  }
}

/**
 * The share of passes that keeps the whole processor at `share`, when a pass keeps `threads` of `cores` busy.
 * @param threads - null: the engine takes all
 */
export function passShare(share: number, threads: number | null, cores: number): number {
  const busy = threads === null ? 1 : Math.min(1, threads / Math.max(1, cores));
  return Math.min(1, share / busy);
}

/** An engine whose passes wait for their turn. */
export function pacedEngine(engine: Engine, pacer: Pacer): Engine {
  return {
    listProviders: () => engine.listProviders(),
    benchmark: (options) => engine.benchmark(options),
    readModel: (folder, options) => engine.readModel(folder, options),
    fetchLayers: (request, options) => engine.fetchLayers(request, options),
    importHubModel: (request, options) => engine.importHubModel(request, options),
    loadShard: (request, options) => engine.loadShard(request, options),
    unloadShard: (shardKey) => engine.unloadShard(shardKey),
    tokenize: (shardKey, input) => engine.tokenize(shardKey, input),
    openSequence: (request) => engine.openSequence(request),
    forward: (request) => pacer.run(() => engine.forward(request)),
    closeSequence: (shardKey, sequenceId) => engine.closeSequence(shardKey, sequenceId),
    metrics: () => engine.metrics(),
    close: () => engine.close(),
  };
}
