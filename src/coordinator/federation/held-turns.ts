import { SESSION_LINK_LIMITS } from '../../protocol/federation/session-limits';
import { success } from '../../protocol/result';
import { refuseInSession, type PostedTurn, type SessionResult } from '../../protocol/session/session-host';
import { comparableJson } from '../../protocol/signing/canonical-json';
import { timestampOf, type Clock } from '../clock';
import type { Database, DatabaseTransaction } from '../storage/database-schema';
import type { HeldTurnTable } from './federation-tables';
import type { AwaySession } from './session-copies';

const DAY_MS = 86_400_000;

/** Whose turns of which session wait. */
export interface HeldAuthor {
  readonly sessionId: string;
  readonly publicKey: string;
}

/** A turn that has no number yet. */
export interface HeldTurn {
  readonly turn: PostedTurn;
  readonly returned: { readonly code: string; readonly message: string } | null;
}

interface Held {
  readonly turns: number;
  readonly bytes: number;
}

/**
 * Turns of own people for sessions elsewhere, kept before they are sent and until the host has numbered or refused them.
 *
 *   (none) ──post──▶ waiting ──number──▶ (none)
 *                       └──refusal, end of the agreement──▶ returned ──its author was told──▶ (none)
 */
export class HeldTurns {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Keeps a turn; the same again changes nothing. Fails with `limit-reached` and `turn-changed`. */
  hold(sessionId: string, publicKey: string, turn: PostedTurn): Promise<SessionResult<HeldTurn>> {
    return this.database.transaction().execute(async (transaction): Promise<SessionResult<HeldTurn>> => {
      const known = await this.row(transaction, sessionId, turn.id);
      if (known !== undefined) {
        const held = heldOf(known);
        return known.public_key === publicKey && comparableJson(held.turn) === comparableJson(turn)
          ? success(held)
          : refuseInSession('turn-changed', 'Another turn has this id already; it stays as it is.');
      }
      const text = JSON.stringify(turn);
      const size = Buffer.byteLength(text, 'utf8');
      const full = await this.fullness(transaction, sessionId, publicKey, size);
      if (full !== null) return refuseInSession('limit-reached', full, { retryable: true });
      await transaction
        .insertInto('federation_held_turns')
        .values({
          session_id: sessionId,
          turn_id: turn.id,
          public_key: publicKey,
          turn_json: text,
          size_bytes: size,
          held_at: timestampOf(this.clock.nowMs()),
          returned_code: null,
          returned_message: null,
        })
        .execute();
      return success({ turn, returned: null });
    });
  }

  /** The turn of an author that is to be sent next. */
  async next({ sessionId, publicKey }: HeldAuthor): Promise<PostedTurn | null> {
    const row = await this.database
      .selectFrom('federation_held_turns')
      .select('turn_json')
      .where('session_id', '=', sessionId)
      .where('public_key', '=', publicKey)
      .where('returned_code', 'is', null)
      .orderBy('position')
      .limit(1)
      .executeTakeFirst();
    return row === undefined ? null : (JSON.parse(row.turn_json) as PostedTurn);
  }

  /** Everybody of whom something waits for a peer. */
  async authors(peerKey: string): Promise<HeldAuthor[]> {
    const rows = await this.database
      .selectFrom('federation_held_turns as held')
      .innerJoin('federation_sessions as session', 'session.session_id', 'held.session_id')
      .select(['held.session_id', 'held.public_key'])
      .distinct()
      .where('session.peer_key', '=', peerKey)
      .where('held.returned_code', 'is', null)
      .execute();
    return rows.map((row) => ({ sessionId: row.session_id, publicKey: row.public_key }));
  }

  /** A turn has its number, or its author was told why it has none. One of somebody else stays. */
  async drop({ sessionId, publicKey }: HeldAuthor, turnId: string): Promise<void> {
    await this.database
      .deleteFrom('federation_held_turns')
      .where('session_id', '=', sessionId)
      .where('turn_id', '=', turnId)
      .where('public_key', '=', publicKey)
      .execute();
  }

  /** Notes why a turn gets no number. */
  async giveBack(sessionId: string, turnId: string, reason: { code: string; message: string }): Promise<void> {
    await this.database
      .updateTable('federation_held_turns')
      .set({ returned_code: reason.code, returned_message: reason.message.slice(0, 2_000) })
      .where('session_id', '=', sessionId)
      .where('turn_id', '=', turnId)
      .execute();
  }

  /** Gives everything back that waits for sessions of a peer under an agreement; answers with what it was. */
  giveAllBack(
    { peerKey, agreementId }: AwaySession,
    reason: { code: string; message: string },
  ): Promise<(HeldAuthor & { readonly turnId: string })[]> {
    return this.database.transaction().execute(async (transaction) => {
      const rows = await transaction
        .selectFrom('federation_held_turns as held')
        .innerJoin('federation_sessions as session', 'session.session_id', 'held.session_id')
        .select(['held.session_id', 'held.turn_id', 'held.public_key', 'held.position'])
        .where('session.peer_key', '=', peerKey)
        .where('session.agreement_id', '=', agreementId)
        .where('held.returned_code', 'is', null)
        .orderBy('held.position')
        .execute();
      for (const { position } of rows) {
        await transaction
          .updateTable('federation_held_turns')
          .set({ returned_code: reason.code, returned_message: reason.message.slice(0, 2_000) })
          .where('position', '=', position)
          .execute();
      }
      return rows.map((row) => ({ sessionId: row.session_id, turnId: row.turn_id, publicKey: row.public_key }));
    });
  }

  /** Forgets what was given back and nobody has asked for. */
  async prune(): Promise<void> {
    const before = timestampOf(this.clock.nowMs() - SESSION_LINK_LIMITS.returnedTurnDays * DAY_MS);
    await this.database
      .deleteFrom('federation_held_turns')
      .where('returned_code', 'is not', null)
      .where('held_at', '<', before)
      .execute();
  }

  private async fullness(
    transaction: DatabaseTransaction,
    sessionId: string,
    publicKey: string,
    size: number,
  ): Promise<string | null> {
    const own = await this.count(transaction, sessionId, publicKey);
    if (own.turns >= SESSION_LINK_LIMITS.maxHeldTurnsPerParticipant) {
      return 'As many turns of yours as can be kept wait for the link to the host of this session.';
    }
    const all = await this.count(transaction, sessionId);
    if (all.turns >= SESSION_LINK_LIMITS.maxHeldTurnsPerSession) {
      return 'As many turns as can be kept wait for the link to the host of this session.';
    }
    const everything = await this.count(transaction);
    if (everything.bytes + size > SESSION_LINK_LIMITS.maxHeldBytes) {
      return 'As much as can be kept waits for links to hosts of sessions.';
    }
    return null;
  }

  private async count(transaction: DatabaseTransaction, sessionId?: string, publicKey?: string): Promise<Held> {
    let query = transaction
      .selectFrom('federation_held_turns')
      .select((build) => [
        build.fn.countAll<number | string>().as('turns'),
        build.fn.sum<number | string | null>('size_bytes').as('bytes'),
      ]);
    if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
    if (publicKey !== undefined) query = query.where('public_key', '=', publicKey);
    const row = await query.executeTakeFirst();
    return { turns: Number(row?.turns ?? 0), bytes: Number(row?.bytes ?? 0) };
  }

  private row(
    transaction: DatabaseTransaction,
    sessionId: string,
    turnId: string,
  ): Promise<Pick<HeldTurnTable, 'public_key' | 'turn_json' | 'returned_code' | 'returned_message'> | undefined> {
    return transaction
      .selectFrom('federation_held_turns')
      .select(['public_key', 'turn_json', 'returned_code', 'returned_message'])
      .where('session_id', '=', sessionId)
      .where('turn_id', '=', turnId)
      .executeTakeFirst();
  }
}

function heldOf(row: Pick<HeldTurnTable, 'turn_json' | 'returned_code' | 'returned_message'>): HeldTurn {
  const { turn_json: text, returned_code: code, returned_message: message } = row;
  return { turn: JSON.parse(text) as PostedTurn, returned: code === null ? null : { code, message: message ?? '' } };
}
