import { SCREEN_NAMES, type ScreenName } from '../../contract';

export type ShortcutAction = { readonly kind: 'screen'; readonly screen: ScreenName } | { readonly kind: 'new-chat' };

/** What of a key press matters here. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Ctrl or Cmd with 1 to 6 shows a screen, with N starts a new chat; anything else is left alone. */
export function shortcutFor(press: KeyPress, platform: 'linux' | 'darwin' | 'win32'): ShortcutAction | null {
  const command = platform === 'darwin' ? press.metaKey && !press.ctrlKey : press.ctrlKey && !press.metaKey;
  if (!command || press.altKey || press.shiftKey) return null;
  if (press.key.toLowerCase() === 'n') return { kind: 'new-chat' };
  const screen = /^[1-9]$/.test(press.key) ? SCREEN_NAMES[Number(press.key) - 1] : undefined;
  return screen === undefined ? null : { kind: 'screen', screen };
}

/** How a shortcut is written on this platform, for titles. */
export function shortcutLabel(key: string, platform: 'linux' | 'darwin' | 'win32'): string {
  return platform === 'darwin' ? `⌘${key}` : `Ctrl+${key}`;
}
