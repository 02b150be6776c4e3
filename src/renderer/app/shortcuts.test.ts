import { describe, expect, it } from 'vitest';
import { SCREEN_NAMES } from '../../contract';
import { screenKey, shortcutFor, type KeyPress } from './shortcuts';

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: true,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more,
});

describe('shortcutFor', () => {
  it('opens the screens in the order of the rail, and settings with the comma', () => {
    const numbered = SCREEN_NAMES.filter((screen) => screen !== 'settings').slice(0, 9);
    numbered.forEach((screen, index) => {
      expect(shortcutFor(press(String(index + 1)), 'linux')).toEqual({ kind: 'screen', screen });
    });
    expect(shortcutFor(press(','), 'win32')).toEqual({ kind: 'screen', screen: 'settings' });
    expect(shortcutFor(press('0'), 'linux')).toBeNull();
    expect(shortcutFor(press('x'), 'linux')).toBeNull();
  });

  it('gives no two screens the same key', () => {
    const keys = SCREEN_NAMES.map(screenKey).filter((key) => key !== null);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('starts a new chat, opens the palette and the list of shortcuts', () => {
    expect(shortcutFor(press('N'), 'linux')).toEqual({ kind: 'new-chat' });
    expect(shortcutFor(press('k'), 'linux')).toEqual({ kind: 'palette' });
    expect(shortcutFor(press('/'), 'linux')).toEqual({ kind: 'shortcuts' });
    expect(shortcutFor(press('/', { shiftKey: true }), 'win32')).toEqual({ kind: 'shortcuts' });
  });

  it('takes Cmd on a Mac and Ctrl elsewhere, alone', () => {
    expect(shortcutFor(press('1', { ctrlKey: false, metaKey: true }), 'darwin')).not.toBeNull();
    expect(shortcutFor(press('1'), 'darwin')).toBeNull();
    expect(shortcutFor(press('1', { ctrlKey: false }), 'linux')).toBeNull();
    expect(shortcutFor(press('1', { altKey: true }), 'linux')).toBeNull();
    expect(shortcutFor(press('n', { shiftKey: true }), 'linux')).toBeNull();
  });
});
