import { describe, expect, it } from 'vitest';
import { DEFAULT_WINDOW_SIZE, placeWindow } from './window-placement';

const laptop = { x: 0, y: 0, width: 1_440, height: 860 };
const monitor = { x: 1_440, y: -200, width: 2_560, height: 1_400 };

describe('placeWindow', () => {
  it('opens at its usual size in the middle the first time', () => {
    expect(placeWindow(null, [laptop])).toEqual({ ...DEFAULT_WINDOW_SIZE, maximized: false });
  });

  it('opens where it was', () => {
    const bounds = { x: 2_000, y: 100, width: 1_300, height: 900 };
    expect(placeWindow({ bounds, maximized: true }, [laptop, monitor])).toEqual({
      width: 1_300,
      height: 900,
      position: { x: 2_000, y: 100 },
      maximized: true,
    });
  });

  it('comes back to the middle when its screen is gone', () => {
    const bounds = { x: 2_000, y: 100, width: 1_300, height: 900 };
    expect(placeWindow({ bounds, maximized: false }, [laptop])).toEqual({
      width: 1_300,
      height: 860,
      maximized: false,
    });
  });

  it.each([
    ['above every screen', { x: 100, y: -600, width: 800, height: 600 }],
    ['with its title bar just above the screen', { x: 100, y: -35, width: 800, height: 600 }],
    ['with a sliver at the right', { x: 1_400, y: 10, width: 800, height: 600 }],
    ['below the screen', { x: 100, y: 855, width: 800, height: 600 }],
  ])('does not open %s', (_name, bounds) => {
    expect(placeWindow({ bounds, maximized: false }, [laptop]).position).toBeUndefined();
  });

  it('keeps a window that hangs over an edge but can still be grabbed', () => {
    const bounds = { x: -300, y: 20, width: 900, height: 600 };
    expect(placeWindow({ bounds, maximized: false }, [laptop]).position).toEqual({ x: -300, y: 20 });
  });

  it('is never smaller than the smallest usable size', () => {
    const tiny = { x: 0, y: 0, width: 640, height: 400 };
    expect(placeWindow(null, [tiny])).toEqual({ width: 720, height: 560, maximized: false });
    expect(placeWindow({ bounds: { x: 0, y: 0, width: 10, height: 10 }, maximized: false }, [laptop])).toMatchObject({
      width: 720,
      height: 560,
    });
  });
});
