import type { ToreApi } from '../contract';

declare global {
  interface Window {
    /** Put there by the preload script; the window's only way to the app. */
    readonly tore: ToreApi;
  }
}
