import type { SecretStore } from '../../node';
import { success } from '../../protocol/result';
import type { SecretVault } from './secret-vault';

const IDENTITY_SECRET = 'node-identity';
/** By which paired computers know this app. */
export const CONTROLLER_SECRET = 'remote-controller';

/** An identity key in the app's vault: the node's own where no other is named. */
export function identityStore(vault: SecretVault, name = IDENTITY_SECRET): SecretStore {
  return {
    location: vault.location,
    load() {
      const stored = vault.read(name);
      if (!stored.ok) return Promise.resolve(stored);
      return Promise.resolve(success(stored.value === null ? null : Buffer.from(stored.value, 'base64')));
    },
    save: (secret) => vault.write(name, Buffer.from(secret).toString('base64')),
  };
}
