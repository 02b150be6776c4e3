import { SCREEN_NAMES, type ScreenName } from '../../contract';

export type ShortcutAction =
  | { readonly kind: 'screen'; readonly screen: ScreenName }
  | { readonly kind: 'new-chat' }
  | { readonly kind: 'palette' }
  | { readonly kind: 'shortcuts' };

type Platform = 'linux' | 'darwin' | 'win32';

/** What of a key press matters here. */
export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Keys of screens that are not reached by their place in the rail. */
const SCREEN_KEYS: Readonly<Partial<Record<ScreenName, string>>> = { settings: ',' };

/** The key that shows a screen together with Ctrl or Cmd, or null: the first nine have their number. */
export function screenKey(screen: ScreenName): string | null {
  const own = SCREEN_KEYS[screen];
  if (own !== undefined) return own;
  const place = SCREEN_NAMES.filter((name) => SCREEN_KEYS[name] === undefined).indexOf(screen) + 1;
  return place >= 1 && place <= 9 ? String(place) : null;
}

/** What Ctrl or Cmd with a key does: a screen, a new chat, the palette or the list of shortcuts; anything else is left alone. */
export function shortcutFor(press: KeyPress, platform: Platform): ShortcutAction | null {
  const command = platform === 'darwin' ? press.metaKey && !press.ctrlKey : press.ctrlKey && !press.metaKey;
  if (!command || press.altKey) return null;
  // Where the slash lies on a shifted key, shift belongs to it.
  if (press.key === '/') return { kind: 'shortcuts' };
  if (press.shiftKey) return null;
  const key = press.key.toLowerCase();
  if (key === 'n') return { kind: 'new-chat' };
  if (key === 'k') return { kind: 'palette' };
  const screen = SCREEN_NAMES.find((name) => screenKey(name) === key);
  return screen === undefined ? null : { kind: 'screen', screen };
}

/** How a shortcut is written on this platform, for titles. */
export function shortcutLabel(key: string, platform: Platform): string {
  return platform === 'darwin' ? `⌘${key}` : `Ctrl+${key}`;
}
