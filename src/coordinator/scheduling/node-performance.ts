import type { ModelManifest } from '../../protocol/compute/model';

/** Weight of a new measurement in the running mean: a handful of tokens is enough to know a node. */
const NEW_SHARE = 0.2;
/** Assumed of a node whose connection was not measured yet: another part of the same continent. */
const USUAL_ROUND_TRIP_MS = 40;
/**
 * Bytes of weights a machine of multiplier 1 (an ordinary graphics card) reads in a millisecond. Each token reads every
 * weight once, which is what its time is spent on (roofline: decoding one sequence is bound by memory, not arithmetic).
 */
const BYTES_PER_MS_AT_MULTIPLIER_ONE = 200e6;
/** Positions of a step up to which its time is that of one token; longer ones are prefill, which is bound by arithmetic. */
const MAX_DECODE_POSITIONS = 16;

/** A step that a node did. */
export interface TimedStep {
  readonly nodeId: string;
  readonly modelId: string;
  readonly layers: number;
  readonly positions: number;
  /** From handing the step to the node until its answer was here. */
  readonly elapsedMs: number;
  /** Requests the node served meanwhile, this one counted. */
  readonly activeRequests: number;
}

function mean(known: number | undefined, measured: number): number {
  return known === undefined ? measured : known + NEW_SHARE * (measured - known);
}

/**
 * How fast nodes are, as this coordinator measured them itself: what a node says of itself decides nothing. Each replica
 * knows what it saw; a restart begins anew with estimates.
 */
export class NodePerformance {
  private readonly roundTrips = new Map<string, number>();
  private readonly layerTimes = new Map<string, Map<string, number>>();
  private onNode: (nodeId: string) => void = () => undefined;

  /** Told of every node something was learned of. */
  watchNodes(onNode: (nodeId: string) => void): void {
    this.onNode = onNode;
  }

  noteRoundTrip(nodeId: string, elapsedMs: number): void {
    this.roundTrips.set(nodeId, mean(this.roundTrips.get(nodeId), Math.max(0, elapsedMs)));
    this.onNode(nodeId);
  }

  /** Learns from a step; steps that are no decode steps say nothing and are passed over. */
  noteStep(step: TimedStep): void {
    if (step.positions > MAX_DECODE_POSITIONS || step.layers < 1) return;
    const computedMs = Math.max(0, step.elapsedMs - (this.roundTrips.get(step.nodeId) ?? 0));
    const layerMs = computedMs / step.layers / Math.max(1, step.activeRequests);
    const times = this.layerTimes.get(step.nodeId) ?? new Map<string, number>();
    times.set(step.modelId, mean(times.get(step.modelId), layerMs));
    this.layerTimes.set(step.nodeId, times);
    this.onNode(step.nodeId);
  }

  roundTripMs(nodeId: string): number {
    return this.roundTrips.get(nodeId) ?? USUAL_ROUND_TRIP_MS;
  }

  /** Measured milliseconds of one layer for one token, or null. */
  layerMs(nodeId: string, modelId: string): number | null {
    return this.layerTimes.get(nodeId)?.get(modelId) ?? null;
  }

  /** Forgets nodes that hold nothing any more. */
  prune(isNeeded: (nodeId: string) => boolean): void {
    for (const nodeId of this.roundTrips.keys()) if (!isNeeded(nodeId)) this.roundTrips.delete(nodeId);
    for (const nodeId of this.layerTimes.keys()) if (!isNeeded(nodeId)) this.layerTimes.delete(nodeId);
  }
}

/** Milliseconds of one layer on a machine of multiplier 1. */
export function usualLayerMs(manifest: ModelManifest): number {
  const bytes = manifest.bytes_per_layer.reduce((sum, layerBytes) => sum + layerBytes, 0);
  return bytes / manifest.total_layers / BYTES_PER_MS_AT_MULTIPLIER_ONE;
}
