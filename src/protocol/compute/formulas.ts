import { toMicroGft, type MicroGft } from './micro-gft';

/** Numeric precisions the wire names, with what a GFLOP in them costs relative to fp32 (tore-0001 formulas). */
export const PRECISION_FACTORS = { fp32: 1, fp16: 0.5, int8: 0.25, int4: 0.125 } as const;
export type Precision = keyof typeof PRECISION_FACTORS;

/** Most exact first. */
export const PRECISIONS = ['fp32', 'fp16', 'int8', 'int4'] as const satisfies readonly Precision[];

/** Whether weights held in `held` are at least as exact as `wanted`. */
export function isAsExact(held: Precision, wanted: Precision): boolean {
  return PRECISIONS.indexOf(held) <= PRECISIONS.indexOf(wanted);
}

export const FLOPS_PER_GFLOP = 1e9;

/** earned GFT = GFLOPs delivered × hardware multiplier × reliability factor. */
export function earnedMicroGft(flopsDelivered: number, multiplier: number, reliability: number): MicroGft {
  return toMicroGft((flopsDelivered / FLOPS_PER_GFLOP) * multiplier * reliability);
}

/** spent GFT = GFLOPs × precision factor, where the GFLOPs are those per output token × output tokens. */
export function spentMicroGft(flopsConsumed: number, precision: Precision): MicroGft {
  return toMicroGft((flopsConsumed / FLOPS_PER_GFLOP) * PRECISION_FACTORS[precision]);
}

/** Rolling window of tasks over which reliability is judged, and when a node is suspended. */
export const RELIABILITY = { windowTasks: 100, suspendBelow: 0.52, suspendAfterTasks: 10 } as const;

/**
 * R = 0.5 + 0.5 × (completed / assigned × consistency), within [0.5, 1].
 * A node with no task yet has R = 1: nothing speaks against it.
 */
export function reliabilityFactor(assigned: number, completed: number, consistency: number): number {
  if (assigned === 0) return 1;
  const quality = (completed / assigned) * consistency;
  return 0.5 + 0.5 * Math.min(1, Math.max(0, quality));
}

/** Whether the reliability over the window is bad enough, for long enough, to suspend. */
export function shouldSuspend(reliability: number, tasksInWindow: number): boolean {
  return tasksInWindow >= RELIABILITY.suspendAfterTasks && reliability < RELIABILITY.suspendBelow;
}

/** Hardware tiers by index threshold, with the multiplier at the threshold (tore-0001 formulas). */
export const HARDWARE_TIERS = [
  { hardwareClass: 'mobile_edge', threshold: 0, multiplier: 0.05 },
  { hardwareClass: 'cpu_only', threshold: 0.05, multiplier: 0.1 },
  { hardwareClass: 'entry_consumer_gpu', threshold: 0.15, multiplier: 0.5 },
  { hardwareClass: 'mid_consumer_gpu', threshold: 0.35, multiplier: 1 },
  { hardwareClass: 'high_consumer_gpu', threshold: 0.55, multiplier: 2 },
  { hardwareClass: 'prosumer_gpu', threshold: 0.7, multiplier: 3 },
  { hardwareClass: 'professional_accel', threshold: 0.82, multiplier: 5 },
  { hardwareClass: 'datacenter_accel', threshold: 0.92, multiplier: 8 },
] as const;
export type HardwareClass = (typeof HARDWARE_TIERS)[number]['hardwareClass'];

/** index = 0.5 × matmul + 0.3 × memory + 0.2 × latency, each clamped to 0..1. */
export function hardwareIndex(matmulScore: number, memoryScore: number, latencyScore: number): number {
  const clamp = (score: number): number => (Number.isFinite(score) ? Math.min(1, Math.max(0, score)) : 0);
  return 0.5 * clamp(matmulScore) + 0.3 * clamp(memoryScore) + 0.2 * clamp(latencyScore);
}

/** Class and multiplier of an index: linear interpolation inside a tier towards the next, constant in the last. */
export function classifyHardware(index: number): { hardwareClass: HardwareClass; multiplier: number } {
  const position = HARDWARE_TIERS.findLastIndex((tier) => index >= tier.threshold);
  const tier = HARDWARE_TIERS[Math.max(0, position)] ?? HARDWARE_TIERS[0];
  const next = HARDWARE_TIERS[Math.max(0, position) + 1];
  if (next === undefined) return { hardwareClass: tier.hardwareClass, multiplier: tier.multiplier };
  const fraction = Math.max(0, (index - tier.threshold) / (next.threshold - tier.threshold));
  return {
    hardwareClass: tier.hardwareClass,
    multiplier: tier.multiplier + fraction * (next.multiplier - tier.multiplier),
  };
}

/** Hardware changes after which a node is held for review. */
export const HARDWARE_CHANGES_BEFORE_REVIEW = 3;

/** quarantine hours = 24 × log2(new / old) when the multiplier rises, else 0. */
export function quarantineHours(oldMultiplier: number, newMultiplier: number): number {
  if (oldMultiplier <= 0 || newMultiplier <= oldMultiplier) return 0;
  return 24 * Math.log2(newMultiplier / oldMultiplier);
}

/** priority = 0.4 (1 − load) + 0.4 (1 − carbon) + 0.2 renewable, inputs 0..1; a tie-breaker among nodes of one class. */
export function gridPriority(load: number, carbon: number, renewable: number): number {
  return 0.4 * (1 - load) + 0.4 * (1 - carbon) + 0.2 * renewable;
}

/** Every active node keeps at least this share of the mean allocation. */
export const MINIMUM_ALLOCATION_SHARE = 0.1;

/** Redundancy: half of a new node's first tasks are checked, falling to 5 % for the reliable. */
export const REDUNDANCY = { newNodeTasks: 20, newNodeRate: 0.5, reliableRate: 0.05, reliableFrom: 0.95 } as const;

/**
 * Share of a node's tasks that are given to a second node as well: 0.5 for the first 20 tasks, 0.05 from reliability
 * 0.95 on, linear in the reliability between (0.5 at R = 0.5).
 */
export function redundancyRate(tasksDone: number, reliability: number): number {
  if (tasksDone < REDUNDANCY.newNodeTasks) return REDUNDANCY.newNodeRate;
  if (reliability >= REDUNDANCY.reliableFrom) return REDUNDANCY.reliableRate;
  const fraction = (Math.max(0.5, reliability) - 0.5) / (REDUNDANCY.reliableFrom - 0.5);
  return REDUNDANCY.newNodeRate + fraction * (REDUNDANCY.reliableRate - REDUNDANCY.newNodeRate);
}

/** Tokens expire one year after issuance; holders are warned 90 days before. */
export const TOKEN_LIFETIME = { expiresAfterDays: 365, warnDaysBefore: 90 } as const;

/** Baseline intervals, in seconds. */
export const INTERVALS = {
  heartbeatSeconds: 30,
  shardOfflineAfterSeconds: 120,
  challengeEverySeconds: 300,
  taskTimeoutSeconds: 300,
} as const;
