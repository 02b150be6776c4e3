import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DownloadState } from '../../../contract/models';
import type { Failure } from '../../../protocol/result';
import { nextDownloadState, type DownloadEvent } from './download-state';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const cut: Failure = { code: 'source-failed', message: 'The line was cut.', retryable: true };
const wrong: Failure = { code: 'weights-invalid', message: 'Other bytes came.', retryable: false };
const failed = (error: Failure, failures = 1): DownloadEvent => ({ kind: 'failed', error, failures, nowMs: NOW });

const states: DownloadState[] = [
  { kind: 'waiting' },
  { kind: 'running' },
  { kind: 'paused' },
  { kind: 'failed', error: cut, retryAt: new Date(NOW).toISOString() },
  { kind: 'failed', error: wrong, retryAt: null },
  { kind: 'done' },
];
const events: DownloadEvent[] = [
  { kind: 'begun' },
  { kind: 'finished' },
  failed(cut),
  failed(wrong),
  { kind: 'pause-asked' },
  { kind: 'resume-asked' },
  { kind: 'retry-due' },
];

describe('a download', () => {
  it('runs through', () => {
    const begun = nextDownloadState({ kind: 'waiting' }, { kind: 'begun' });
    expect(nextDownloadState(begun, { kind: 'finished' })).toEqual({ kind: 'done' });
  });

  it('waits longer after each failure that may pass, and for the person after one that does not', () => {
    const waits = [1, 2, 3, 4, 5, 99].map((failures) => {
      const state = nextDownloadState({ kind: 'running' }, failed(cut, failures));
      return state.kind === 'failed' && state.retryAt !== null ? Date.parse(state.retryAt) - NOW : null;
    });
    expect(waits).toEqual([5_000, 15_000, 60_000, 300_000, 300_000, 300_000]);
    const lasting = nextDownloadState({ kind: 'running' }, failed(wrong));
    expect(lasting).toEqual({ kind: 'failed', error: wrong, retryAt: null });
    expect(nextDownloadState(lasting, { kind: 'retry-due' })).toBe(lasting);
    expect(nextDownloadState(lasting, { kind: 'resume-asked' })).toEqual({ kind: 'waiting' });
  });

  it('stays paused whatever an engine still says', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...events.filter(({ kind }) => kind !== 'resume-asked'))), (late) => {
        const state = late.reduce(nextDownloadState, { kind: 'paused' } as DownloadState);
        expect(state).toEqual({ kind: 'paused' });
      }),
    );
  });

  it('can always be brought to its end', () => {
    fc.assert(
      fc.property(fc.constantFrom(...states), fc.array(fc.constantFrom(...events)), (start, happened) => {
        const state = [
          ...happened,
          { kind: 'resume-asked' } as const,
          { kind: 'begun' } as const,
          { kind: 'finished' } as const,
        ].reduce(nextDownloadState, start);
        expect(state.kind).toBe('done');
      }),
    );
  });
});
