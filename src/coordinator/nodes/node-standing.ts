import type { Selectable } from 'kysely';
import { classifyHardware, hardwareIndex } from '../../protocol/compute/formulas';
import type { HardwareProfile } from '../../protocol/compute/http/nodes';
import type { NodeTable } from '../storage/database-schema';

export type NodeRow = Selectable<NodeTable>;

/** Columns of a node that decide whether it gets work, and how much it is worth. */
export const STANDING_COLUMNS = [
  'id',
  'status',
  'reliability',
  'multiplier',
  'hardware_class',
  'pending_multiplier',
  'pending_class',
  'quarantine_until',
  'availability_start',
  'availability_end',
  'region',
] as const satisfies readonly (keyof NodeRow)[];
export type NodeStanding = Pick<NodeRow, (typeof STANDING_COLUMNS)[number]>;

/** A multiplier that moves by less than this is noise of the benchmark, not other hardware. */
const HARDWARE_CHANGE_RATIO = 1.1;

/** Class and multiplier that count now: a higher multiplier waits until its quarantine has passed. */
export function effectiveHardware(node: NodeStanding, nowMs: number): { multiplier: number; hardwareClass: string } {
  const waiting = node.quarantine_until !== null && nowMs < Date.parse(node.quarantine_until);
  if (waiting || node.pending_multiplier === null) {
    return { multiplier: node.multiplier, hardwareClass: node.hardware_class };
  }
  return { multiplier: node.pending_multiplier, hardwareClass: node.pending_class ?? node.hardware_class };
}

/** Class and multiplier of a measured machine. */
export function classOf(hardware: HardwareProfile): { hardwareClass: string; multiplier: number } {
  return classifyHardware(hardwareIndex(hardware.matmul_score, hardware.memory_score, hardware.latency_score));
}

/** Whether two multipliers may be two runs of the benchmark on one machine. */
export function isSameMultiplier(left: number, right: number): boolean {
  const [low, high] = left < right ? [left, right] : [right, left];
  return low > 0 && high / low < HARDWARE_CHANGE_RATIO;
}

/** Whether a new profile describes other hardware, rather than another run of the benchmark on the same. */
export function isHardwareChange(
  before: { readonly fingerprint: string; readonly multiplier: number },
  after: { readonly fingerprint: string; readonly multiplier: number },
): boolean {
  return before.fingerprint !== after.fingerprint || !isSameMultiplier(before.multiplier, after.multiplier);
}

/** Whether a node offers its time now; the hours are `HH:MM` in UTC and may pass midnight. */
export function isAvailableAt(node: Pick<NodeRow, 'availability_start' | 'availability_end'>, nowMs: number): boolean {
  const { availability_start: start, availability_end: end } = node;
  if (start === null || end === null || start === end) return true;
  const now = new Date(nowMs).toISOString().slice(11, 16);
  return start < end ? start <= now && now < end : now >= start || now < end;
}
