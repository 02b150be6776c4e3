import { success, type Result } from '../../protocol/result';
import { WEBSOCKET_PATH } from '../../protocol/wire/limits';
import { nodeFailure, type NodeErrorCode } from '../errors';

/** Longest address accepted; browsers and proxies stop near it too. */
const MAX_URL_LENGTH = 2_000;

/** The two forms of a coordinator's address, both without a trailing slash. */
export interface CoordinatorUrl {
  /** `http:` or `https:`, with the path prefix a reverse proxy may have given it. */
  readonly base: string;
  /** The same with `ws:` or `wss:` and the path of the WebSocket binding. */
  readonly webSocket: string;
}

/**
 * Reads what a person typed: `http`, `https`, `ws` and `wss` name the same coordinator, a trailing slash or `/ws` does
 * not matter, and without a scheme `https` is meant (`http` on this computer).
 */
export function parseCoordinatorUrl(text: string): Result<CoordinatorUrl, NodeErrorCode> {
  const refused = (reason: string): ReturnType<typeof nodeFailure> =>
    nodeFailure('coordinator-url-invalid', `This is not the address of a coordinator: ${reason}.`, {
      suggestion: 'An address looks like https://coordinator.example.org or http://127.0.0.1:7410.',
    });
  const trimmed = text.trim();
  if (trimmed === '') return refused('it is empty');
  if (trimmed.length > MAX_URL_LENGTH) return refused('it is too long');
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/i.test(trimmed);
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `${local ? 'http' : 'https'}://${trimmed}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    return refused('it cannot be read as a web address');
  }
  const secure = { 'http:': false, 'https:': true, 'ws:': false, 'wss:': true }[url.protocol];
  if (secure === undefined) return refused(`the scheme ${url.protocol} is not known`);
  if (url.username !== '' || url.password !== '') return refused('it holds a user name or password');
  if (url.search !== '' || url.hash !== '') return refused('it holds a query or a fragment');
  const path = url.pathname
    .replace(/\/+$/, '')
    .replace(new RegExp(`${WEBSOCKET_PATH}$`), '')
    .replace(/\/+$/, '');
  return success({
    base: `${secure ? 'https' : 'http'}://${url.host}${path}`,
    webSocket: `${secure ? 'wss' : 'ws'}://${url.host}${path}${WEBSOCKET_PATH}`,
  });
}

/** A model id inside a path: its slashes stay, everything else is escaped. */
export function modelPath(modelId: string): string {
  return modelId.split('/').map(encodeURIComponent).join('/');
}

/** Whether an address is reached from this computer only. What cannot be read is not. */
export function isLoopbackUrl(url: string): boolean {
  const hostname = URL.canParse(url) ? new URL(url).hostname : '';
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
