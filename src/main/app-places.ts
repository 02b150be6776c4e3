import type { ShippedFiles } from './services/folders';
import type { PageAddress } from './windows/page-address';

/** What the app is given at its start. */
export interface AppPlaces {
  readonly userData: string;
  readonly shipped: ShippedFiles;
  /** Folder of the built entries of main and its processes. */
  readonly entryFolder: string;
  readonly preload: string;
  readonly address: PageAddress;
  /** What the app was started with. */
  readonly arguments: readonly string[];
  /** Ends the app in order, then does something in its place. */
  readonly endThen: (act: () => void) => void;
}

export interface RunningApp {
  /** Brings the window to the front. */
  show(): void;
  /** Takes files that were opened from the desktop into the library and shows them. */
  openFiles(paths: readonly string[]): void;
  /** Shows links of the app that were opened from outside; nothing happens before the person agrees. */
  openLinks(links: readonly string[]): void;
  /** From now on closing the window ends it. */
  prepareToQuit(): void;
  /** Saves and ends everything. */
  close(): Promise<void>;
}
