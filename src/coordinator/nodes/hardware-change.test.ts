import { describe, expect, it } from 'vitest';
import type { HardwareProfile } from '../../protocol/compute/http/nodes';
import { judgeHardware } from './hardware-change';
import { classOf, type NodeRow } from './node-standing';

const START = Date.parse('2026-01-01T00:00:00Z');
const HOUR = 3_600_000;

function machine(score: number, fingerprint = 'a'): HardwareProfile {
  const scores = { matmul_score: score, memory_score: score, latency_score: score };
  return { cpu_model: 'x', cpu_cores: 8, ram_gb: 16, ...scores, fingerprint };
}

const [slow, fast] = [machine(0.3), machine(0.8)];

function nodeWith(hardware: HardwareProfile): NodeRow {
  const { multiplier, hardwareClass } = classOf(hardware);
  return {
    id: 'n',
    public_key: 'k',
    tore4_node_id: null,
    hardware_json: JSON.stringify(hardware),
    fingerprint: hardware.fingerprint,
    hardware_class: hardwareClass,
    multiplier,
    pending_multiplier: null,
    pending_class: null,
    quarantine_until: null,
    hardware_changes: 0,
    availability_start: null,
    availability_end: null,
    max_gpu_utilization: 0.8,
    protocol_version: '0.1',
    status: 'active',
    suspension: null,
    suspension_reason: null,
    reliability: 1,
    forgiven_until: 0,
    region: null,
    registered_at: '',
    last_seen: '',
  };
}

/** The row after a report. */
function report(row: NodeRow, hardware: HardwareProfile, nowMs: number): NodeRow {
  const { columns } = judgeHardware(row, hardware, nowMs);
  return { ...row, ...columns, hardware_json: JSON.stringify(hardware) };
}

describe('judging reported hardware', () => {
  const waiting = report(nodeWith(slow), fast, START);
  const untilMs = Date.parse(waiting.quarantine_until ?? '');

  it('lets a higher multiplier wait, and a lower one count at once', () => {
    expect(waiting).toMatchObject({
      multiplier: classOf(slow).multiplier,
      pending_multiplier: classOf(fast).multiplier,
      hardware_changes: 1,
    });
    expect(untilMs).toBeGreaterThan(START + HOUR);
    expect(report(nodeWith(fast), slow, START)).toMatchObject({
      multiplier: classOf(slow).multiplier,
      quarantine_until: null,
    });
  });

  it('does not begin a quarantine anew for the same machine, and ends it when it was said', () => {
    let row = waiting;
    for (let nowMs = START + HOUR; nowMs < untilMs; nowMs += HOUR) {
      row = report(row, nowMs % (2 * HOUR) === 0 ? fast : machine(0.8001), nowMs);
      expect(row).toMatchObject({ quarantine_until: waiting.quarantine_until, hardware_changes: 1 });
      expect(row.pending_multiplier).toBe(classOf(fast).multiplier);
    }
    expect(judgeHardware(row, fast, untilMs - HOUR).quarantine).toMatchObject({
      quarantine_required: true,
      duration_hours: 1,
    });
    expect(report(row, fast, untilMs)).toMatchObject({
      multiplier: classOf(fast).multiplier,
      pending_multiplier: null,
      quarantine_until: null,
    });
  });

  it('begins another one for more, or for another machine', () => {
    for (const hardware of [machine(0.99), machine(0.8, 'b')]) {
      const row = report(waiting, hardware, START + HOUR);
      expect(Date.parse(row.quarantine_until ?? '')).toBeGreaterThanOrEqual(untilMs + HOUR);
      expect(row.hardware_changes).toBe(2);
    }
  });

  it('holds the third change for review', () => {
    const twice = report(waiting, machine(0.8, 'b'), START);
    expect(judgeHardware(twice, machine(0.8, 'c'), START)).toMatchObject({
      isForReview: true,
      columns: { status: 'suspended', suspension: 'review', hardware_changes: 3 },
    });
  });
});
