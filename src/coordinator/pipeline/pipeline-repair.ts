import type { LayerRange } from '../../protocol/compute/model';
import type { PlannedHop } from '../scheduling/scheduler';
import { HopChain, openHops, type ChainHop } from './hop-chain';
import type { Answered, HopFailure, HopResult, StepInput, StepOutput } from './hop-driver';
import type { PipelineListener } from './pipeline-listener';
import { isRepairable, MAX_STEPS_UNDER_WAY, type PipelineStep } from './pipeline-steps';
import type { SpanRecorder } from './span-recorder';

/** Repairs of one request; a cooperative that loses nodes faster than this has no use for going on. */
const MAX_REPAIRS = 64;
/** A lost node is left alone this long: until its connection is really closed it still seems to be there. */
const RETURN_PAUSE_MS = 500;
/** How often it is looked whether somebody serves the missing layers again. */
const LOOK_EVERY_MS = 100;

/** Where a repair finds nodes, and how it gets drivers for them. */
export interface RepairSources {
  /** Other nodes that together hold exactly the layers of a lost hop, or null. */
  cover(lost: PlannedHop, excluded: ReadonlySet<string>): Promise<readonly PlannedHop[] | null>;
  /** A whole pipeline, when the lost layers alone cannot be covered, or null. */
  plan(excluded: ReadonlySet<string>): Promise<readonly PlannedHop[] | null>;
  layersMissing(): Promise<readonly number[]>;
  /** A driver for a hop that takes over. */
  takeOver(planned: PlannedHop, hop: number, hops: number): ChainHop;
  /** A hop failed: for blame and for the log. */
  failed(planned: PlannedHop, failure: HopFailure): void;
  /** How long a request waits for somebody to serve missing layers. */
  readonly waitMs: number;
}

/** The request at the moment of a repair. */
export interface RepairedRequest {
  /** Steps that every hop has done: the caches follow from them. */
  readonly done: readonly PipelineStep[];
  readonly answered: Answered;
  /** Prompt and answer together, at most. */
  readonly positions: number;
  readonly remainingTokens: number;
  readonly nextStepNumber: () => number;
  readonly signal: AbortSignal;
}

function isSameSpan(left: PlannedHop, right: PlannedHop): boolean {
  return (
    left.nodeId === right.nodeId &&
    left.range.layer_start === right.range.layer_start &&
    left.range.layer_end === right.range.layer_end
  );
}

function describe(range: LayerRange): string {
  return `${range.layer_start}-${range.layer_end}`;
}

/**
 * Brings a pipeline back that lost a hop: finds nodes for its layers, and builds their caches by giving them what the
 * lost ones were given, step by step in the same pieces, so that every number comes out as before.
 */
export class PipelineRepair {
  private repairs = 0;
  /** Nodes that failed while they were there, for good; nodes that were lost may come back after a moment. */
  private readonly excludedUntilMs = new Map<string, number>();

  constructor(
    private readonly sources: RepairSources,
    private readonly recorder: SpanRecorder,
    private readonly listener: Pick<PipelineListener, 'waiting'>,
  ) {}

  /** Returns the repaired chain, whose hops are where all done steps leave them; else the failure that stays. */
  async run(broken: HopChain, failure: HopFailure, request: RepairedRequest): Promise<HopResult<HopChain>> {
    let chain = broken;
    let current = failure;
    while (this.repairs < MAX_REPAIRS && isRepairable(current) && !request.signal.aborted) {
      this.repairs += 1;
      this.leaveOut(chain, current);
      const found = await this.find(chain, current, request.signal);
      if (found === null) break;
      const rebuilt = await this.rebuild(chain, found, request);
      if (rebuilt.ok) return rebuilt;
      current = rebuilt.error;
      chain = rebuilt.chain;
    }
    if (request.signal.aborted)
      return { ok: false, error: { ...current, code: 'cancelled', message: 'The request was cancelled.' } };
    return { ok: false, error: this.explain(chain, current) };
  }

  private leaveOut(chain: HopChain, failure: HopFailure): void {
    const hop = chain.hops.find(({ planned }) => planned.nodeId === failure.nodeId);
    if (hop === undefined) return;
    hop.driver.close('error');
    const untilMs = failure.code === 'node-lost' ? performance.now() + RETURN_PAUSE_MS : Infinity;
    this.excludedUntilMs.set(failure.nodeId, untilMs);
    this.sources.failed(hop.planned, failure);
  }

  /** The hops of the repaired pipeline: those that stay with their drivers, others planned only. Null: nobody came. */
  private async find(
    chain: HopChain,
    failure: HopFailure,
    signal: AbortSignal,
  ): Promise<readonly (ChainHop | PlannedHop)[] | null> {
    const deadlineMs = performance.now() + this.sources.waitMs;
    let hasSaid = false;
    while (!signal.aborted) {
      const found = await this.look(chain, failure);
      if (found !== null) return found;
      if (performance.now() >= deadlineMs) return null;
      if (!hasSaid) {
        hasSaid = true;
        this.listener.waiting(await this.missing(chain, failure), Math.ceil(this.sources.waitMs / 1_000));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(LOOK_EVERY_MS, this.sources.waitMs)));
    }
    return null;
  }

  /** The layers nobody serves; where others hold them in pieces that do not fit together, those of the lost hop. */
  private async missing(chain: HopChain, failure: HopFailure): Promise<readonly number[]> {
    const missing = await this.sources.layersMissing();
    const lost = chain.hops.find(({ planned }) => planned.nodeId === failure.nodeId)?.planned.range;
    if (missing.length > 0 || lost === undefined) return missing;
    return Array.from({ length: lost.layer_end - lost.layer_start + 1 }, (_, index) => lost.layer_start + index);
  }

  private async look(chain: HopChain, failure: HopFailure): Promise<readonly (ChainHop | PlannedHop)[] | null> {
    const at = chain.hops.findIndex(({ planned }) => planned.nodeId === failure.nodeId);
    const lost = chain.hops[at];
    if (lost === undefined) return chain.hops;
    const staying = chain.hops.filter((hop) => hop !== lost);
    const excluded = new Set(
      [...this.excludedUntilMs].flatMap(([id, untilMs]) => (untilMs > performance.now() ? [id] : [])),
    );
    const busy = staying.map(({ planned }) => planned.nodeId);
    const cover = await this.sources.cover(lost.planned, new Set([...excluded, ...busy]));
    if (cover !== null) return [...chain.hops.slice(0, at), ...cover, ...chain.hops.slice(at + 1)];
    const plan = await this.sources.plan(excluded);
    if (plan === null) return null;
    return plan.map((planned) => staying.find((hop) => isSameSpan(hop.planned, planned)) ?? planned);
  }

  private async rebuild(
    before: HopChain,
    wanted: readonly (ChainHop | PlannedHop)[],
    request: RepairedRequest,
  ): Promise<{ ok: true; value: HopChain } | { ok: false; error: HopFailure; chain: HopChain }> {
    const fresh = new Set<ChainHop>();
    const hops = wanted.map((hop, index): ChainHop => {
      if ('driver' in hop) {
        // What was repaired goes over the coordinator: the links of the old neighbours are gone.
        hop.isLinked = false;
        return hop;
      }
      const taken = this.sources.takeOver(hop, index, wanted.length);
      fresh.add(taken);
      return taken;
    });
    for (const hop of before.hops) if (!hops.includes(hop)) hop.driver.close('error');
    const chain = new HopChain(hops);
    const opened = await openHops(
      [...fresh].map(({ driver }) => driver),
      request.signal,
    );
    if (!opened.ok) return { ...opened, chain };
    const firstStep = request.nextStepNumber();
    for (const [index, hop] of hops.entries()) {
      if (fresh.has(hop)) hop.driver.begin(request.positions, request.answered);
      else hop.driver.route(index, hops.length, firstStep);
    }
    for (const [index, hop] of hops.entries()) {
      if (!fresh.has(hop)) continue;
      const replayed = await this.replay(chain, index, request);
      if (!replayed.ok) return { ...replayed, chain };
    }
    return { ok: true, value: chain };
  }

  /**
   * Gives a fresh hop the inputs of all done steps. They are at hand where they were recorded; else they are computed
   * again from the nearest earlier border that was, in the worst case from the token ids.
   */
  private async replay(chain: HopChain, target: number, request: RepairedRequest): Promise<HopResult<void>> {
    const { done } = request;
    let source = target;
    let frames = this.framesAt(chain, source, done.length);
    while (source > 0 && frames === null) {
      source -= 1;
      frames = this.framesAt(chain, source, done.length);
    }
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    request.signal.addEventListener('abort', abort, { once: true });
    const most = chain.isStreaming ? MAX_STEPS_UNDER_WAY : 1;
    const underWay: Promise<HopResult<StepOutput>>[] = [];
    try {
      for (let at = 0; at < done.length; at += 1) {
        while (underWay.length < done.length && underWay.length - at < most) {
          underWay.push(this.replayStep(chain, source, target, underWay.length, frames, request, stop.signal));
        }
        const output = await underWay[at];
        if (output !== undefined && !output.ok) {
          stop.abort();
          await Promise.all(underWay);
          return output;
        }
      }
      return { ok: true, value: undefined };
    } finally {
      request.signal.removeEventListener('abort', abort);
    }
  }

  private async replayStep(
    chain: HopChain,
    source: number,
    target: number,
    index: number,
    frames: readonly Uint8Array[] | null,
    request: RepairedRequest,
    signal: AbortSignal,
  ): Promise<HopResult<StepOutput>> {
    const step = request.done[index];
    if (step === undefined) throw new Error('there is no such step');
    const facts = {
      step: request.nextStepNumber(),
      remainingTokens: request.remainingTokens,
      position: step.position,
      positions: step.inputIds.length,
      draftIds: [],
    };
    const frame = frames?.[index];
    const input = (purpose: 'fill' | 'replay'): StepInput =>
      frame === undefined
        ? { ...facts, purpose, kind: 'ids', inputIds: step.inputIds }
        : { ...facts, purpose, kind: 'activation', bytes: frame };
    const hop = chain.hops[target];
    if (hop === undefined) throw new Error('there is no such hop');
    if (source === target) return hop.driver.step(input('replay'), signal);
    const entered = await chain.passInput(input('fill'), source, target - 1, () => undefined, signal);
    if (!entered.ok || entered.value.kind !== 'activation') return entered;
    return hop.driver.step({ ...facts, purpose: 'replay', kind: 'activation', bytes: entered.value.bytes }, signal);
  }

  /** Recorded inputs of a hop; null when they are not at hand. The first hop's inputs are the token ids themselves. */
  private framesAt(chain: HopChain, hop: number, steps: number): readonly Uint8Array[] | null {
    if (hop === 0) return null;
    const start = chain.hops[hop]?.planned.range.layer_start ?? 0;
    return this.recorder.framesOf(start, steps);
  }

  private explain(chain: HopChain, failure: HopFailure): HopFailure {
    const hop = chain.hops.find(({ planned }) => planned.nodeId === failure.nodeId);
    if (hop === undefined) return failure;
    const seconds = Math.round(this.sources.waitMs / 100) / 10;
    return {
      ...failure,
      retryable: true,
      message: `${failure.message} Nobody else came within ${seconds} s to serve layers ${describe(hop.planned.range)}; nothing was charged.`,
      suggestion: 'Wait for a node with these layers, or ask again.',
    };
  }
}
