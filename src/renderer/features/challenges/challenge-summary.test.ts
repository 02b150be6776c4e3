import { describe, expect, it } from 'vitest';
import type { ChallengeRecord } from '../../../protocol/compute/node-snapshot';
import { lastDecided, sortChallenges, summarizeChallenges } from './challenge-summary';

function record(verdict: ChallengeRecord['verdict'], receivedAt: string): ChallengeRecord {
  return {
    taskId: receivedAt,
    modelId: 'm',
    range: { layer_start: 0, layer_end: 1 },
    receivedAt,
    durationMs: null,
    verdict,
    message: '',
  };
}

const records = [
  record('passed', '2026-01-01T00:00:00Z'),
  record('waiting', '2026-01-01T00:10:00Z'),
  record('error', '2026-01-01T00:05:00+00:00'),
  record('failed', '2025-12-31T23:59:59.123456Z'),
];

describe('challenges', () => {
  it('are counted by verdict', () => {
    expect(summarizeChallenges(records)).toEqual({ passed: 1, failed: 2, waiting: 1 });
    expect(summarizeChallenges([])).toEqual({ passed: 0, failed: 0, waiting: 0 });
  });

  it('know which one moved the reliability last', () => {
    expect(lastDecided(records)?.verdict).toBe('error');
    expect(lastDecided(records.slice(1, 2))?.verdict).toBe('waiting');
    expect(lastDecided([])).toBeNull();
  });

  it('are listed newest first, however their times are written', () => {
    expect(sortChallenges(records).map(({ verdict }) => verdict)).toEqual(['waiting', 'error', 'passed', 'failed']);
  });
});
