import { app, session, type Session, type WebContents } from 'electron';
import { originOf } from '../ipc/call-registry';
import type { Log } from '../services/log';
import { developmentPolicy } from './content-security';

/**
 * Denies every page of the app what it does not need: going elsewhere, opening windows, embedding pages, permissions,
 * downloads, dictionaries. Applies to all web contents, also to ones that should never exist.
 * @param developmentOrigin - of the development server; null in every other case
 */
export function guardWebContents(ownOrigin: string, developmentOrigin: string | null, log: Log): void {
  app.on('web-contents-created', (_event, contents) => guardContents(contents, ownOrigin, log));
  app.on('session-created', (created) => guardSession(created, log));
  guardSession(session.defaultSession, log);
  if (developmentOrigin === null) return;
  const policy = developmentPolicy(developmentOrigin);
  session.defaultSession.webRequest.onHeadersReceived((details, respond) => {
    respond({ responseHeaders: { ...details.responseHeaders, 'content-security-policy': [policy] } });
  });
}

function guardSession(guarded: Session, log: Log): void {
  denyPermissions(guarded, log);
  // Electron fetches dictionaries from a server of Google's for every session, whether its pages check spelling or not.
  guarded.setSpellCheckerEnabled(false);
  guarded.setSpellCheckerLanguages([]);
}

function guardContents(contents: WebContents, ownOrigin: string, log: Log): void {
  const deny = (event: { preventDefault(): void; url: string }): void => {
    // The development server reloads its own page; a shipped page never navigates.
    if (originOf(event.url) === ownOrigin && ownOrigin.startsWith('http')) return;
    event.preventDefault();
    log.warn({ origin: originOf(event.url) }, 'denied a navigation');
  };
  contents.on('will-navigate', deny);
  contents.on('will-frame-navigate', deny);
  contents.on('will-redirect', deny);
  contents.on('will-attach-webview', (event) => {
    event.preventDefault();
    log.warn({}, 'denied a webview');
  });
  contents.setWindowOpenHandler(({ url }) => {
    log.warn({ origin: originOf(url) }, 'denied a new window');
    return { action: 'deny' };
  });
}

function denyPermissions(target: Session, log: Log): void {
  target.setPermissionRequestHandler((_contents, permission, respond) => {
    log.warn({ permission }, 'denied a permission');
    respond(false);
  });
  target.setPermissionCheckHandler(() => false);
  target.setDevicePermissionHandler(() => false);
  target.on('will-download', (event) => {
    event.preventDefault();
    log.warn({}, 'denied a download');
  });
}
