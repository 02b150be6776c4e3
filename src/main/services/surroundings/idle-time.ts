import { reasonOf } from '../../errors';
import { openBus } from './desktop-bus';

/** A reading, or why this system does not give it. */
export type Support = { readonly kind: 'yes' } | { readonly kind: 'no'; readonly why: string };

export interface IdleReader {
  readonly support: Support;
  /** Seconds since the last input, null when it cannot be told now. */
  read(): Promise<number | null>;
}

interface Source {
  readonly name: string;
  readonly path: string;
  readonly interface: string;
  readonly method: string;
  /** Units of its answer in one second. */
  readonly perSecond: number;
}

/**
 * Desktop services that tell a Wayland session's idle time, best first. Wayland itself gives it to no program. KDE
 * answers in milliseconds although the specification of the ScreenSaver interface says seconds.
 */
const SOURCES: readonly Source[] = [
  {
    name: 'org.gnome.Mutter.IdleMonitor',
    path: '/org/gnome/Mutter/IdleMonitor/Core',
    interface: 'org.gnome.Mutter.IdleMonitor',
    method: 'GetIdletime',
    perSecond: 1_000,
  },
  {
    name: 'org.kde.screensaver',
    path: '/ScreenSaver',
    interface: 'org.freedesktop.ScreenSaver',
    method: 'GetSessionIdleTime',
    perSecond: 1_000,
  },
  {
    name: 'org.freedesktop.ScreenSaver',
    path: '/org/freedesktop/ScreenSaver',
    interface: 'org.freedesktop.ScreenSaver',
    method: 'GetSessionIdleTime',
    perSecond: 1,
  },
];

type Ask = (source: Source) => Promise<unknown>;

function secondsOf(answer: unknown, source: Source): number | null {
  const amount = typeof answer === 'bigint' ? Number(answer) : answer;
  return typeof amount === 'number' && Number.isFinite(amount) && amount >= 0 ? amount / source.perSecond : null;
}

/** Finds the first service of the desktop that answers. */
export async function findIdleSource(ask: Ask): Promise<IdleReader> {
  const failures: string[] = [];
  for (const source of SOURCES) {
    try {
      if (secondsOf(await ask(source), source) === null) continue;
      return {
        support: { kind: 'yes' },
        read: async () => {
          try {
            return secondsOf(await ask(source), source);
          } catch {
            return null;
          }
        },
      };
    } catch (thrown) {
      failures.push(`${source.name}: ${reasonOf(thrown)}`);
    }
  }
  return {
    support: { kind: 'no', why: 'This Wayland desktop has no service that tells how long nobody used the computer.' },
    read: () => Promise.resolve(null),
  };
}

/** Idle time of a Wayland session, asked of the desktop over D-Bus. */
async function waylandIdle(): Promise<IdleReader> {
  try {
    const call = await openBus('session');
    return await findIdleSource(({ name, path, interface: of, method }) =>
      call({ destination: name, path, interface: of, member: method }),
    );
  } catch (thrown) {
    return {
      support: { kind: 'no', why: `The session bus cannot be reached (${reasonOf(thrown)}).` },
      read: () => Promise.resolve(null),
    };
  }
}

/**
 * Idle time on this system.
 * @param systemIdleSeconds - Electron's own reading, right on X11, Windows and macOS
 */
export async function openIdleReader(
  systemIdleSeconds: () => number,
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): Promise<IdleReader> {
  const wayland =
    platform === 'linux' &&
    (environment['XDG_SESSION_TYPE'] === 'wayland' || environment['WAYLAND_DISPLAY'] !== undefined);
  if (wayland) return waylandIdle();
  return { support: { kind: 'yes' }, read: () => Promise.resolve(systemIdleSeconds()) };
}
