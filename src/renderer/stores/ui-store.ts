import { create } from 'zustand';
import type { ScreenName } from '../../contract';

/** Parts of the Contribute screen. */
export const CONTRIBUTE_TABS = ['rules', 'models', 'computers'] as const;
export type ContributeTab = (typeof CONTRIBUTE_TABS)[number];

interface UiStore {
  readonly screen: ScreenName;
  readonly contributeTab: ContributeTab;
  /** What the user chose; a narrow window collapses the rail whatever it says. */
  readonly railCollapsed: boolean;
  /** Whether the welcome steps are on show; null until the first snapshot decides. */
  readonly welcomeOpen: boolean | null;
  /** Counts up when the composer should take the focus. */
  readonly composerFocusRequests: number;
  /** Whether the list of keyboard shortcuts is on show. */
  readonly shortcutsOpen: boolean;
}

const RAIL_KEY = 'tore.rail-collapsed';

export const useUiStore = create<UiStore>(() => ({
  screen: 'dashboard',
  contributeTab: 'rules',
  railCollapsed: globalThis.localStorage?.getItem(RAIL_KEY) === 'true',
  welcomeOpen: null,
  composerFocusRequests: 0,
  shortcutsOpen: false,
}));

export function showScreen(screen: ScreenName): void {
  useUiStore.setState({ screen });
}

/** Chooses a part of the Contribute screen; does not open the screen. */
export function showContributeTab(contributeTab: ContributeTab): void {
  useUiStore.setState({ contributeTab });
}

export function setRailCollapsed(railCollapsed: boolean): void {
  globalThis.localStorage?.setItem(RAIL_KEY, String(railCollapsed));
  useUiStore.setState({ railCollapsed });
}

export function setWelcomeOpen(welcomeOpen: boolean): void {
  useUiStore.setState({ welcomeOpen });
}

export function setShortcutsOpen(shortcutsOpen: boolean): void {
  useUiStore.setState({ shortcutsOpen });
}

export function focusComposer(): void {
  useUiStore.setState(({ composerFocusRequests }) => ({ composerFocusRequests: composerFocusRequests + 1 }));
}
