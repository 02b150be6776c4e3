import { readFile } from 'node:fs/promises';
import type { SurroundingReadings } from './surroundings';

/**
 * Readings from a file instead of from the computer, so that a test can be idle or busy when it likes. A packaged app
 * never looks for it.
 */
export function injectedReadings(
  packaged: boolean,
  environment: NodeJS.ProcessEnv,
): (() => Promise<Partial<SurroundingReadings>>) | null {
  const path = environment['TORE_TEST_READINGS'];
  if (packaged || path === undefined || path === '') return null;
  return async () => JSON.parse(await readFile(path, 'utf8')) as Partial<SurroundingReadings>;
}
