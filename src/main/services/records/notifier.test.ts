import { describe, expect, it } from 'vitest';
import { DEFAULT_NOTIFICATIONS, type NotificationSettings } from '../../../contract/records';
import { ManualTimers } from '../../test-doubles/manual-timers';
import { isQuiet, Notifier } from './notifier';

const at = (hour: number, minute = 0): number => new Date(2026, 1, 3, hour, minute).getTime();

function notifier(
  changes: { settings?: Partial<NotificationSettings>; full?: boolean | null; watched?: boolean } = {},
) {
  const timers = new ManualTimers(at(12));
  const shown: string[] = [];
  const known = new Set<string>();
  const subject = new Notifier({
    settings: () => ({ ...DEFAULT_NOTIFICATIONS, ...changes.settings }),
    fullScreen: async () => changes.full ?? null,
    watched: () => changes.watched ?? false,
    isFirst: async (key) => known.size !== known.add(key).size,
    show: (_title, text) => void shown.push(text),
    timers,
  });
  return { subject, shown, timers };
}

describe('quiet hours', () => {
  it('may go over midnight', () => {
    const night = { start: 22 * 60, end: 8 * 60 };
    expect([21, 22, 0, 7, 8].map((hour) => isQuiet(night, at(hour)))).toEqual([false, true, true, true, false]);
    const noon = { start: 12 * 60, end: 13 * 60 };
    expect([11, 12, 13].map((hour) => isQuiet(noon, at(hour, 30)))).toEqual([false, true, false]);
    expect(isQuiet(null, at(3))).toBe(false);
  });
});

describe('notifications', () => {
  it('are shown once, and not in a row', async () => {
    const { subject, shown, timers } = notifier();
    await subject.notify('notice', 'a', '', 'first');
    await subject.notify('problem', 'b', '', 'too soon');
    timers.advance(3_600_000);
    await subject.notify('notice', 'a', '', 'the same again');
    await subject.notify('problem', 'b', '', 'second');
    expect(shown).toEqual(['first', 'second']);
  });

  it.each<[string, Parameters<typeof notifier>[0]]>([
    ['of a kind that is off', { settings: { notice: false } }],
    ['in quiet hours', { settings: { quietHours: { start: 11 * 60, end: 13 * 60 } } }],
    ['over a program that fills the screen', { full: true }],
    ['while the window is looked at', { watched: true }],
  ])('are not shown %s', async (_what, changes) => {
    const { subject, shown } = notifier(changes);
    await subject.notify('notice', 'a', '', 'text');
    expect(shown).toEqual([]);
  });

  it('are shown where the system does not tell whether a program fills the screen', async () => {
    const { subject, shown } = notifier({ full: null });
    await subject.notify('notice', 'a', '', 'text');
    expect(shown).toEqual(['text']);
  });
});
