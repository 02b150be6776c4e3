import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../../errors';
import type { Log } from '../log';

/** Argument of a start that shows no window. */
export const HIDDEN_ARGUMENT = '--hidden';

const AUTOSTART_FILE = 'tore-desktop.desktop';

/** Electron's `app.setLoginItemSettings`, for Windows and macOS. */
export type SetLoginItem = (settings: { openAtLogin: boolean; path?: string; args?: string[] }) => void;

export interface LoginItemPlaces {
  readonly packaged: boolean;
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly executable: string;
  readonly flatpak: boolean;
}

/** Why this installation cannot be started at log-in; null where it can. */
export function loginItemProblem({ packaged, flatpak }: LoginItemPlaces): 'development' | 'sandboxed' | null {
  if (!packaged) return 'development';
  return flatpak ? 'sandboxed' : null;
}

/** A word of the line that starts a program, as the desktop entry specification wants it quoted. */
function quoted(word: string): string {
  return `"${word
    .replace(/[\\"`$]/g, '\\$&')
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')}"`;
}

/** The entry that makes a Linux desktop start the app. */
export function autostartEntry(executable: string, hidden: boolean): string {
  const words = [quoted(executable), ...(hidden ? [HIDDEN_ARGUMENT] : [])];
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Tore',
    'Comment=Shares this computer with a cooperative while its rules allow it',
    `Exec=${words.join(' ')}`,
    'Terminal=false',
    'X-GNOME-Autostart-enabled=true',
    '',
  ].join('\n');
}

/** Starts the app when the person logs in, or no more. */
export class LoginItem {
  constructor(
    private readonly places: LoginItemPlaces,
    private readonly setLoginItem: SetLoginItem,
    private readonly log: Log,
  ) {}

  /** Brings the system in line with the settings, also where the app lies elsewhere than at its last start. */
  async apply({ startAtLogin, startHidden }: { startAtLogin: boolean; startHidden: boolean }): Promise<void> {
    if (loginItemProblem(this.places) !== null) return;
    const { platform, environment, home, executable } = this.places;
    try {
      if (platform !== 'linux') {
        this.setLoginItem({ openAtLogin: startAtLogin, path: executable, args: startHidden ? [HIDDEN_ARGUMENT] : [] });
        return;
      }
      const configuration = environment['XDG_CONFIG_HOME'] ?? '';
      const folder = join(configuration === '' ? join(home, '.config') : configuration, 'autostart');
      const file = join(folder, AUTOSTART_FILE);
      if (!startAtLogin) return await rm(file, { force: true });
      await mkdir(folder, { recursive: true });
      // An AppImage runs from a folder that is gone after the session; what lasts is the file it was started from.
      await writeFile(file, autostartEntry(environment['APPIMAGE'] ?? executable, startHidden), { mode: 0o644 });
    } catch (thrown) {
      this.log.warn({ error: reasonOf(thrown) }, 'the start at log-in could not be set');
    }
  }
}

/** Whether a start shall show no window: it was asked for, something can bring the window back, and there is nothing to ask. */
export function startsHidden(args: readonly string[], trayAvailable: boolean, consentGiven: boolean): boolean {
  return args.includes(HIDDEN_ARGUMENT) && trayAvailable && consentGiven;
}
