import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { CallRegistry } from '../../ipc/call-registry';
import { registerHostCalls } from '../../ipc/calls/host-calls';
import { openElectronDocumentStore } from '../../storage/electron-document-store';
import { CONTROLLER_SECRET, identityStore } from '../identity-store';
import type { Log } from '../log';
import type { SecretVault } from '../secret-vault';
import { HostsService, loadHosts } from './hosts-service';

export interface HostsOptions {
  readonly file: string;
  readonly userData: string;
  readonly vault: SecretVault;
  readonly log: Log;
}

/** Starts what sees and steers the person's other machines. Nothing is contacted before somebody looks. */
export async function startHosts({ file, userData, vault, log }: HostsOptions): Promise<{
  registerCalls(calls: CallRegistry): void;
  close(): void;
}> {
  const hosts = new HostsService({
    hosts: await loadHosts(file, log),
    store: openElectronDocumentStore('hosts', userData, 'The list of computers'),
    secretStore: identityStore(vault, CONTROLLER_SECRET),
    name: hostname().slice(0, 80) || 'Tore',
    newId: randomUUID,
  });
  return { registerCalls: (calls) => registerHostCalls(calls, hosts), close: () => hosts.close() };
}
