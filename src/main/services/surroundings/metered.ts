import { reasonOf } from '../../errors';
import { openBus } from './desktop-bus';
import type { Support } from './idle-time';
import { run } from './run-tool';

export interface MeteredReader {
  readonly support: Support;
  read(): Promise<boolean | null>;
}

/** NetworkManager's answers: unknown 0, yes 1, no 2, guessed yes 3, guessed no 4. */
export function meteredOf(value: unknown): boolean | null {
  if (value === 1 || value === 3) return true;
  return value === 2 || value === 4 ? false : null;
}

const cannot = (why: string): MeteredReader => ({ support: { kind: 'no', why }, read: () => Promise.resolve(null) });

async function networkManager(): Promise<MeteredReader> {
  const call = await openBus('system');
  const ask = async (): Promise<boolean | null> =>
    meteredOf(
      await call({
        destination: 'org.freedesktop.NetworkManager',
        path: '/org/freedesktop/NetworkManager',
        interface: 'org.freedesktop.DBus.Properties',
        member: 'Get',
        signature: 'ss',
        body: ['org.freedesktop.NetworkManager', 'Metered'],
      }),
    );
  await ask();
  return { support: { kind: 'yes' }, read: () => ask().catch(() => null) };
}

const WINDOWS_SCRIPT =
  '[void][Windows.Networking.Connectivity.NetworkInformation,Windows.Networking.Connectivity,ContentType=WindowsRuntime]; $p = [Windows.Networking.Connectivity.NetworkInformation]::GetInternetConnectionProfile(); if ($p) { $p.GetConnectionCost().NetworkCostType }';

async function readWindows(): Promise<boolean | null> {
  const cost = (await run('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', WINDOWS_SCRIPT])).trim();
  if (cost === 'Unrestricted') return false;
  return cost === 'Fixed' || cost === 'Variable' ? true : null;
}

/** Whether the network costs by volume, as far as this system tells. */
export async function openMeteredReader(platform: NodeJS.Platform): Promise<MeteredReader> {
  if (platform === 'win32') return { support: { kind: 'yes' }, read: () => readWindows().catch(() => null) };
  if (platform === 'darwin')
    return cannot('macOS tells programs without a native part nothing about metered networks.');
  try {
    return await networkManager();
  } catch (thrown) {
    return cannot(`NetworkManager, which tells it on Linux, does not answer (${reasonOf(thrown)}).`);
  }
}
