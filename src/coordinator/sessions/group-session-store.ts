import type { SessionParticipant, Turn } from '../../protocol/session/session';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { Agreement } from '../../protocol/trust/agreement';
import type { LedgerCost, SessionHead, SessionOffer } from '../../protocol/wire/session-messages';
import { toWireGft } from '../../protocol/compute/micro-gft';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import { GuestStore } from './guest-store';
import { lastOfPage } from './page-of-turns';
import type { GroupInvitationTable, GroupParticipantTable, GroupSessionTable } from './session-tables';

type Source = Database | DatabaseTransaction;

/** What a request was settled with, as the ledger has it. */
export interface SettledRequest {
  readonly publicKey: string;
  readonly modelId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly chargedMicroGft: number;
  readonly sessionId: string | null;
  readonly participantId: string | null;
  readonly confirmedAt: string;
}

/** A participant as the documents have it. */
export function participantOf(row: GroupParticipantTable): SessionParticipant {
  return {
    id: row.id,
    display_name: row.display_name,
    platform: row.platform,
    role: row.role,
    ...(row.model_json === null
      ? {}
      : { model: JSON.parse(row.model_json) as NonNullable<SessionParticipant['model']> }),
    public_key: row.public_key,
    joined_at: row.joined_at,
    ...(row.left_at === null ? {} : { left_at: row.left_at }),
  };
}

/** A session as it is offered to the parties of its agreement. */
export function offerOf(
  row: Pick<GroupSessionTable, 'id' | 'title' | 'mode' | 'agreement_ref' | 'created_at'> & { display_name: string },
): SessionOffer {
  const { id, title, mode, agreement_ref: agreement, display_name: openedBy, created_at } = row;
  return { session_id: id, title, mode, agreement_ref: agreement ?? '', opened_by: openedBy, created_at };
}

/** Reads and writes group sessions. What must not change between reading and writing happens in a locked transaction. */
export class GroupSessionStore {
  readonly guests: GuestStore;

  constructor(
    private readonly database: Database,
    private readonly coordinatorId: string,
  ) {
    this.guests = new GuestStore(database);
  }

  headOf(row: GroupSessionTable): SessionHead {
    return {
      id: row.id,
      title: row.title,
      mode: row.mode,
      status: row.status,
      coordinator_id: this.coordinatorId,
      agreement_ref: row.agreement_ref,
      cost_unit: row.cost_unit,
      cost_rate: row.cost_rate,
      created_at: row.created_at,
      updated_at: row.updated_at,
      last_seq: row.last_seq,
    };
  }

  agreementOf(row: GroupSessionTable): Agreement | null {
    return row.agreement_json === null ? null : (JSON.parse(row.agreement_json) as Agreement);
  }

  /**
   * Runs work on a session that nobody else can change meanwhile, on whichever machine they are: the update takes the
   * row's lock first. The work gets undefined for a session that does not exist.
   */
  locked<Value>(
    sessionId: string,
    work: (transaction: DatabaseTransaction, row: GroupSessionTable | undefined) => Promise<Value>,
  ): Promise<Value> {
    return this.database.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('group_sessions')
        .set((expression) => ({ last_seq: expression.ref('last_seq') }))
        .where('id', '=', sessionId)
        .execute();
      return work(transaction, await this.find(sessionId, transaction));
    });
  }

  transaction<Value>(work: (transaction: DatabaseTransaction) => Promise<Value>): Promise<Value> {
    return this.database.transaction().execute(work);
  }

  find(sessionId: string, source: Source = this.database): Promise<GroupSessionTable | undefined> {
    return source.selectFrom('group_sessions').selectAll().where('id', '=', sessionId).executeTakeFirst();
  }

  async insertSession(transaction: DatabaseTransaction, row: GroupSessionTable): Promise<void> {
    await transaction.insertInto('group_sessions').values(row).execute();
  }

  async updateSession(
    transaction: DatabaseTransaction,
    sessionId: string,
    change: Partial<Pick<GroupSessionTable, 'title' | 'mode' | 'status' | 'updated_at' | 'last_seq'>>,
  ): Promise<void> {
    await transaction.updateTable('group_sessions').set(change).where('id', '=', sessionId).execute();
  }

  async ownedBy(publicKey: string, source: Source): Promise<number> {
    const row = await source
      .selectFrom('group_sessions')
      .select((build) => build.fn.countAll<number | string>().as('count'))
      .where('created_by', '=', publicKey)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  }

  /** The sessions a key is in, the last changed first. */
  async sessionsOf(publicKey: string): Promise<(GroupSessionTable & { role: GroupParticipantTable['role'] })[]> {
    return this.database
      .selectFrom('group_sessions')
      .innerJoin('group_participants', 'group_participants.session_id', 'group_sessions.id')
      .selectAll('group_sessions')
      .select('group_participants.role')
      .where('group_participants.public_key', '=', publicKey)
      .where('group_participants.left_at', 'is', null)
      .orderBy('group_sessions.updated_at', 'desc')
      .limit(10_000)
      .execute();
  }

  async countsOf(sessionIds: readonly string[]): Promise<Map<string, number>> {
    if (sessionIds.length === 0) return new Map();
    const rows = await this.database
      .selectFrom('group_participants')
      .select((build) => ['session_id', build.fn.countAll<number | string>().as('count')])
      .where('session_id', 'in', sessionIds)
      .where('left_at', 'is', null)
      .groupBy('session_id')
      .execute();
    return new Map(rows.map((row) => [row.session_id, Number(row.count)]));
  }

  participants(sessionId: string, source: Source = this.database): Promise<GroupParticipantTable[]> {
    return source
      .selectFrom('group_participants')
      .selectAll()
      .where('session_id', '=', sessionId)
      .orderBy('joined_at')
      .orderBy('id')
      .execute();
  }

  participantByKey(
    sessionId: string,
    publicKey: string,
    source: Source = this.database,
  ): Promise<GroupParticipantTable | undefined> {
    return source
      .selectFrom('group_participants')
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
  }

  async isParticipant(publicKey: string): Promise<boolean> {
    const row = await this.database
      .selectFrom('group_participants')
      .select('id')
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    return row !== undefined;
  }

  async saveParticipant(transaction: DatabaseTransaction, row: GroupParticipantTable): Promise<void> {
    const { session_id: sessionId, id, ...change } = row;
    await transaction
      .insertInto('group_participants')
      .values({ session_id: sessionId, id, ...change })
      .onConflict((conflict) => conflict.columns(['session_id', 'id']).doUpdateSet(change))
      .execute();
  }

  async turnById(sessionId: string, turnId: string, source: Source): Promise<Turn | null> {
    const row = await source
      .selectFrom('group_turns')
      .select('turn_json')
      .where('session_id', '=', sessionId)
      .where('id', '=', turnId)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.turn_json) as Turn);
  }

  async knownTurns(sessionId: string, turnIds: readonly string[], source: Source): Promise<Set<string>> {
    if (turnIds.length === 0) return new Set();
    const rows = await source
      .selectFrom('group_turns')
      .select('id')
      .where('session_id', '=', sessionId)
      .where('id', 'in', turnIds)
      .execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** @param isBookedHere - whether its cost, if it has one, stands in the own ledger */
  async insertTurn(
    transaction: DatabaseTransaction,
    { id: sessionId, size_bytes: before }: GroupSessionTable,
    turn: Turn,
    receivedAt: string,
    isBookedHere: boolean,
  ): Promise<void> {
    const text = JSON.stringify(turn);
    const sizeBytes = Buffer.byteLength(text, 'utf8');
    await transaction
      .insertInto('group_turns')
      .values({
        session_id: sessionId,
        seq: turn.seq,
        id: turn.id,
        participant_id: turn.participant_id,
        turn_json: text,
        size_bytes: sizeBytes,
        ledger_ref: isBookedHere ? (turn.inference_cost?.ledger_ref ?? null) : null,
        received_at: receivedAt,
      })
      .execute();
    const change = { last_seq: turn.seq, size_bytes: before + sizeBytes, updated_at: receivedAt };
    await this.updateSession(transaction, sessionId, change);
  }

  /** Turns after a number, as many as a page holds. A turn that alone is larger than a page still makes one. */
  async page(sessionId: string, afterSeq: number, limit: number = SESSION_LIMITS.maxPageTurns): Promise<Turn[]> {
    const sizes = await this.database
      .selectFrom('group_turns')
      .select(['seq', 'size_bytes'])
      .where('session_id', '=', sessionId)
      .where('seq', '>', afterSeq)
      .orderBy('seq')
      .limit(limit)
      .execute();
    const last = lastOfPage(sizes);
    if (last === null) return [];
    const rows = await this.database
      .selectFrom('group_turns')
      .select('turn_json')
      .where('session_id', '=', sessionId)
      .where('seq', '>', afterSeq)
      .where('seq', '<=', last)
      .orderBy('seq')
      .execute();
    return rows.map(({ turn_json: text }) => JSON.parse(text) as Turn);
  }

  /** The request that a ledger entry settled, or null. */
  async settledRequest(ledgerRef: string, source: Source): Promise<SettledRequest | null> {
    const row = await source
      .selectFrom('requests')
      .innerJoin('nodes', 'nodes.id', 'requests.node_id')
      .innerJoin('ledger_entries', 'ledger_entries.id', 'requests.ledger_ref')
      .select([
        'nodes.public_key as publicKey',
        'requests.model_id as modelId',
        'requests.input_tokens as inputTokens',
        'requests.output_tokens as outputTokens',
        'requests.charged_micro_gft as chargedMicroGft',
        'requests.session_id as sessionId',
        'requests.participant_id as participantId',
        'ledger_entries.timestamp as confirmedAt',
      ])
      .where('requests.ledger_ref', '=', ledgerRef)
      .executeTakeFirst();
    return row ?? null;
  }

  /**
   * Whether an entry of the own ledger already stands behind another turn, in whatever session, here or elsewhere. Turns of
   * two sessions may have one id.
   */
  async isSpent(ledgerRef: string, source: Source, turn: { sessionId: string; id: string }): Promise<boolean> {
    const here = await source
      .selectFrom('group_turns')
      .select('id')
      .where('ledger_ref', '=', ledgerRef)
      .executeTakeFirst();
    if (here !== undefined) return true;
    const elsewhere = await source
      .selectFrom('federation_session_costs')
      .select('turn_id')
      .where('coordinator_id', '=', this.coordinatorId)
      .where('ledger_ref', '=', ledgerRef)
      .where((build) => build.or([build('session_id', '!=', turn.sessionId), build('turn_id', '!=', turn.id)]))
      .executeTakeFirst();
    return elsewhere !== undefined;
  }

  /** What an entry of the own ledger took. */
  async ledgerEntry(ledgerRef: string, source: Source): Promise<{ readonly gft: number; readonly entry_hash: string }> {
    const row = await source
      .selectFrom('ledger_entries')
      .select(['amount_micro_gft', 'entry_hash'])
      .where('id', '=', ledgerRef)
      .executeTakeFirstOrThrow();
    return { gft: toWireGft(Math.abs(row.amount_micro_gft)), entry_hash: row.entry_hash };
  }

  /** The costs of a session, read from the ledger and not from the turns. */
  async ledgerCosts(sessionId: string): Promise<LedgerCost[]> {
    const rows = await this.database
      .selectFrom('group_turns')
      .innerJoin('ledger_entries', 'ledger_entries.id', 'group_turns.ledger_ref')
      .select([
        'group_turns.id as turnId',
        'ledger_entries.id as ledgerRef',
        'ledger_entries.amount_micro_gft as amount',
        'ledger_entries.entry_hash as entryHash',
        'ledger_entries.timestamp as confirmedAt',
      ])
      .where('group_turns.session_id', '=', sessionId)
      .orderBy('group_turns.seq')
      .execute();
    const here = rows.map((row) => ({
      turn_id: row.turnId,
      ledger_ref: row.ledgerRef,
      gft: toWireGft(Math.abs(row.amount)),
      entry_hash: row.entryHash,
      confirmed_at: row.confirmedAt,
    }));
    return [...here, ...(await this.guests.confirmed(sessionId))];
  }

  /** Whether a party of an agreement has named a key as that of one of its own computers. */
  async isMemberKey(agreementId: string, publicKey: string, source: Source = this.database): Promise<boolean> {
    const row = await source
      .selectFrom('agreement_member_keys')
      .select('party_id')
      .where('agreement_id', '=', agreementId)
      .where('public_key', '=', publicKey)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** Notes who may join because of the agreement a session stands on. */
  async insertParties(transaction: DatabaseTransaction, sessionId: string, keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    await transaction
      .insertInto('group_session_parties')
      .values(keys.map((key) => ({ public_key: key, session_id: sessionId })))
      .execute();
  }

  /** Open sessions under an agreement of a key's party which it never was in, the newest first. */
  async offersTo(publicKey: string): Promise<SessionOffer[]> {
    const rows = await this.database
      .selectFrom('group_sessions')
      .innerJoin('group_session_parties', 'group_session_parties.session_id', 'group_sessions.id')
      .innerJoin('group_participants', (join) =>
        join
          .onRef('group_participants.session_id', '=', 'group_sessions.id')
          .onRef('group_participants.public_key', '=', 'group_sessions.created_by'),
      )
      .select(['group_sessions.id', 'title', 'mode', 'agreement_ref', 'display_name', 'created_at'])
      .where('group_session_parties.public_key', '=', publicKey)
      .where('group_sessions.status', '=', 'open')
      .where((build) =>
        build.not(
          build.exists(
            build
              .selectFrom('group_participants as own')
              .select('own.id')
              .whereRef('own.session_id', '=', 'group_sessions.id')
              .where('own.public_key', '=', publicKey),
          ),
        ),
      )
      .orderBy('created_at', 'desc')
      .limit(SESSION_LIMITS.maxOffers)
      .execute();
    return rows.map(offerOf);
  }

  /** Whether a party has ended an agreement, by the hash of what was signed. */
  async isAgreementEnded(agreementHash: string, now: string, source: Source = this.database): Promise<boolean> {
    const row = await source
      .selectFrom('agreement_ends')
      .select('ended_at')
      .where('agreement_hash', '=', agreementHash)
      .where('ended_at', '<=', now)
      .executeTakeFirst();
    return row !== undefined;
  }

  async insertInvitation(transaction: DatabaseTransaction, row: GroupInvitationTable): Promise<void> {
    await transaction.insertInto('group_invitations').values(row).execute();
  }

  openInvitations(sessionId: string, now: string, source: Source = this.database): Promise<GroupInvitationTable[]> {
    return source
      .selectFrom('group_invitations')
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('withdrawn_at', 'is', null)
      .where('expires_at', '>', now)
      .whereRef('uses', '<', 'max_uses')
      .orderBy('created_at')
      .execute();
  }

  invitationByHash(sessionId: string, codeHash: string, source: Source): Promise<GroupInvitationTable | undefined> {
    return source
      .selectFrom('group_invitations')
      .selectAll()
      .where('session_id', '=', sessionId)
      .where('code_hash', '=', codeHash)
      .executeTakeFirst();
  }

  async useInvitation(transaction: DatabaseTransaction, invitation: GroupInvitationTable): Promise<void> {
    await transaction
      .updateTable('group_invitations')
      .set({ uses: invitation.uses + 1 })
      .where('id', '=', invitation.id)
      .execute();
  }

  /** False when there is no such open invitation. */
  async withdrawInvitation(
    transaction: DatabaseTransaction,
    sessionId: string,
    invitationId: string,
    withdrawnAt: string,
  ): Promise<boolean> {
    const result = await transaction
      .updateTable('group_invitations')
      .set({ withdrawn_at: withdrawnAt })
      .where('session_id', '=', sessionId)
      .where('id', '=', invitationId)
      .where('withdrawn_at', 'is', null)
      .executeTakeFirst();
    return Number(result.numUpdatedRows) > 0;
  }
}
