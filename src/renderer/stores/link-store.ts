import { create } from 'zustand';

/** The address that is asked about before it is opened; null when none is. */
export const useLinkStore = create<{ readonly address: string | null }>(() => ({ address: null }));

/** Asks whether an address of the web may be opened in the system's browser. */
export function askToOpenLink(address: string): void {
  useLinkStore.setState({ address });
}

export function forgetLink(): void {
  useLinkStore.setState({ address: null });
}
