import { describe, expect, it } from 'vitest';
import { shortcutFor, type KeyPress } from './shortcuts';

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  ctrlKey: true,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more,
});

describe('shortcutFor', () => {
  it('opens the screens in the order of the rail', () => {
    expect(shortcutFor(press('1'), 'linux')).toEqual({ kind: 'screen', screen: 'dashboard' });
    expect(shortcutFor(press('6'), 'win32')).toEqual({ kind: 'screen', screen: 'settings' });
    expect(shortcutFor(press('7'), 'linux')).toBeNull();
    expect(shortcutFor(press('0'), 'linux')).toBeNull();
  });

  it('starts a new chat', () => {
    expect(shortcutFor(press('N'), 'linux')).toEqual({ kind: 'new-chat' });
  });

  it('takes Cmd on a Mac and Ctrl elsewhere, alone', () => {
    expect(shortcutFor(press('1', { ctrlKey: false, metaKey: true }), 'darwin')).not.toBeNull();
    expect(shortcutFor(press('1'), 'darwin')).toBeNull();
    expect(shortcutFor(press('1', { ctrlKey: false }), 'linux')).toBeNull();
    expect(shortcutFor(press('1', { altKey: true }), 'linux')).toBeNull();
    expect(shortcutFor(press('n', { shiftKey: true }), 'linux')).toBeNull();
  });
});
