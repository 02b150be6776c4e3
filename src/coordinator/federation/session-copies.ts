import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { SessionParticipant, Turn } from '../../protocol/session/session';
import type { Agreement } from '../../protocol/trust/agreement';
import type { EnteredSession, SessionHead, SessionList } from '../../protocol/wire/session-messages';
import { timestampOf, type Clock } from '../clock';
import { lastOfPage } from '../sessions/page-of-turns';
import type { Database, DatabaseTransaction } from '../storage/database-schema';

/** A session that a peer hosts. */
export interface AwaySession {
  readonly peerKey: string;
  readonly agreementId: string;
}

/** Somebody of this side in a session of a peer. */
export interface OwnParticipant {
  readonly participant: SessionParticipant;
  readonly hasLeft: boolean;
}

/** What turns that arrived did to a copy. */
export interface Appended {
  readonly added: readonly Turn[];
  readonly lastSeq: number;
  /** Turns are missing before some that arrived. */
  readonly gap: boolean;
  /** The host has given a number twice. */
  readonly conflict: boolean;
  /** The copy holds as much as a session can, and took no more. */
  readonly isFull: boolean;
}

/** What was wrong with participants a host told of: one had another key than before, or there were more than can be. */
export type ParticipantFault = 'other-key' | 'too-many';

/** Copies of sessions that peers host, so that own people read on while there is no link. Turns stand as the host ordered them. */
export class SessionCopies {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  async all(): Promise<Map<string, AwaySession>> {
    const rows = await this.database
      .selectFrom('federation_sessions')
      .select(['session_id', 'peer_key', 'agreement_id'])
      .execute();
    return new Map(
      rows.map((row) => [row.session_id, { peerKey: row.peer_key, agreementId: row.agreement_id }] as const),
    );
  }

  /**
   * Keeps what the host said when somebody of this side came in.
   *
   * @returns what was wrong with the participants: one with another key keeps the first, those beyond the limit are left out
   */
  keep(away: AwaySession, entered: EnteredSession, publicKey: string): Promise<ParticipantFault | null> {
    const { head, participants, agreement, participant_id: ownId } = entered;
    return this.database.transaction().execute(async (transaction) => {
      const change = {
        agreement_json: agreement === null ? null : JSON.stringify(agreement),
        head_json: JSON.stringify(head),
        updated_at: timestampOf(this.clock.nowMs()),
      };
      await transaction
        .insertInto('federation_sessions')
        .values({
          session_id: head.id,
          peer_key: away.peerKey,
          agreement_id: away.agreementId,
          last_seq: 0,
          ...change,
        })
        .onConflict((conflict) => conflict.column('session_id').doUpdateSet(change))
        .execute();
      const fault = await this.saveParticipants(transaction, head.id, participants);
      await transaction
        .updateTable('federation_session_participants')
        .set({ is_own: 1 })
        .where('session_id', '=', head.id)
        .where('participant_id', '=', ownId)
        .where('public_key', '=', publicKey)
        .execute();
      return fault;
    });
  }

  /** Takes over what changed about a session or its participants. Resolves as `keep` does. */
  change(
    sessionId: string,
    head: SessionHead | undefined,
    participants: readonly SessionParticipant[],
  ): Promise<ParticipantFault | null> {
    return this.database.transaction().execute(async (transaction) => {
      if (head !== undefined) {
        await transaction
          .updateTable('federation_sessions')
          .set({ head_json: JSON.stringify(head), updated_at: timestampOf(this.clock.nowMs()) })
          .where('session_id', '=', sessionId)
          .execute();
      }
      return this.saveParticipants(transaction, sessionId, participants);
    });
  }

  /** Puts turns behind those that are there, as many as a session can hold; what is beyond a gap is not kept. */
  append(sessionId: string, turns: readonly Turn[]): Promise<Appended> {
    return this.database.transaction().execute(async (transaction) => {
      const row = await transaction
        .selectFrom('federation_sessions')
        .select(['last_seq', 'size_bytes'])
        .where('session_id', '=', sessionId)
        .executeTakeFirst();
      const added: Turn[] = [];
      let lastSeq = row?.last_seq ?? 0;
      let sizeBytes = row?.size_bytes ?? 0;
      let gap = false;
      let conflict = false;
      let isFull = false;
      if (row === undefined) return { added, lastSeq, gap, conflict, isFull };
      for (const turn of [...turns].sort((a, b) => a.seq - b.seq)) {
        if (turn.seq > lastSeq + 1) {
          gap = true;
          break;
        }
        if (turn.seq <= lastSeq) {
          conflict ||= !(await this.holds(transaction, sessionId, turn));
          continue;
        }
        if (lastSeq >= SESSION_LIMITS.maxTurns || sizeBytes >= SESSION_LIMITS.maxBytes) {
          isFull = true;
          break;
        }
        const text = JSON.stringify(turn);
        const size = Buffer.byteLength(text, 'utf8');
        await transaction
          .insertInto('federation_session_turns')
          .values({ session_id: sessionId, seq: turn.seq, id: turn.id, turn_json: text, size_bytes: size })
          .execute();
        lastSeq = turn.seq;
        sizeBytes += size;
        added.push(turn);
      }
      if (added.length > 0) {
        await transaction
          .updateTable('federation_sessions')
          .set({ last_seq: lastSeq, size_bytes: sizeBytes, updated_at: timestampOf(this.clock.nowMs()) })
          .where('session_id', '=', sessionId)
          .execute();
      }
      return { added, lastSeq, gap, conflict, isFull };
    });
  }

  async lastSeq(sessionId: string): Promise<number> {
    const row = await this.database
      .selectFrom('federation_sessions')
      .select('last_seq')
      .where('session_id', '=', sessionId)
      .executeTakeFirst();
    return row?.last_seq ?? 0;
  }

  /** Turns after a number, as many as a page holds. */
  async page(sessionId: string, afterSeq: number, limit: number = SESSION_LIMITS.maxPageTurns): Promise<Turn[]> {
    const sizes = await this.database
      .selectFrom('federation_session_turns')
      .select(['seq', 'size_bytes'])
      .where('session_id', '=', sessionId)
      .where('seq', '>', afterSeq)
      .orderBy('seq')
      .limit(limit)
      .execute();
    const last = lastOfPage(sizes);
    if (last === null) return [];
    const rows = await this.database
      .selectFrom('federation_session_turns')
      .select('turn_json')
      .where('session_id', '=', sessionId)
      .where('seq', '>', afterSeq)
      .where('seq', '<=', last)
      .orderBy('seq')
      .execute();
    return rows.map(({ turn_json: text }) => JSON.parse(text) as Turn);
  }

  /** Somebody of this side in a session; null for everybody else. */
  async own(sessionId: string, publicKey: string): Promise<OwnParticipant | null> {
    const row = await this.database
      .selectFrom('federation_session_participants')
      .select(['participant_json', 'has_left'])
      .where('session_id', '=', sessionId)
      .where('public_key', '=', publicKey)
      .where('is_own', '=', 1)
      .executeTakeFirst();
    if (row === undefined) return null;
    return { participant: JSON.parse(row.participant_json) as SessionParticipant, hasLeft: row.has_left === 1 };
  }

  /** Somebody of this side is no longer in a session. */
  async markLeft(sessionId: string, publicKey: string): Promise<void> {
    await this.database
      .updateTable('federation_session_participants')
      .set({ has_left: 1 })
      .where('session_id', '=', sessionId)
      .where('public_key', '=', publicKey)
      .where('is_own', '=', 1)
      .execute();
  }

  /** A session as it stands in the copy, for somebody in it. */
  async entered(
    sessionId: string,
    own: OwnParticipant,
    afterSeq: number,
    limit?: number,
  ): Promise<EnteredSession | null> {
    const row = await this.database
      .selectFrom('federation_sessions')
      .selectAll()
      .where('session_id', '=', sessionId)
      .executeTakeFirst();
    if (row === undefined) return null;
    const participants = await this.database
      .selectFrom('federation_session_participants')
      .select('participant_json')
      .where('session_id', '=', sessionId)
      .execute();
    return {
      head: { ...(JSON.parse(row.head_json) as SessionHead), last_seq: row.last_seq },
      participant_id: own.participant.id,
      participants: participants.map(({ participant_json: text }) => JSON.parse(text) as SessionParticipant),
      turns: await this.page(sessionId, afterSeq, limit),
      present: [],
      agreement: row.agreement_json === null ? null : (JSON.parse(row.agreement_json) as Agreement),
    };
  }

  async head(sessionId: string): Promise<SessionHead | null> {
    const row = await this.database
      .selectFrom('federation_sessions')
      .select('head_json')
      .where('session_id', '=', sessionId)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.head_json) as SessionHead);
  }

  /** The sessions of peers a key is in, the last changed first. */
  async list(publicKey: string): Promise<SessionList> {
    const rows = await this.database
      .selectFrom('federation_sessions')
      .innerJoin('federation_session_participants as own', 'own.session_id', 'federation_sessions.session_id')
      .select((build) => [
        'federation_sessions.head_json',
        'federation_sessions.last_seq',
        'own.participant_json',
        build
          .selectFrom('federation_session_participants as each')
          .select((inner) => inner.fn.countAll<number | string>().as('count'))
          .whereRef('each.session_id', '=', 'federation_sessions.session_id')
          .where('each.has_left', '=', 0)
          .as('participants'),
      ])
      .where('own.public_key', '=', publicKey)
      .where('own.is_own', '=', 1)
      .where('own.has_left', '=', 0)
      .orderBy('federation_sessions.updated_at', 'desc')
      .limit(10_000)
      .execute();
    return rows.map((row) => {
      const head = JSON.parse(row.head_json) as SessionHead;
      return {
        head: { ...head, last_seq: Math.max(head.last_seq, row.last_seq) },
        role: (JSON.parse(row.participant_json) as SessionParticipant).role,
        participants: Number(row.participants ?? 0),
      };
    });
  }

  private async saveParticipants(
    transaction: DatabaseTransaction,
    sessionId: string,
    participants: readonly SessionParticipant[],
  ): Promise<ParticipantFault | null> {
    const rows = await transaction
      .selectFrom('federation_session_participants')
      .select(['participant_id', 'public_key'])
      .where('session_id', '=', sessionId)
      .execute();
    const keys = new Map(rows.map((row) => [row.participant_id, row.public_key] as const));
    let fault: ParticipantFault | null = null;
    for (const participant of participants) {
      const told = participant.public_key ?? '';
      if (!keys.has(participant.id)) {
        if (keys.size >= SESSION_LIMITS.maxParticipants) {
          fault ??= 'too-many';
          continue;
        }
        keys.set(participant.id, told);
      }
      const key = keys.get(participant.id) || told;
      if (key !== told) fault = 'other-key';
      const change = {
        public_key: key,
        has_left: typeof participant.left_at === 'string' ? 1 : 0,
        participant_json: JSON.stringify(key === told ? participant : { ...participant, public_key: key }),
      };
      await transaction
        .insertInto('federation_session_participants')
        .values({ session_id: sessionId, participant_id: participant.id, is_own: 0, ...change })
        .onConflict((conflict) => conflict.columns(['session_id', 'participant_id']).doUpdateSet(change))
        .execute();
    }
    return fault;
  }

  private async holds(transaction: DatabaseTransaction, sessionId: string, turn: Turn): Promise<boolean> {
    const row = await transaction
      .selectFrom('federation_session_turns')
      .select('id')
      .where('session_id', '=', sessionId)
      .where('seq', '=', turn.seq)
      .executeTakeFirst();
    return row?.id === turn.id;
  }
}
