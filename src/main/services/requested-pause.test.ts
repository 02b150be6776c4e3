import { describe, expect, it } from 'vitest';
import { success } from '../../protocol/result';
import { ManualTimers } from '../test-doubles/manual-timers';
import { RecordingLog } from '../test-doubles/recording-log';
import { AppMemory, EMPTY_MEMORY, type AppMemoryDocument } from './app-memory';
import { PauseMemory } from './requested-pause';

function create(timers = new ManualTimers(), document: AppMemoryDocument = EMPTY_MEMORY) {
  const memory = new AppMemory(document, { write: () => success(undefined) }, new RecordingLog());
  return { timers, memory, pauses: new PauseMemory(memory, timers) };
}

describe('snoozes of devices', () => {
  it('end by themselves, one by one, and outlive the app', () => {
    const { timers, memory, pauses } = create();
    pauses.pauseDevice('cpu', 15);
    pauses.pauseDevice('gpu0', null);
    const again = create(timers, memory.current).pauses;
    expect(again.devices).toEqual({ cpu: { until: '2026-01-01T12:15:00.000Z' }, gpu0: { until: null } });
    timers.advance(15 * 60_000);
    expect(again.devices).toEqual({ gpu0: { until: null } });
    again.resumeDevice('gpu0');
    expect(again.devices).toEqual({});
  });
});

describe('a clock that is set back', () => {
  it('does not make a snooze longer than it was meant to be', () => {
    const { memory, pauses, timers } = create();
    pauses.pause(15);
    pauses.pauseDevice('network', 15);
    const earlier = new ManualTimers();
    earlier.advance(-3 * 86_400_000);
    const back = create(earlier, memory.current).pauses;
    expect(back.current).toMatchObject({ kind: 'snoozed', until: '2025-12-29T12:15:00.000Z' });
    expect(back.devices['network']).toEqual({ until: '2025-12-29T12:15:00.000Z' });
    earlier.advance(15 * 60_000);
    expect(back.current).toBeNull();
    expect(pauses.current).toMatchObject({ until: '2026-01-01T12:15:00.000Z' });
    timers.advance(15 * 60_000);
    expect(pauses.current).toBeNull();
  });
});
