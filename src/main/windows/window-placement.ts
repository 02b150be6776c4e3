import type { AppMemoryDocument } from '../services/app-memory';

/** Rectangle in device-independent pixels. */
export interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const DEFAULT_WINDOW_SIZE = { width: 1_120, height: 760 } as const;
export const MINIMUM_WINDOW_SIZE = { width: 720, height: 560 } as const;
/** This much of the title bar must be on a screen, or the window could not be moved by hand. */
const MINIMUM_VISIBLE = { width: 120, height: 40 } as const;

export interface WindowPlacement {
  readonly width: number;
  readonly height: number;
  /** Absent: the system centres the window. */
  readonly position?: { readonly x: number; readonly y: number };
  readonly maximized: boolean;
}

function overlap(first: Bounds, second: Bounds): { width: number; height: number } {
  return {
    width: Math.min(first.x + first.width, second.x + second.width) - Math.max(first.x, second.x),
    height: Math.min(first.y + first.height, second.y + second.height) - Math.max(first.y, second.y),
  };
}

/**
 * Where to open the window: where it was, if its title bar can still be seen on a screen; otherwise centred, no larger
 * than the first screen.
 * @param screens - work areas of the connected screens, the primary one first
 */
export function placeWindow(remembered: AppMemoryDocument['window'], screens: readonly Bounds[]): WindowPlacement {
  const primary = screens[0];
  const wanted = remembered?.bounds ?? DEFAULT_WINDOW_SIZE;
  const limit = (size: number, minimum: number, available: number | undefined): number =>
    Math.max(minimum, Math.min(size, available ?? size));
  if (remembered !== null) {
    const { bounds } = remembered;
    const titleBar = { ...bounds, height: MINIMUM_VISIBLE.height };
    const screen = screens.find((area) => {
      const visible = overlap(titleBar, area);
      return visible.width >= MINIMUM_VISIBLE.width && visible.height >= MINIMUM_VISIBLE.height / 2;
    });
    if (screen !== undefined) {
      return {
        width: limit(bounds.width, MINIMUM_WINDOW_SIZE.width, screen.width),
        height: limit(bounds.height, MINIMUM_WINDOW_SIZE.height, screen.height),
        position: { x: bounds.x, y: bounds.y },
        maximized: remembered.maximized,
      };
    }
  }
  return {
    width: limit(wanted.width, MINIMUM_WINDOW_SIZE.width, primary?.width),
    height: limit(wanted.height, MINIMUM_WINDOW_SIZE.height, primary?.height),
    maximized: remembered?.maximized ?? false,
  };
}
