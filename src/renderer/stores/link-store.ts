import { create } from 'zustand';

/** The address that is asked about before it is opened; null when none is. */
export const useLinkStore = create<{
  readonly address: string | null;
  /** The coordinator a link from outside names, until the person has decided. */
  readonly coordinatorUrl: string | null;
}>(() => ({ address: null, coordinatorUrl: null }));

/** Asks whether this computer shall work for a coordinator. */
export function askToJoin(coordinatorUrl: string | null): void {
  useLinkStore.setState({ coordinatorUrl });
}

/** Asks whether an address of the web may be opened in the system's browser. */
export function askToOpenLink(address: string): void {
  useLinkStore.setState({ address });
}

export function forgetLink(): void {
  useLinkStore.setState({ address: null });
}
