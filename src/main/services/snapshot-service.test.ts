import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../contract/settings';
import type { SnapshotUpdate } from '../../contract/snapshot';
import { ManualTimers } from '../test-doubles/manual-timers';
import { initialSnapshot } from './initial-snapshot';
import { SnapshotService } from './snapshot-service';

function createService() {
  const timers = new ManualTimers();
  const updates: SnapshotUpdate[] = [];
  const service = new SnapshotService(
    initialSnapshot({
      appVersion: '1',
      settings: DEFAULT_SETTINGS,
      hasRemoteAccessToken: false,
      hasInvitation: false,
      secretsEncrypted: true,
    }),
    (name, payload) => {
      if (name === 'snapshot-updated') updates.push(payload as SnapshotUpdate);
    },
    timers,
  );
  return { service, timers, updates };
}

describe('SnapshotService', () => {
  it('sends only what changed, once, with the newest values', () => {
    const { service, timers, updates } = createService();
    service.update({ hasRemoteAccessToken: true });
    service.update({ appVersion: '2' });
    service.update({ appVersion: '3' });
    timers.advance(0);
    expect(updates).toEqual([{ revision: 1, changes: { hasRemoteAccessToken: true, appVersion: '3' } }]);
  });

  it('sends nothing when nothing changed', () => {
    const { service, timers, updates } = createService();
    service.update({ settings: DEFAULT_SETTINGS });
    timers.advance(1_000);
    expect(updates).toEqual([]);
  });

  it('sends at most five updates a second and never drops the last one', () => {
    const { service, timers, updates } = createService();
    for (let step = 0; step < 100; step++) {
      service.update({ appVersion: String(step) });
      timers.advance(10);
    }
    timers.advance(1_000);
    expect(updates.length).toBeLessThanOrEqual(6);
    expect(updates.at(-1)?.changes.appVersion).toBe('99');
    expect(updates.map(({ revision }) => revision)).toEqual(updates.map((_, index) => index + 1));
  });

  it('sends the first change after a quiet time at once', () => {
    const { service, timers, updates } = createService();
    service.update({ appVersion: 'a' });
    timers.advance(5_000);
    service.update({ appVersion: 'b' });
    timers.advance(0);
    expect(updates).toHaveLength(2);
  });

  it('gives a whole snapshot that the following updates continue', () => {
    const { service, timers, updates } = createService();
    service.update({ appVersion: 'a' });
    const whole = service.read();
    expect(whole.snapshot.appVersion).toBe('a');
    service.update({ appVersion: 'b' });
    timers.advance(1_000);
    expect(updates.at(-1)).toEqual({ revision: whole.revision + 1, changes: { appVersion: 'b' } });
  });

  it('tells listeners inside main of every change at once', () => {
    const { service } = createService();
    const seen: string[] = [];
    const end = service.onChange(({ appVersion }) => seen.push(appVersion));
    service.update({ appVersion: 'a' });
    end();
    service.update({ appVersion: 'b' });
    expect(seen).toEqual(['a']);
  });
});
