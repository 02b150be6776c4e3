import type { Support } from './idle-time';
import { run } from './run-tool';

export interface FullScreenReader {
  readonly support: Support;
  read(): Promise<boolean | null>;
}

/** Window id in the answer of `xprop -root _NET_ACTIVE_WINDOW`, null when no window is active. */
export function parseActiveWindow(text: string): string | null {
  const id = /window id # (0x[0-9a-f]+)/i.exec(text)?.[1] ?? null;
  return id === null || /^0x0+$/i.test(id) ? null : id;
}

/** Whether the answer of `xprop -id … _NET_WM_STATE` names the full-screen state. */
export function isFullScreenState(text: string): boolean {
  return text.includes('_NET_WM_STATE_FULLSCREEN');
}

async function readX11(): Promise<boolean | null> {
  const window = parseActiveWindow(await run('xprop', ['-root', '_NET_ACTIVE_WINDOW']));
  return window === null ? false : isFullScreenState(await run('xprop', ['-id', window, '_NET_WM_STATE']));
}

/** States of SHQueryUserNotificationState in which a program or a presentation has the screen. */
const WINDOWS_BUSY_STATES: ReadonlySet<string> = new Set(['2', '3', '4']);
const WINDOWS_SCRIPT =
  'Add-Type -Namespace Tore -Name Shell -MemberDefinition \'[DllImport("shell32.dll")] public static extern int SHQueryUserNotificationState(out int state);\'; $state = 0; [void][Tore.Shell]::SHQueryUserNotificationState([ref]$state); $state';

async function readWindows(): Promise<boolean | null> {
  const state = await run('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', WINDOWS_SCRIPT]);
  return WINDOWS_BUSY_STATES.has(state.trim());
}

const cannot = (why: string): FullScreenReader => ({ support: { kind: 'no', why }, read: () => Promise.resolve(null) });

const reading = (read: () => Promise<boolean | null>): FullScreenReader => ({
  support: { kind: 'yes' },
  read: () => read().catch(() => null),
});

/** Whether a program fills the screen, as far as this system tells. */
export async function openFullScreenReader(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): Promise<FullScreenReader> {
  if (platform === 'win32') return reading(readWindows);
  if (platform === 'darwin') return cannot('macOS tells no program whether another one fills the screen.');
  if (environment['XDG_SESSION_TYPE'] === 'wayland' || environment['WAYLAND_DISPLAY'] !== undefined) {
    return cannot('Wayland tells no program whether another one fills the screen.');
  }
  const found = await run('xprop', ['-root', '_NET_ACTIVE_WINDOW']).then(
    () => true,
    () => false,
  );
  return found ? reading(readX11) : cannot('The program xprop, which tells it on X11, is not installed.');
}
