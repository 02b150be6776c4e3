import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../errors';
import type { Log } from '../log';

/** What the app keeps in its folder, by name. */
const OWN = [
  'settings.json',
  'state.json',
  'secrets.json',
  'models.json',
  'hosts.json',
  'own-models.json',
  'conversations',
  'library',
  'trust',
  'sessions',
  'node',
  'coordinator',
  'records',
  'logs',
] as const;

/** What Chromium keeps there for the app's window. */
const CHROMIUM = [
  'blob_storage',
  'Cache',
  'Code Cache',
  'Cookies',
  'Cookies-journal',
  'Crashpad',
  'databases',
  'DawnCache',
  'DawnGraphiteCache',
  'DawnWebGPUCache',
  'Dictionaries',
  'DIPS',
  'GPUCache',
  'IndexedDB',
  'Local State',
  'Local Storage',
  'Network Persistent State',
  'Preferences',
  'Service Worker',
  'Session Storage',
  'Shared Dictionary',
  'SharedStorage',
  'shared_proto_db',
  'TransportSecurity',
  'Trust Tokens',
  'Trust Tokens-journal',
  'VideoDecodeStats',
  'WebStorage',
] as const;

/**
 * What stays beside an own file that was damaged, or that was being written when the app ended: `<name>.broken-<time>.json`,
 * `<name>.json.<hex>.tmp`, and `<name>.json.tmp-<number>` of electron-store.
 */
const LEFTOVER = /^([a-z-]+)(?:\.broken-[\dTZ-]+\.json|\.json\.[\da-f]{12}\.tmp|\.json\.tmp-[\da-f]+)$/;

function isLeftover(name: string): boolean {
  const file = LEFTOVER.exec(name)?.[1];
  return file !== undefined && OWN.some((own) => own === `${file}.json`);
}

/**
 * Removes everything the app keeps, and nothing else: only names it knows are touched, so that a folder which holds other
 * things as well keeps them. Synchronous, as the last act of the program.
 *
 * @returns the names that could not be removed, with the reason
 */
export function removeAllData(userData: string): readonly string[] {
  const left: string[] = [];
  const attempt = (name: string, act: () => void): void => {
    try {
      act();
    } catch (thrown) {
      left.push(`${name}: ${reasonOf(thrown)}`);
    }
  };
  const names: string[] = [...OWN, ...CHROMIUM];
  attempt(userData, () => names.push(...readdirSync(userData).filter(isLeftover)));
  for (const name of names) {
    attempt(name, () => rmSync(join(userData, name), { recursive: true, force: true, maxRetries: 3, retryDelay: 100 }));
  }
  return left;
}

/** Removes everything the app keeps and says what had to stay, which nobody would look for after the app's end. */
export function removeAndTell(userData: string, log: Log, tell: (left: readonly string[]) => void): void {
  const left = removeAllData(userData);
  if (left.length === 0) return;
  log.error({ left }, 'some of the data could not be removed');
  tell(left);
}
