import type { Agreement } from '../../protocol/trust/agreement';
import type { TerminationNotice } from '../../protocol/trust/termination';
import { toEpochMs } from '../../protocol/documents/time';
import { timestampOf, type Clock } from '../clock';
import type { Database } from '../storage/database-schema';

/** Refusals kept of one peer, so that a flood of them fills nothing. */
const MAX_REFUSALS = 1_000;
const TRIM_EVERY = 100;
/** Agreements with one peer that are looked at; renewed once a month they last for eight years. */
const MAX_AGREEMENTS = 100;
const MAX_MESSAGE_LENGTH = 500;
/** Times behind it have a year of more digits, and would sort before all others as text. */
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Why something of a peer was refused. */
export interface Refusal {
  readonly at: string;
  readonly code: string;
  readonly message: string;
}

export interface StoredPeer {
  readonly isCut: boolean;
  readonly termination: TerminationNotice | null;
  readonly lastUpAt: string | null;
}

/** What is kept of peers beside the configuration: cuts, terminations, refusals. */
export class PeerStore {
  private sinceTrim = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** What is known of a peer under an agreement; makes its row. */
  async load(publicKey: string, agreementId: string): Promise<StoredPeer> {
    await this.database
      .insertInto('federation_peers')
      .values({
        public_key: publicKey,
        agreement_id: agreementId,
        is_cut: 0,
        termination_json: null,
        ended_at: null,
        last_up_at: null,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const row = await this.database
      .selectFrom('federation_peers')
      .selectAll()
      .where('public_key', '=', publicKey)
      .where('agreement_id', '=', agreementId)
      .executeTakeFirstOrThrow();
    return {
      isCut: row.is_cut === 1,
      termination: row.termination_json === null ? null : (JSON.parse(row.termination_json) as TerminationNotice),
      lastUpAt: row.last_up_at,
    };
  }

  /** Keeps an agreement that was read for a peer; what was read before stays. */
  async keepAgreement(publicKey: string, agreement: Agreement): Promise<void> {
    await this.database
      .insertInto('federation_agreements')
      .values({
        peer_key: publicKey,
        agreement_id: agreement.id,
        agreement_json: JSON.stringify(agreement),
        read_at: timestampOf(this.clock.nowMs()),
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** The agreements that were read for a peer, newest first. */
  async agreements(publicKey: string): Promise<{ id: string; json: string }[]> {
    const rows = await this.database
      .selectFrom('federation_agreements')
      .select(['agreement_id', 'agreement_json'])
      .where('peer_key', '=', publicKey)
      .orderBy('read_at', 'desc')
      .orderBy('agreement_id')
      .limit(MAX_AGREEMENTS)
      .execute();
    return rows.map((row) => ({ id: row.agreement_id, json: row.agreement_json }));
  }

  async setCut(publicKey: string, isCut: boolean): Promise<void> {
    await this.database
      .updateTable('federation_peers')
      .set({ is_cut: isCut ? 1 : 0 })
      .where('public_key', '=', publicKey)
      .execute();
  }

  async noteUp(publicKey: string, agreementId: string): Promise<void> {
    await this.database
      .updateTable('federation_peers')
      .set({ last_up_at: timestampOf(this.clock.nowMs()) })
      .where('public_key', '=', publicKey)
      .where('agreement_id', '=', agreementId)
      .execute();
  }

  /** Keeps the notice that ends an agreement with a peer earliest. */
  async end(publicKey: string, notice: TerminationNotice): Promise<void> {
    const endedAt = timestampOf(Math.min(toEpochMs(notice.effective_at), LAST_TIME_MS));
    await this.database
      .updateTable('federation_peers')
      .set({ termination_json: JSON.stringify(notice), ended_at: endedAt })
      .where('public_key', '=', publicKey)
      .where('agreement_id', '=', notice.agreement_id)
      .where((build) => build.or([build('ended_at', 'is', null), build('ended_at', '>', endedAt)]))
      .execute();
  }

  async noteRefusal(peerKey: string, code: string, message: string): Promise<void> {
    await this.database
      .insertInto('federation_refusals')
      .values({
        peer_key: peerKey,
        at: timestampOf(this.clock.nowMs()),
        code: code.slice(0, 100),
        message: message.replaceAll('\u0000', '').slice(0, MAX_MESSAGE_LENGTH),
      })
      .execute();
    this.sinceTrim += 1;
    if (this.sinceTrim >= TRIM_EVERY) await this.trim(peerKey);
  }

  /** The newest refusals of a peer, newest first. */
  async refusals(peerKey: string, limit: number): Promise<Refusal[]> {
    return this.database
      .selectFrom('federation_refusals')
      .select(['at', 'code', 'message'])
      .where('peer_key', '=', peerKey)
      .orderBy('id', 'desc')
      .limit(limit)
      .execute();
  }

  private async trim(peerKey: string): Promise<void> {
    this.sinceTrim = 0;
    const oldest = await this.database
      .selectFrom('federation_refusals')
      .select('id')
      .where('peer_key', '=', peerKey)
      .orderBy('id', 'desc')
      .offset(MAX_REFUSALS)
      .limit(1)
      .executeTakeFirst();
    if (oldest === undefined) return;
    await this.database
      .deleteFrom('federation_refusals')
      .where('peer_key', '=', peerKey)
      .where('id', '<=', oldest.id)
      .execute();
  }
}
