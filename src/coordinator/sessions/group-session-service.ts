import { createHash } from 'node:crypto';
import { success } from '../../protocol/result';
import { costTermsOf } from '../../protocol/session/session-costs';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import type { SessionParticipant } from '../../protocol/session/session';
import {
  decideAct,
  decidePost,
  refuseInSession,
  unknownSession,
  type Actor,
  type PostedTurn,
  type SessionAct,
  type SessionResult,
} from '../../protocol/session/session-host';
import type { Cryptography } from '../../protocol/signing/ed25519';
import type { Agreement } from '../../protocol/trust/agreement';
import type { MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import type {
  EnteredSession,
  LedgerCost,
  SessionHead,
  SessionList,
  SessionOffer,
  TurnPage,
} from '../../protocol/wire/session-messages';
import { timestampOf, type Clock, type Random } from '../clock';
import type { DatabaseTransaction } from '../storage/database-schema';
import { actsForParty, keysOfParties } from '../../protocol/trust/agreement-keys';
import { agreementHash } from '../../protocol/trust/termination';
import { checkAgreement } from './agreement-check';
import { checkCost } from './cost-check';
import { exportPageOf, type ExportPage, type PageRequest } from './export-page';
import type { Guest } from './guest';
import { offerOf, participantOf, type GroupSessionStore } from './group-session-store';
import { checkTurn, sameTurn, turnsPointedTo } from './turn-check';
import type { GroupParticipantTable, GroupSessionTable } from './session-tables';
import type { SessionNews } from './session-news';

type Call<Name extends ParticipantMessage['type']> = MessageOf<ParticipantMessage, Name>;

/** What happened inside a transaction and is told once it is committed. */
interface Outcome<Value> {
  readonly result: SessionResult<Value>;
  readonly news?: SessionNews;
}

function refused<Value>(result: SessionResult<never>): Outcome<Value> {
  return { result };
}

/**
 * Hosts group sessions (tore-0003): who may do what, in which order turns stand, and what the ledger says of their costs.
 * Every change is one transaction with the session locked; `tell` hears of it only when it is committed.
 */
export class GroupSessionService {
  constructor(
    private readonly store: GroupSessionStore,
    private readonly coordinatorId: string,
    private readonly cryptography: Cryptography,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly tell: (news: SessionNews) => void,
  ) {}

  /** Opens a session with the caller as its owner. The same call again answers with the same session. */
  async create(publicKey: string, call: Call<'session-create'>): Promise<SessionResult<EnteredSession>> {
    const agreement = call.agreement ?? null;
    const checked = await this.checkAgreement(agreement, await this.isParty(agreement, publicKey));
    if (!checked.ok) return checked;
    const terms = costTermsOf(agreement);
    const now = this.now();
    const session: GroupSessionTable = {
      id: call.session_id,
      title: call.title.trim(),
      mode: call.mode,
      status: 'open',
      agreement_ref: agreement?.id ?? null,
      agreement_json: agreement === null ? null : JSON.stringify(agreement),
      cost_unit: terms.unit,
      cost_rate: terms.rate,
      created_by: publicKey,
      created_at: now,
      updated_at: now,
      last_seq: 0,
      size_bytes: 0,
    };
    const offeredTo = agreement === null ? [] : keysOfParties(agreement).filter((key) => key !== publicKey);
    let isNew = false;
    const made = await this.store.transaction(async (transaction): Promise<SessionResult<null>> => {
      const known = await this.store.find(session.id, transaction);
      if (known !== undefined) return known.created_by === publicKey ? success(null) : unknownSession();
      if ((await this.store.ownedBy(publicKey, transaction)) >= SESSION_LIMITS.maxOwnedSessions) {
        return refuseInSession('limit-reached', 'This key has opened as many sessions as one key can here.');
      }
      await this.store.insertSession(transaction, session);
      await this.store.saveParticipant(transaction, this.newParticipant(session.id, publicKey, call.me, 'owner'));
      await this.store.insertParties(transaction, session.id, offeredTo);
      isNew = true;
      return success(null);
    });
    if (isNew && offeredTo.length > 0) {
      const offer = offerOf({ ...session, display_name: call.me.display_name.trim() });
      this.tell({ sessionId: session.id, offered: { publicKeys: offeredTo, offer } });
    }
    return made.ok ? this.enter(publicKey, session.id, 0) : made;
  }

  /** Joins with an invitation, or as a party of the agreement. Who is in already simply enters again. */
  async join(
    publicKey: string,
    call: Call<'session-join'>,
    guest: Guest | null = null,
  ): Promise<SessionResult<EnteredSession>> {
    const joined = await this.change(call.session_id, async (transaction, session) => {
      if (session === undefined) return refused(unknownSession());
      const known = await this.store.participantByKey(session.id, publicKey, transaction);
      if (known !== undefined && known.left_at === null) return { result: success(null) };
      const role = await this.admission(transaction, session, publicKey, call.code, known, guest);
      if (!role.ok) return refused(role);
      if ((await this.store.participants(session.id, transaction)).length >= SESSION_LIMITS.maxParticipants) {
        return refused(refuseInSession('limit-reached', 'This session has as many participants as it can have.'));
      }
      const fresh = this.newParticipant(session.id, publicKey, call.me, role.value);
      const row = known === undefined ? fresh : { ...fresh, id: known.id, joined_at: known.joined_at };
      const room = await this.roomFor(transaction, row);
      if (!room.ok) return refused(room);
      await this.store.saveParticipant(transaction, row);
      if (guest !== null) await this.store.guests.saveGuest(transaction, session.id, publicKey, guest.peerKey);
      return { result: success(null), news: { sessionId: session.id, participants: [participantOf(row)] } };
    });
    return joined.ok ? this.enter(publicKey, call.session_id, 0) : joined;
  }

  async list(publicKey: string): Promise<SessionResult<SessionList>> {
    const rows = await this.store.sessionsOf(publicKey);
    const counts = await this.store.countsOf(rows.map(({ id }) => id));
    return success(
      rows.map((row) => ({ head: this.store.headOf(row), role: row.role, participants: counts.get(row.id) ?? 0 })),
    );
  }

  /** Whether a key takes part in any session here. */
  isParticipant(publicKey: string): Promise<boolean> {
    return this.store.isParticipant(publicKey);
  }

  /** Sessions the caller may join because they stand on an agreement of its party. */
  async offers(publicKey: string): Promise<SessionResult<SessionOffer[]>> {
    return success(await this.store.offersTo(publicKey));
  }

  /** Everything somebody who is in a session may see of it, with the first page of turns after a number. */
  async enter(publicKey: string, sessionId: string, afterSeq: number): Promise<SessionResult<EnteredSession>> {
    const reader = await this.reader(publicKey, sessionId);
    if (!reader.ok) return reader;
    const { session, participant } = reader.value;
    return success({
      head: this.store.headOf(session),
      participant_id: participant.id,
      participants: (await this.store.participants(sessionId)).map(participantOf),
      turns: await this.store.page(sessionId, afterSeq),
      present: [],
      agreement: this.store.agreementOf(session),
    });
  }

  async read(publicKey: string, sessionId: string, afterSeq: number): Promise<SessionResult<TurnPage>> {
    const reader = await this.reader(publicKey, sessionId);
    if (!reader.ok) return reader;
    return success({ turns: await this.store.page(sessionId, afterSeq), last_seq: reader.value.session.last_seq });
  }

  /**
   * A page of a session as a document: the first page with its turns is a whole tore-0003 document when `next` is null;
   * else the turns of the following pages belong behind its own.
   */
  async exportPage(publicKey: string, sessionId: string, page: PageRequest): Promise<SessionResult<ExportPage>> {
    const reader = await this.reader(publicKey, sessionId);
    if (!reader.ok) return reader;
    // The turns first, so that none of them names somebody who is missing among the participants.
    const turns = await this.store.page(sessionId, page.afterSeq, page.limit);
    const participants = (await this.store.participants(sessionId)).map(participantOf);
    return success(exportPageOf(this.store.headOf(reader.value.session), participants, turns, page));
  }

  /** Takes a turn: checked, numbered and stored in one transaction. The same turn again gets the same number. */
  async post(
    publicKey: string,
    sessionId: string,
    posted: PostedTurn,
    guest: Guest | null = null,
  ): Promise<SessionResult<{ seq: number }>> {
    const checked = checkTurn(posted, publicKey, this.cryptography);
    if (!checked.ok) return checked;
    return this.change(sessionId, async (transaction, session) => {
      const actor = await this.actor(transaction, sessionId, publicKey);
      const known = await this.store.knownTurns(sessionId, turnsPointedTo(posted), transaction);
      const decision = decidePost(stateOf(session), actor, posted, {
        sameId: session === undefined ? null : await this.store.turnById(sessionId, posted.id, transaction),
        knows: (turnId) => known.has(turnId),
        same: sameTurn,
      });
      if (!decision.ok) return refused(decision);
      if (decision.value.kind === 'known') return { result: success({ seq: decision.value.seq }) };
      const { turn } = decision.value;
      if (session === undefined || actor === null) return refused(unknownSession());
      const confirmation = guest?.confirmationOf(posted) ?? null;
      const cost = await checkCost(turn, session, actor, this.coordinatorId, {
        settled: (reference) => this.store.settledRequest(reference, transaction),
        isSpent: (reference) => this.store.isSpent(reference, transaction, { sessionId, id: posted.id }),
        confirmed: confirmation,
        isSpentElsewhere: (confirmed) => this.store.guests.isSpentElsewhere(confirmed, transaction),
      });
      if (!cost.ok) return refused(cost);
      const isBookedHere = turn.inference_cost?.coordinator_id === this.coordinatorId;
      await this.store.insertTurn(transaction, session, turn, this.now(), isBookedHere);
      if (confirmation !== null && !isBookedHere) await this.store.guests.saveConfirmation(transaction, confirmation);
      return { result: success({ seq: turn.seq }), news: { sessionId, turns: [turn] } };
    });
  }

  /** Renames, changes the mode, or closes. */
  alter(publicKey: string, call: Call<'session-change'>): Promise<SessionResult<SessionHead>> {
    const act: SessionAct = call.status === 'closed' ? 'close' : 'rename';
    return this.change(call.session_id, async (transaction, session) => {
      const allowed = await this.allowed(transaction, session, publicKey, act);
      if (!allowed.ok) return refused(allowed);
      const change = {
        ...(call.title === undefined ? {} : { title: call.title.trim() }),
        ...(call.mode === undefined ? {} : { mode: call.mode }),
        ...(call.status === undefined ? {} : { status: call.status }),
        updated_at: this.now(),
      };
      await this.store.updateSession(transaction, call.session_id, change);
      const head = this.store.headOf({ ...allowed.value.session, ...change });
      return { result: success(head), news: { sessionId: call.session_id, head } };
    });
  }

  /** Changes how the caller shows up. */
  setProfile(publicKey: string, call: Call<'session-profile'>): Promise<SessionResult<SessionParticipant>> {
    return this.change(call.session_id, async (transaction) => {
      const row = await this.store.participantByKey(call.session_id, publicKey, transaction);
      if (row === undefined || row.left_at !== null) return refused(unknownSession());
      const changed = { ...row, display_name: call.display_name.trim(), model_json: modelJson(call.model) };
      const room = await this.roomFor(transaction, changed);
      return room.ok ? this.saved(transaction, changed) : refused(room);
    });
  }

  /** The owner gives a role or takes somebody out. The last owner stays one. */
  setRole(publicKey: string, call: Call<'session-role'>): Promise<SessionResult<SessionParticipant>> {
    return this.change(call.session_id, async (transaction, session) => {
      const allowed = await this.allowed(transaction, session, publicKey, 'moderate');
      if (!allowed.ok) return refused(allowed);
      const rows = await this.store.participants(call.session_id, transaction);
      const row = rows.find(({ id, left_at: left }) => id === call.participant_id && left === null);
      if (row === undefined) return refused(refuseInSession('turn-invalid', 'Nobody with this id is in the session.'));
      if (call.role !== 'owner' && isLastOwner(row, rows)) return refused(lastOwner());
      if (call.role !== null) return this.saved(transaction, { ...row, role: call.role });
      const gone = await this.saved(transaction, { ...row, left_at: this.now(), removed: 1 });
      const ended = [{ publicKey: row.public_key, message: 'The owner took you out of this session.' }];
      return gone.news === undefined ? gone : { ...gone, news: { ...gone.news, ended } };
    });
  }

  leave(publicKey: string, sessionId: string): Promise<SessionResult<SessionParticipant>> {
    return this.change(sessionId, async (transaction, session) => {
      const row = await this.store.participantByKey(sessionId, publicKey, transaction);
      if (row === undefined || row.left_at !== null) return refused(unknownSession());
      const rows = await this.store.participants(sessionId, transaction);
      if (session?.status === 'open' && isLastOwner(row, rows) && rows.some((each) => each !== row && !hasLeft(each))) {
        return refused(lastOwner());
      }
      const gone = await this.saved(transaction, { ...row, left_at: this.now() });
      const ended = [{ publicKey, message: 'You left this session.' }];
      return gone.news === undefined ? gone : { ...gone, news: { ...gone.news, ended } };
    });
  }

  /** The costs of a session as the ledger has them. */
  async costs(publicKey: string, sessionId: string): Promise<SessionResult<LedgerCost[]>> {
    const reader = await this.reader(publicKey, sessionId);
    return reader.ok ? success(await this.store.ledgerCosts(sessionId)) : reader;
  }

  /** Somebody who is in a session, whatever their role and its state. */
  async reader(
    publicKey: string,
    sessionId: string,
  ): Promise<SessionResult<{ session: GroupSessionTable; participant: GroupParticipantTable }>> {
    const session = await this.store.find(sessionId);
    const participant = await this.store.participantByKey(sessionId, publicKey);
    if (session === undefined || participant === undefined || hasLeft(participant)) return unknownSession();
    return success({ session, participant });
  }

  /** Whether the caller may do something in a session that is locked. */
  async allowed(
    transaction: DatabaseTransaction,
    session: GroupSessionTable | undefined,
    publicKey: string,
    act: SessionAct,
  ): Promise<SessionResult<{ session: GroupSessionTable; actor: Actor }>> {
    const actor = session === undefined ? null : await this.actor(transaction, session.id, publicKey);
    const decided = decideAct(stateOf(session), actor, act);
    if (!decided.ok) return decided;
    return session === undefined ? unknownSession() : success({ session, actor: decided.value });
  }

  /** Runs a change with the session locked, and tells what came of it once it is kept. */
  private async change<Value>(
    sessionId: string,
    work: (transaction: DatabaseTransaction, session: GroupSessionTable | undefined) => Promise<Outcome<Value>>,
  ): Promise<SessionResult<Value>> {
    const { result, news } = await this.store.locked(sessionId, work);
    if (news !== undefined) this.tell(news);
    return result;
  }

  private async saved(
    transaction: DatabaseTransaction,
    row: GroupParticipantTable,
  ): Promise<Outcome<SessionParticipant>> {
    await this.store.saveParticipant(transaction, row);
    const participant = participantOf(row);
    return { result: success(participant), news: { sessionId: row.session_id, participants: [participant] } };
  }

  /** Whether a participant and the others still fit into one message: whoever enters gets all of them at once. */
  private async roomFor(transaction: DatabaseTransaction, row: GroupParticipantTable): Promise<SessionResult<void>> {
    const others = (await this.store.participants(row.session_id, transaction)).filter(({ id }) => id !== row.id);
    const sizes = [...others, row].map((each) => Buffer.byteLength(JSON.stringify(participantOf(each)), 'utf8'));
    return sizes.reduce((sum, bytes) => sum + bytes, 0) <= SESSION_LIMITS.maxParticipantsBytes
      ? success(undefined)
      : refuseInSession('limit-reached', 'The names in this session take up all the room there is.', {
          suggestion: 'Choose a shorter name, or one of a model.',
        });
  }

  private async admission(
    transaction: DatabaseTransaction,
    session: GroupSessionTable,
    publicKey: string,
    code: string | undefined,
    known: GroupParticipantTable | undefined,
    guest: Guest | null,
  ): Promise<SessionResult<GroupParticipantTable['role']>> {
    if (session.status === 'closed') {
      return refuseInSession('session-closed', 'This session is closed; nobody can join it any more.');
    }
    if (known?.removed === 1) {
      return refuseInSession('invitation-invalid', 'The owner took you out of this session.', {
        suggestion: 'Ask the owner to let you in again.',
      });
    }
    if (code === undefined) {
      // Who left by themselves may come back as what they were.
      if (known !== undefined) return success(known.role);
      const agreement = this.store.agreementOf(session);
      if (agreement === null) return unknownSession();
      if (guest === null && !(await this.isParty(agreement, publicKey, transaction))) return unknownSession();
      const checked = await this.checkAgreement(agreement, true, transaction);
      return checked.ok ? success('member') : checked;
    }
    const invitation = await this.store.invitationByHash(session.id, codeHash(code), transaction);
    const problem = invitationProblem(invitation, this.now());
    if (invitation === undefined || problem !== null) {
      return refuseInSession('invitation-invalid', `The invitation does not let you in: ${problem ?? 'unknown'}.`, {
        suggestion: 'Ask the owner of the session for a new one.',
      });
    }
    await this.store.useInvitation(transaction, invitation);
    return success(invitation.role);
  }

  /** Whether somebody may stand on an agreement now, also by what its parties have told this coordinator. */
  private async checkAgreement(
    agreement: Agreement | null,
    isParty: boolean,
    transaction?: DatabaseTransaction,
  ): Promise<SessionResult<void>> {
    const checked = checkAgreement(agreement, isParty, this.cryptography, this.clock.nowMs());
    if (!checked.ok || agreement === null) return checked;
    const hash = agreementHash(agreement, this.cryptography);
    if (!hash.ok) return refuseInSession('agreement-invalid', hash.error.message);
    return (await this.store.isAgreementEnded(hash.value, this.now(), transaction))
      ? refuseInSession(
          'agreement-invalid',
          'The agreement does not carry a session: one of its parties has ended it.',
          {
            suggestion: 'Make a new one.',
          },
        )
      : checked;
  }

  /** A party signs with its own key; its computers, which take part, are named by it to this coordinator. */
  private async isParty(
    agreement: Agreement | null,
    publicKey: string,
    transaction?: DatabaseTransaction,
  ): Promise<boolean> {
    if (agreement === null) return false;
    return actsForParty(agreement, publicKey) || this.store.isMemberKey(agreement.id, publicKey, transaction);
  }

  private async actor(transaction: DatabaseTransaction, sessionId: string, publicKey: string): Promise<Actor | null> {
    const row = await this.store.participantByKey(sessionId, publicKey, transaction);
    if (row === undefined) return null;
    return { participantId: row.id, role: row.role, publicKey, left: hasLeft(row) };
  }

  private newParticipant(
    sessionId: string,
    publicKey: string,
    me: Call<'session-join'>['me'],
    role: GroupParticipantTable['role'],
  ): GroupParticipantTable {
    return {
      session_id: sessionId,
      id: this.random.uuid(),
      public_key: publicKey,
      display_name: me.display_name.trim(),
      platform: me.platform,
      role,
      model_json: modelJson(me.model),
      joined_at: this.now(),
      left_at: null,
      removed: 0,
    };
  }

  private now(): string {
    return timestampOf(this.clock.nowMs());
  }
}

function stateOf(session: GroupSessionTable | undefined): Parameters<typeof decidePost>[0] {
  if (session === undefined) return null;
  const { id: sessionId, status, last_seq: lastSeq, size_bytes: sizeBytes } = session;
  return { sessionId, status, lastSeq, sizeBytes };
}

/** The model somebody brings, without fields that others would be made to carry. */
function modelJson(model: Call<'session-profile'>['model']): string | null {
  return model === null ? null : JSON.stringify({ provider: model.provider, model_id: model.model_id });
}

function hasLeft(row: GroupParticipantTable): boolean {
  return row.left_at !== null;
}

function isLastOwner(row: GroupParticipantTable, rows: readonly GroupParticipantTable[]): boolean {
  return row.role === 'owner' && !rows.some((each) => each.id !== row.id && each.role === 'owner' && !hasLeft(each));
}

function lastOwner(): SessionResult<never> {
  return refuseInSession('role-denied', 'A session needs an owner, and this is its last one.', {
    suggestion: 'Make somebody else an owner first, or close the session.',
  });
}

/** How a code is kept. */
export function codeHash(code: string): string {
  return createHash('sha256').update(code.trim().toLowerCase(), 'utf8').digest('hex');
}

function invitationProblem(
  invitation: { withdrawn_at: string | null; expires_at: string; uses: number; max_uses: number } | undefined,
  now: string,
): string | null {
  if (invitation === undefined) return 'the code is not known';
  if (invitation.withdrawn_at !== null) return 'it was withdrawn';
  if (invitation.expires_at <= now) return `it ended on ${invitation.expires_at.slice(0, 10)}`;
  return invitation.uses >= invitation.max_uses ? 'it has been used up' : null;
}
