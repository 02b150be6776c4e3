import type { NotificationKind, NotificationSettings } from '../../../contract/records';
import type { Timers } from '../timers';

const MINUTES_PER_DAY = 1_440;
/** No more than one in this time; what comes in between is found in the window. */
const MIN_INTERVAL_MS = 600_000;

/** Whether a time of day lies in the quiet hours, which may go over midnight. */
export function isQuiet(quiet: NotificationSettings['quietHours'], nowMs: number): boolean {
  if (quiet === null || quiet.start === quiet.end) return false;
  const now = new Date(nowMs);
  const minute = now.getHours() * 60 + now.getMinutes();
  const since = (minute - quiet.start + MINUTES_PER_DAY) % MINUTES_PER_DAY;
  return since < (quiet.end - quiet.start + MINUTES_PER_DAY) % MINUTES_PER_DAY;
}

export interface NotifierOptions {
  readonly settings: () => NotificationSettings;
  /** Whether a program fills the screen; null where the system does not tell. */
  readonly fullScreen: () => Promise<boolean | null>;
  /** Whether somebody looks at the window, which shows the same. */
  readonly watched: () => boolean;
  /** Marks a notification as shown. @returns whether it was not shown before */
  readonly isFirst: (key: string) => Promise<boolean>;
  readonly show: (title: string, text: string) => void;
  readonly timers: Timers;
}

/** The few notifications of the system: none of a kind that is off, none in quiet hours or over full screen, none twice. */
export class Notifier {
  readonly #options: NotifierOptions;
  #lastMs: number | null = null;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** @param key - what makes it the same notification */
  async notify(kind: NotificationKind, key: string, title: string, text: string): Promise<void> {
    const { settings, fullScreen, watched, isFirst, show, timers } = this.#options;
    const nowMs = timers.now();
    if (!settings()[kind] || watched() || isQuiet(settings().quietHours, nowMs)) return;
    const sinceLastMs = this.#lastMs === null ? MIN_INTERVAL_MS : nowMs - this.#lastMs;
    if (sinceLastMs >= 0 && sinceLastMs < MIN_INTERVAL_MS) return;
    if ((await fullScreen()) === true || !(await isFirst(`${kind}:${key}`))) return;
    this.#lastMs = nowMs;
    show(title, text);
  }
}
