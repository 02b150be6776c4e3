import { nodeCryptography } from '../keys/ed25519';
import type { Clock } from './clock';
import { DiscoveryIndex } from './discovery/discovery-index';
import { PartyKeys } from './discovery/party-keys';
import { AgreementMembers, type InstitutionKeys } from './handshake/agreement-members';
import { HandshakeRelay } from './handshake/handshake-relay';
import type { Hub } from './hub/hub';
import type { Database } from './storage/database-schema';

/** Discovery, handshakes and agreements of one coordinator (tore-0002). */
export interface TrustServices {
  readonly partyKeys: PartyKeys;
  readonly discovery: DiscoveryIndex;
  readonly relay: HandshakeRelay;
  readonly agreements: AgreementMembers;
}

/** Puts them together. */
export function createTrustServices(
  database: Database,
  coordinatorId: string,
  config: InstitutionKeys,
  clock: Clock,
  hub: Pick<Hub, 'tellKey'>,
): TrustServices {
  const partyKeys = new PartyKeys(database, clock, nodeCryptography);
  return {
    partyKeys,
    discovery: new DiscoveryIndex(database, coordinatorId, partyKeys, clock, nodeCryptography),
    relay: new HandshakeRelay(database, coordinatorId, partyKeys, clock, nodeCryptography, (publicKey) =>
      hub.tellKey(publicKey, { type: 'inbox-changed', public_key: publicKey }),
    ),
    agreements: new AgreementMembers(database, coordinatorId, config, clock, nodeCryptography),
  };
}
