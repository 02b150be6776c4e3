import type { Agreement, AgreementParty } from './agreement';

function listedKeys(metadata: unknown, nodeId: string): readonly unknown[] {
  if (typeof metadata !== 'object' || metadata === null || !('member_keys' in metadata)) return [];
  const { member_keys: byParty } = metadata;
  if (typeof byParty !== 'object' || byParty === null || !Object.hasOwn(byParty, nodeId)) return [];
  const keys = (byParty as Readonly<Record<string, unknown>>)[nodeId];
  return Array.isArray(keys) ? (keys as readonly unknown[]) : [];
}

/** Every key that acts for a party of an agreement. */
export function keysOfParties({ parties, metadata }: Pick<Agreement, 'parties' | 'metadata'>): readonly string[] {
  const keys = parties.flatMap(({ node_id: nodeId, public_key: key }) => [key, ...listedKeys(metadata, nodeId)]);
  return [...new Set(keys.filter((key) => typeof key === 'string'))];
}

/**
 * The party a key acts for: its own, or one of its computers, which all parties have signed under `metadata.member_keys`
 * (by node id). Unknown forms of that field name nobody.
 */
export function partyOfKey(
  agreement: Pick<Agreement, 'parties' | 'metadata'>,
  publicKey: string,
): AgreementParty | null {
  const acts = ({ node_id: nodeId, public_key: key }: AgreementParty): boolean =>
    key === publicKey || listedKeys(agreement.metadata, nodeId).includes(publicKey);
  return agreement.parties.find(acts) ?? null;
}

/** Whether a key acts for a party of an agreement. */
export function actsForParty(agreement: Pick<Agreement, 'parties' | 'metadata'>, publicKey: string): boolean {
  return partyOfKey(agreement, publicKey) !== null;
}
