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
  /** The part of Statistics on show. */
  readonly statisticsTab: StatisticsTab;
  /** The part of Help on show. */
  readonly helpPlace: HelpPlace;
}

export const STATISTICS_TABS = ['figures', 'log', 'notices'] as const;
/** Pages of help, in the order of reading: `resources/help/<language>/<topic>.md`. */
export const HELP_TOPICS = ['start', 'rules', 'earning', 'statistics', 'privacy', 'problems'] as const;
export type HelpTopic = (typeof HELP_TOPICS)[number];
export type HelpPlace = HelpTopic | 'self-test' | 'report';
export type StatisticsTab = (typeof STATISTICS_TABS)[number];

const RAIL_KEY = 'tore.rail-collapsed';

export const useUiStore = create<UiStore>(() => ({
  screen: 'dashboard',
  contributeTab: 'rules',
  railCollapsed: globalThis.localStorage?.getItem(RAIL_KEY) === 'true',
  welcomeOpen: null,
  composerFocusRequests: 0,
  shortcutsOpen: false,
  statisticsTab: 'figures',
  helpPlace: 'start',
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

export function showStatistics(statisticsTab: StatisticsTab): void {
  useUiStore.setState({ screen: 'statistics', statisticsTab });
}

export function showHelp(helpPlace: HelpPlace): void {
  useUiStore.setState({ screen: 'help', helpPlace });
}
