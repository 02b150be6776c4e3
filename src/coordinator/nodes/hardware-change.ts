import { Value } from 'typebox/value';
import { HARDWARE_CHANGES_BEFORE_REVIEW, quarantineHours } from '../../protocol/compute/formulas';
import { HardwareProfile, type HardwareUpdateAnswer } from '../../protocol/compute/http/nodes';
import { timestampOf } from '../clock';
import { classOf, effectiveHardware, isHardwareChange, isSameMultiplier, type NodeRow } from './node-standing';

const HOUR_MS = 3_600_000;

/** What a report of hardware changes of a node. */
export interface JudgedHardware {
  readonly columns: Pick<
    NodeRow,
    'hardware_class' | 'multiplier' | 'pending_multiplier' | 'pending_class' | 'quarantine_until' | 'hardware_changes'
  > &
    Partial<Pick<NodeRow, 'status' | 'suspension'>>;
  readonly quarantine: HardwareUpdateAnswer['quarantine'];
  /** It changed too often: the node waits for the operator. */
  readonly isForReview: boolean;
}

/** A machine that waits for its multiplier. */
interface Waiting {
  readonly multiplier: number;
  readonly hardwareClass: string;
  readonly until: string;
}

/** The quarantine that goes on where a node reports once more what it waits with, or less of the same machine. */
function runningQuarantine(
  row: NodeRow,
  next: { readonly multiplier: number; readonly hardwareClass: string },
  isSameMachine: boolean,
  nowMs: number,
): Waiting | null {
  const { quarantine_until: until, pending_multiplier: pending, pending_class: pendingClass } = row;
  if (until === null || pending === null || pendingClass === null || nowMs >= Date.parse(until)) return null;
  if (!isSameMachine) return null;
  if (next.multiplier <= pending) return { ...next, until };
  return isSameMultiplier(pending, next.multiplier)
    ? { multiplier: pending, hardwareClass: pendingClass, until }
    : null;
}

/**
 * Judges what a registered node reports of its hardware. A higher multiplier waits out a quarantine, which begins when it
 * is first reported; the third change of hardware holds the node for review.
 */
export function judgeHardware(row: NodeRow, reported: HardwareProfile, nowMs: number): JudgedHardware {
  const current = effectiveHardware(row, nowMs);
  const next = classOf(reported);
  const stored: unknown = JSON.parse(row.hardware_json);
  const fingerprint = Value.Check(HardwareProfile, stored) ? stored.fingerprint : '';
  const before = { fingerprint, multiplier: row.pending_multiplier ?? row.multiplier };
  const after = { fingerprint: reported.fingerprint, multiplier: next.multiplier };
  const changes = row.hardware_changes + (isHardwareChange(before, after) ? 1 : 0);
  const isForReview = changes >= HARDWARE_CHANGES_BEFORE_REVIEW && changes > row.hardware_changes;
  const hours = quarantineHours(current.multiplier, next.multiplier);
  const waiting: Waiting | null =
    hours === 0
      ? null
      : (runningQuarantine(row, next, fingerprint === reported.fingerprint, nowMs) ?? {
          ...next,
          until: timestampOf(nowMs + hours * HOUR_MS),
        });
  const counted = waiting === null ? next : current;
  return {
    columns: {
      hardware_class: counted.hardwareClass,
      multiplier: counted.multiplier,
      pending_multiplier: waiting?.multiplier ?? null,
      pending_class: waiting?.hardwareClass ?? null,
      quarantine_until: waiting?.until ?? null,
      hardware_changes: changes,
      ...(isForReview ? { status: 'suspended', suspension: 'review' } : {}),
    },
    quarantine: {
      quarantine_required: waiting !== null,
      duration_hours: waiting === null ? 0 : (Date.parse(waiting.until) - nowMs) / HOUR_MS,
      quarantine_until: waiting?.until ?? null,
      old_multiplier: current.multiplier,
      new_multiplier: waiting?.multiplier ?? next.multiplier,
      multiplier_ratio: current.multiplier > 0 ? (waiting?.multiplier ?? next.multiplier) / current.multiplier : 1,
    },
    isForReview,
  };
}
