import { APP_ORIGIN, APP_PAGE } from './app-protocol';
import { originOf } from '../ipc/call-registry';

export interface PageAddress {
  readonly page: string;
  readonly origin: string;
  /** Origin of the development server, null when the app's own files are shown. */
  readonly developmentOrigin: string | null;
}

/** Where the window's page comes from. A development server is used by an unpackaged app only, and only on this computer. */
export function pageAddress(packaged: boolean, developmentUrl: string | undefined): PageAddress {
  if (!packaged && developmentUrl !== undefined && URL.canParse(developmentUrl)) {
    const { hostname } = new URL(developmentUrl);
    const origin = originOf(developmentUrl);
    if (origin !== null && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
      return { page: developmentUrl, origin, developmentOrigin: origin };
    }
  }
  return { page: APP_PAGE, origin: APP_ORIGIN, developmentOrigin: null };
}
