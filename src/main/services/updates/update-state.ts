import type { UpdatesOffReason, UpdateState } from '../../../contract/system-calls';
import type { Failure } from '../../../protocol/result';

export type UpdateEvent =
  | { readonly kind: 'turned-off'; readonly reason: UpdatesOffReason }
  | { readonly kind: 'turned-on' }
  | { readonly kind: 'check-begun' }
  | { readonly kind: 'nothing-new'; readonly at: string }
  | { readonly kind: 'found'; readonly version: string }
  | { readonly kind: 'download-begun' }
  | { readonly kind: 'progressed'; readonly fraction: number }
  | { readonly kind: 'downloaded' }
  | { readonly kind: 'install-wanted' }
  | { readonly kind: 'install-begun' }
  | { readonly kind: 'failed'; readonly error: Failure };

/**
 * What becomes of an update (contract/system-calls.ts draws it). What was fetched stays ready whatever a later check
 * says, and an event that means nothing in a state changes nothing.
 */
export function nextUpdateState(state: UpdateState, event: UpdateEvent): UpdateState {
  switch (event.kind) {
    case 'turned-off':
      return state.kind === 'installing' ? state : { kind: 'off', reason: event.reason };
    case 'turned-on':
      return state.kind === 'off' ? { kind: 'idle', checkedAt: null } : state;
    case 'check-begun':
      return state.kind === 'idle' || state.kind === 'failed' || state.kind === 'available'
        ? { kind: 'checking' }
        : state;
    case 'nothing-new':
      return state.kind === 'checking' ? { kind: 'idle', checkedAt: event.at } : state;
    case 'found':
      return state.kind === 'checking' ? { kind: 'available', version: event.version } : state;
    case 'download-begun':
      return state.kind === 'available' ? { kind: 'downloading', version: state.version, fraction: 0 } : state;
    case 'progressed':
      return state.kind === 'downloading'
        ? { ...state, fraction: Math.max(state.fraction, Math.min(1, event.fraction)) }
        : state;
    case 'downloaded':
      return state.kind === 'downloading' ? { kind: 'ready', version: state.version, wanted: false } : state;
    case 'install-wanted':
      return state.kind === 'ready' ? { ...state, wanted: true } : state;
    case 'install-begun':
      return state.kind === 'ready' && state.wanted ? { kind: 'installing', version: state.version } : state;
    case 'failed':
      return state.kind === 'checking' || state.kind === 'downloading' || state.kind === 'installing'
        ? { kind: 'failed', error: event.error }
        : state;
  }
}

/** What is going on in the app that an update must not cut off. */
export interface Activity {
  /** Requests of others this computer works on, and questions of its own person. */
  readonly requestsRun: boolean;
  readonly windowVisible: boolean;
}

/**
 * Whether to install now. Never while a request runs. An update nobody asked for right now waits until the window is
 * closed as well.
 *
 * @param asked - the person said “install”, so the window may go
 */
export function mayInstall(state: UpdateState, activity: Activity, asked: boolean): boolean {
  if (state.kind !== 'ready' || !state.wanted || activity.requestsRun) return false;
  return asked || !activity.windowVisible;
}

/** What kind of installation this is, as far as it decides who keeps it current. */
export interface Installation {
  readonly packaged: boolean;
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `deb`, `rpm`: what the package says of itself; null where it says nothing. */
  readonly packageType: string | null;
  readonly flatpak: boolean;
  readonly hasFeed: boolean;
}

/** Why this installation never updates itself; null where it does. */
export function updatesOffReason(installation: Installation): UpdatesOffReason | null {
  const { packaged, platform, environment, packageType, flatpak, hasFeed } = installation;
  if (!packaged) return 'development';
  if (flatpak || environment['SNAP'] !== undefined || packageType !== null) return 'package-manager';
  if (environment['PORTABLE_EXECUTABLE_DIR'] !== undefined) return 'portable';
  // On Linux only an AppImage is one file that can be replaced.
  if (platform === 'linux' && environment['APPIMAGE'] === undefined) return 'not-installed';
  return hasFeed ? null : 'no-feed';
}
