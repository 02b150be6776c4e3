import type { Cryptography } from '../../protocol/signing/ed25519';
import { refuseTrust, type TrustResult } from '../../protocol/trust/errors';
import { followKeyLinks, readKeyLink, type KeyLink } from '../../protocol/trust/key-link';
import { isPartyIdForm, partyIdOf } from '../../protocol/trust/party-id';
import { TRUST_LIMITS } from '../../protocol/trust/trust-limits';
import { timestampOf, type Clock } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';

/** Parties that nobody has heard of for this long may be bound to a key anew; their records have expired before. */
const FORGET_AFTER_MS = 2 * TRUST_LIMITS.maxRecordLifetimeMs;

/** A party with the key it proved. */
export interface PartyClaim {
  readonly nodeId: string;
  readonly publicKey: string;
  /** From a key that may be known to the one that was proved. */
  readonly links: readonly unknown[];
}

/**
 * Which key belongs to which party. A party is bound to the first key it comes with; another key counts only through
 * links that the earlier key has signed.
 */
export class PartyKeys {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly cryptography: Cryptography,
  ) {}

  /** Takes a proved claim; fails with `key-replaced`, `key-link-invalid` or `signature-wrong` when the party has another key. */
  async claim(transaction: DatabaseTransaction, claim: PartyClaim): Promise<TrustResult<void>> {
    const { nodeId, publicKey } = claim;
    const now = timestampOf(this.clock.nowMs());
    const known = await transaction
      .selectFrom('party_keys')
      .selectAll()
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    if (known?.public_key === publicKey) {
      await transaction.updateTable('party_keys').set({ used_at: now }).where('node_id', '=', nodeId).execute();
      return { ok: true, value: undefined };
    }
    if (await this.isReplaced(publicKey, transaction)) {
      return refuseTrust('key-replaced', 'This key was replaced by a newer one of its party.', {
        suggestion: 'Use the newer key, or restore it from its backup.',
      });
    }
    const holder = await transaction
      .selectFrom('party_keys')
      .select('node_id')
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    if (holder !== undefined) return refuseTrust('wrongly-addressed', 'This key belongs to another party.');
    if (known === undefined) return this.bind(transaction, claim, now);
    return this.replace(transaction, claim, known, now);
  }

  /** Every key of a party that its current key has replaced, and the current one. */
  async keysOf(publicKey: string): Promise<string[]> {
    const party = await this.database
      .selectFrom('party_keys')
      .select('node_id')
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    if (party === undefined) return [publicKey];
    const replaced = await this.database
      .selectFrom('replaced_keys')
      .select('public_key')
      .where('node_id', '=', party.node_id)
      .execute();
    return [publicKey, ...replaced.map((row) => row.public_key)];
  }

  /** The key that counts for a party now, when the given one was its key at some time. */
  async currentKeyOf(publicKey: string): Promise<string> {
    const replaced = await this.database
      .selectFrom('replaced_keys')
      .innerJoin('party_keys', 'party_keys.node_id', 'replaced_keys.node_id')
      .select('party_keys.public_key as current')
      .where('replaced_keys.public_key', '=', publicKey)
      .executeTakeFirst();
    return replaced?.current ?? publicKey;
  }

  /** Links of a party from its first key here to the current one. */
  async linksOf(nodeId: string): Promise<unknown[]> {
    const row = await this.database
      .selectFrom('party_keys')
      .select('links_json')
      .where('node_id', '=', nodeId)
      .executeTakeFirst();
    return row === undefined ? [] : (JSON.parse(row.links_json) as unknown[]);
  }

  async isReplaced(publicKey: string, source: Database | DatabaseTransaction = this.database): Promise<boolean> {
    const row = await source
      .selectFrom('replaced_keys')
      .select('public_key')
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    return row !== undefined;
  }

  async prune(nowMs: number): Promise<void> {
    await this.database
      .deleteFrom('party_keys')
      .where('used_at', '<', timestampOf(nowMs - FORGET_AFTER_MS))
      .execute();
  }

  /** A party that is new here. What its links say about earlier keys is kept as well. */
  private async bind(
    transaction: DatabaseTransaction,
    { nodeId, publicKey, links }: PartyClaim,
    now: string,
  ): Promise<TrustResult<void>> {
    const first = links.length === 0 ? null : readKeyLink(links[0], this.cryptography);
    if (first !== null && !first.ok) return first;
    const firstKey = first === null ? publicKey : first.value.old_public_key;
    const followed = followKeyLinks({ nodeId, publicKey: firstKey }, links, this.cryptography);
    if (!followed.ok) return followed;
    if (followed.value.publicKey !== publicKey) {
      return refuseTrust('key-link-invalid', 'The key links do not lead to the key that signed.');
    }
    if (isPartyIdForm(nodeId) && nodeId !== partyIdOf(firstKey, this.cryptography)) {
      return refuseTrust('wrongly-addressed', 'This node id is made of another key.');
    }
    const row = { node_id: nodeId, public_key: publicKey, links_json: JSON.stringify(links), used_at: now };
    await transaction.insertInto('party_keys').values(row).execute();
    return this.noteReplaced(transaction, nodeId, links as readonly KeyLink[]);
  }

  private async replace(
    transaction: DatabaseTransaction,
    { nodeId, publicKey, links }: PartyClaim,
    known: { readonly public_key: string; readonly links_json: string },
    now: string,
  ): Promise<TrustResult<void>> {
    const followed = followKeyLinks({ nodeId, publicKey: known.public_key }, links, this.cryptography);
    if (!followed.ok) return followed;
    if (followed.value.publicKey !== publicKey) {
      return refuseTrust('signature-wrong', 'This node id belongs to another key.', {
        suggestion: 'A party that changes its key shows a link signed by the earlier one.',
      });
    }
    const all = links as readonly KeyLink[];
    const added = all.slice(all.findIndex((link) => link.old_public_key === known.public_key));
    const kept = [...(JSON.parse(known.links_json) as unknown[]), ...added];
    // Whoever asks for the links of a party follows all of them, and no more than these.
    if (kept.length > TRUST_LIMITS.maxKeyLinks) {
      return refuseTrust('key-link-invalid', `A key may have been replaced at most ${TRUST_LIMITS.maxKeyLinks} times.`);
    }
    await transaction
      .updateTable('party_keys')
      .set({ public_key: publicKey, links_json: JSON.stringify(kept), used_at: now })
      .where('node_id', '=', nodeId)
      .execute();
    return this.noteReplaced(transaction, nodeId, added);
  }

  private async noteReplaced(
    transaction: DatabaseTransaction,
    nodeId: string,
    links: readonly KeyLink[],
  ): Promise<TrustResult<void>> {
    for (const link of links) {
      await transaction
        .insertInto('replaced_keys')
        .values({ public_key: link.old_public_key, node_id: nodeId, replaced_at: link.issued_at })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
    return { ok: true, value: undefined };
  }
}
