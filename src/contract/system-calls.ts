import { Type, type Static, type TSchema } from 'typebox';
import type { Failure } from '../protocol/result';

/** Who keeps the app current, and how eagerly. */
export const UpdateSettings = Type.Object({
  /** `ask` says that there is a new version and waits; `automatic` fetches it and installs it when nothing runs. */
  mode: Type.Union([Type.Literal('off'), Type.Literal('ask'), Type.Literal('automatic')]),
  channel: Type.Union([Type.Literal('latest'), Type.Literal('beta')]),
});
export type UpdateSettings = Static<typeof UpdateSettings>;

export const DEFAULT_UPDATES: UpdateSettings = { mode: 'ask', channel: 'latest' };

/** Why a build never updates itself. */
export type UpdatesOffReason =
  'development' | 'package-manager' | 'portable' | 'not-installed' | 'no-feed' | 'by-choice';

/**
 * Life of an update.
 *
 *   off ◀──setting──▶ idle ──check──▶ checking ──▶ idle (nothing new)
 *                      ▲                  │
 *                      │                  ▼ a signed, newer version for this computer's stage
 *                   failed ◀── error ── available ──consent──▶ downloading ──▶ ready ──nothing runs──▶ installing
 */
export type UpdateState =
  | { readonly kind: 'off'; readonly reason: UpdatesOffReason }
  | { readonly kind: 'idle'; readonly checkedAt: string | null }
  | { readonly kind: 'checking' }
  | { readonly kind: 'available'; readonly version: string }
  | { readonly kind: 'downloading'; readonly version: string; readonly fraction: number }
  /** Fetched and checked; `wanted` once the person or the setting said to install it as soon as nothing runs. */
  | { readonly kind: 'ready'; readonly version: string; readonly wanted: boolean }
  | { readonly kind: 'installing'; readonly version: string }
  | { readonly kind: 'failed'; readonly error: Failure };

export interface SystemView {
  readonly updates: UpdateState;
  /** Why the app cannot start when the person logs in; null where it can. */
  readonly loginItemProblem: 'development' | 'sandboxed' | null;
  /** Folder with everything the app keeps. */
  readonly dataFolder: string;
  readonly trayAvailable: boolean;
}

export const SYSTEM_CALLS = {
  'system:get': Type.Null(),
  'updates:check': Type.Null(),
  /** Consent to the next step: fetches what is available, installs what is fetched. */
  'updates:proceed': Type.Null(),
  /** Removes everything the app keeps on this computer, and ends it. */
  'system:remove-data': Type.Object({ confirmed: Type.Literal(true) }),
} as const satisfies Record<string, TSchema>;

export interface SystemCallValues {
  'system:get': SystemView;
  'updates:check': null;
  'updates:proceed': null;
  'system:remove-data': null;
}
