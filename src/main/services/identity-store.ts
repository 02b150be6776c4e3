import type { SecretStore } from '../../node';
import { success } from '../../protocol/result';
import type { SecretVault } from './secret-vault';

const IDENTITY_SECRET = 'node-identity';

/** The node's identity key in the app's vault. */
export function identityStore(vault: SecretVault): SecretStore {
  return {
    location: vault.location,
    load() {
      const stored = vault.read(IDENTITY_SECRET);
      if (!stored.ok) return Promise.resolve(stored);
      return Promise.resolve(success(stored.value === null ? null : Buffer.from(stored.value, 'base64')));
    },
    save: (secret) => vault.write(IDENTITY_SECRET, Buffer.from(secret).toString('base64')),
  };
}
