import type { FinishReason, LayerRange } from '../../protocol/compute/model';
import type { Answered, HopContext, HopDriver, HopResult, StepInput, StepOutput } from './hop-driver';

/** Sees what goes into a hop and what comes out of it. */
export interface HopWatcher {
  /** How long prompt and answer can become. */
  began(positions: number): void;
  /** A step is sent. Returns who is to be told what came of it, when it succeeds. */
  sent(input: StepInput): (output: StepOutput) => void;
}

/** The hop of a pipeline somebody wants to watch. */
export interface WatchedPlace {
  readonly hop: number;
  watch(context: HopContext): HopWatcher;
}

/**
 * A hop whose steps are seen by somebody else as well. Its node cannot tell: it is worked like any other hop whose
 * activations go over the coordinator.
 */
export class WatchedHop implements HopDriver {
  readonly nodeId: string;
  readonly range: LayerRange;
  readonly isStreaming: boolean;

  constructor(
    private readonly driver: HopDriver,
    private readonly watcher: HopWatcher,
  ) {
    this.nodeId = driver.nodeId;
    this.range = driver.range;
    this.isStreaming = driver.isStreaming;
  }

  open(signal: AbortSignal): ReturnType<HopDriver['open']> {
    return this.driver.open(signal);
  }

  begin(positions: number, answered: Answered | null): void {
    this.watcher.began(positions);
    this.driver.begin(positions, answered);
  }

  route(hop: number, hops: number, firstStep: number): void {
    this.driver.route(hop, hops, firstStep);
  }

  async step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>> {
    const cameOut = this.watcher.sent(input);
    const result = await this.driver.step(input, signal);
    if (result.ok) cameOut(result.value);
    return result;
  }

  close(reason: FinishReason): void {
    this.driver.close(reason);
  }
}
