import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../errors';

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
 * Removes everything the app keeps, and nothing else: only names it knows are touched, so that a folder which holds other
 * things as well keeps them. Synchronous, as the last act of the program.
 *
 * @returns the names that could not be removed, with the reason
 */
export function removeAllData(userData: string): readonly string[] {
  return [...OWN, ...CHROMIUM].flatMap((name) => {
    try {
      rmSync(join(userData, name), { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
      return [];
    } catch (thrown) {
      return [`${name}: ${reasonOf(thrown)}`];
    }
  });
}
