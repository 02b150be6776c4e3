import type { SessionCostConfirmation } from '../../protocol/federation/session-credential';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { Agreement } from '../../protocol/trust/agreement';
import type { LedgerCost } from '../../protocol/wire/session-messages';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import type { GroupSessionTable } from './session-tables';

type Source = Database | DatabaseTransaction;

/** A session as it is offered. */
export type OfferedRow = Pick<GroupSessionTable, 'id' | 'title' | 'mode' | 'agreement_ref' | 'created_at'> & {
  readonly display_name: string;
};

/** Reads and writes what sessions have to do with other coordinators: guests, offers to peers, costs that peers confirmed. */
export class GuestStore {
  constructor(private readonly database: Database) {}

  /** Costs that the ledgers of peers have confirmed. */
  async confirmed(sessionId: string): Promise<LedgerCost[]> {
    const rows = await this.database
      .selectFrom('federation_session_costs')
      .select('confirmation_json')
      .where('session_id', '=', sessionId)
      .orderBy('turn_id')
      .execute();
    return rows.map(({ confirmation_json: text }) => {
      const { turn_id, ledger_ref, gft, entry_hash, confirmed_at, coordinator_id } = JSON.parse(
        text,
      ) as SessionCostConfirmation;
      return { turn_id, ledger_ref, gft, entry_hash, confirmed_at, coordinator_id };
    });
  }

  async isSpentElsewhere(confirmed: SessionCostConfirmation, source: Source): Promise<boolean> {
    const row = await source
      .selectFrom('federation_session_costs')
      .select('turn_id')
      .where('coordinator_id', '=', confirmed.coordinator_id)
      .where('ledger_ref', '=', confirmed.ledger_ref)
      .executeTakeFirst();
    return row !== undefined;
  }

  async saveConfirmation(
    transaction: DatabaseTransaction,
    confirmed: Pick<SessionCostConfirmation, 'coordinator_id' | 'ledger_ref' | 'session_id' | 'turn_id'>,
  ): Promise<void> {
    const { coordinator_id, ledger_ref, session_id, turn_id } = confirmed;
    const confirmation_json = JSON.stringify(confirmed);
    await transaction
      .insertInto('federation_session_costs')
      .values({ coordinator_id, ledger_ref, session_id, turn_id, confirmation_json })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** Notes which peer answers for a participant. */
  async saveGuest(
    transaction: DatabaseTransaction,
    sessionId: string,
    publicKey: string,
    peerKey: string,
  ): Promise<void> {
    await transaction
      .insertInto('federation_guests')
      .values({ session_id: sessionId, public_key: publicKey, peer_key: peerKey })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  /** The peer that answers for a participant, null when nobody does. */
  async guestPeer(sessionId: string, publicKey: string): Promise<string | null> {
    const row = await this.database
      .selectFrom('federation_guests')
      .select('peer_key')
      .where('session_id', '=', sessionId)
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    return row?.peer_key ?? null;
  }

  /** Open sessions under an agreement of this id which is the one that is meant, the newest first. */
  async offersUnder(agreementId: string, isMeant: (agreement: Agreement) => boolean): Promise<OfferedRow[]> {
    const rows = await this.database
      .selectFrom('group_sessions')
      .innerJoin('group_participants', (join) =>
        join
          .onRef('group_participants.session_id', '=', 'group_sessions.id')
          .onRef('group_participants.public_key', '=', 'group_sessions.created_by'),
      )
      .select(['group_sessions.id', 'title', 'mode', 'agreement_ref', 'agreement_json', 'display_name', 'created_at'])
      .where('agreement_ref', '=', agreementId)
      .where('group_sessions.status', '=', 'open')
      .orderBy('created_at', 'desc')
      .limit(SESSION_LIMITS.maxOffers)
      .execute();
    return rows.filter(({ agreement_json: text }) => text !== null && isMeant(JSON.parse(text) as Agreement));
  }
}
