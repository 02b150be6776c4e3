import type { MessageWriter } from '../../protocol/trust/compose-message';
import type { DiscoveryRecord, UnsignedDiscoveryRecord } from '../../protocol/trust/discovery';
import { signDiscoveryRecord } from '../../protocol/signing/sign-document';
import { nodeCryptography } from '../ed25519';
import { got } from './handshake-pair';

/** A signed record of a party, with what a test wants to differ. */
export function testRecord(
  party: MessageWriter,
  issuedAtMs: number,
  changes: Partial<UnsignedDiscoveryRecord> = {},
): DiscoveryRecord {
  const record: UnsignedDiscoveryRecord = {
    tore_spec: 'tore-0002',
    type: 'discovery',
    id: `record-of-${party.nodeId}`,
    node: {
      node_id: party.nodeId,
      public_key: party.signer.publicKey,
      display_name: party.name,
      institution: party.institution,
    },
    capabilities: [{ domain: 'science', subdomain: 'chemistry', models: ['org/chem-7b'], description: 'Spectra.' }],
    endpoints: [],
    governance_mode: 'voluntary',
    challenge_policy: { accepts: true, quota: { count: 3, window_seconds: 3_600 } },
    issued_at: new Date(issuedAtMs).toISOString(),
    expires_at: new Date(issuedAtMs + 30 * 86_400_000).toISOString(),
    metadata: {},
    ...changes,
  };
  return got(signDiscoveryRecord(record, party.signer, nodeCryptography));
}
