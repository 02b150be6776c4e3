import type { DeviceId } from '../../protocol/compute/run-preferences';
import { minutesUntilMorning } from '../format/times';
import { callOrNotify } from './notify';

/** How long a pause may last, as menus offer it. */
export const PAUSE_CHOICES = ['minutes15', 'hour1', 'hours4', 'untilMorning', 'untilResumed'] as const;
export type PauseChoice = (typeof PAUSE_CHOICES)[number];

/** Minutes of a choice from a moment on; null is without an end. */
function pauseMinutes(choice: PauseChoice, nowMs: number): number | null {
  switch (choice) {
    case 'minutes15':
      return 15;
    case 'hour1':
      return 60;
    case 'hours4':
      return 240;
    case 'untilMorning':
      return minutesUntilMorning(nowMs);
    case 'untilResumed':
      return null;
  }
}

/** Minutes of a choice from now on; null is without an end. */
export function minutesOf(choice: PauseChoice): number | null {
  return pauseMinutes(choice, Date.now());
}

/** Pauses from now on: everything, or one device. */
export async function pauseFor(
  choice: PauseChoice,
  target: DeviceId | 'all' = 'all',
  finishFirst = false,
): Promise<void> {
  const minutes = minutesOf(choice);
  await callOrNotify('pause', 'policy:snooze', { target, minutes, finishFirst });
}
