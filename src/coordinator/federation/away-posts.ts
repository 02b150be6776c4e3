import { nodeCryptography } from '../../keys/ed25519';
import { signCostConfirmation } from '../../protocol/federation/session-credential';
import { failure, success, type Result } from '../../protocol/result';
import { refuseInSession, unknownSession, type PostedTurn } from '../../protocol/session/session-host';
import type { Signer } from '../../protocol/signing/ed25519';
import type { MessageOf, ParticipantMessage } from '../../protocol/wire/messages';
import type { PostedTurnReply } from '../../protocol/wire/session-messages';
import type { Logger } from '../logger';
import type { PeerSessions } from '../sessions/peer-sessions';
import type { ParticipantConnection, SessionRooms } from '../sessions/session-rooms';
import { checkTurn } from '../sessions/turn-check';
import type { AwayIndex } from './away-index';
import { HeldSender } from './held-sender';
import type { HeldAuthor, HeldTurns } from './held-turns';
import { hostAway, type VouchedFor } from './home-line';
import type { SessionCopies } from './session-copies';

/** What posting elsewhere needs of the coordinator. */
interface AwayPostParts {
  readonly copies: SessionCopies;
  readonly held: HeldTurns;
  readonly sessions: PeerSessions;
  readonly rooms: SessionRooms;
  readonly signer: Signer;
  readonly logger: Logger;
}

/** Turns of own people for sessions elsewhere: checked, kept, sent with what their costs were, or given back. */
export class AwayPosts {
  readonly sender: HeldSender;

  constructor(
    private readonly index: AwayIndex,
    private readonly parts: AwayPostParts,
  ) {
    this.sender = new HeldSender(
      parts.held,
      {
        isUp: (sessionId) => index.lineOf(sessionId) !== null,
        deliver: (author, turn) => this.deliver(author, turn),
        returned: (author, turnId, reason) => this.tellReturned(author, turnId, reason),
      },
      parts.logger,
    );
  }

  async post(
    { publicKey }: ParticipantConnection,
    { session_id: sessionId, turn }: MessageOf<ParticipantMessage, 'session-post'>,
  ): Promise<Result<PostedTurnReply>> {
    const own = await this.parts.copies.own(sessionId, publicKey);
    const away = this.index.awayOf(sessionId);
    const peer = this.index.peerOf(away);
    if (own === null || own.hasLeft || away === null || peer === null) return unknownSession();
    const checked = checkTurn(turn, publicKey, nodeCryptography);
    if (!checked.ok) return checked;
    if (turn.session_id !== sessionId || turn.participant_id !== own.participant.id) {
      return refuseInSession('turn-invalid', 'The turn was written for another session, or names another participant.');
    }
    const barred = this.index.agreementProblem(peer, away.agreementId);
    if (barred !== null) {
      await this.parts.held.drop({ sessionId, publicKey }, turn.id);
      return barred;
    }
    return this.sender.post({ sessionId, publicKey }, turn);
  }

  private async deliver(author: HeldAuthor, turn: PostedTurn): Promise<Result<{ readonly seq: number }>> {
    const { sessionId, publicKey } = author;
    const who = await this.index.who(sessionId, publicKey);
    const line = this.index.lineOf(sessionId);
    if (who === null) return unknownSession();
    if (line === null) return hostAway('the other side');
    const confirmation = await this.confirm(who, turn);
    if (!confirmation.ok) return confirmation;
    const call = { type: 'session-post', session_id: sessionId, turn } as const;
    const result = await line.call(who, call, confirmation.value);
    if (!result.ok) return result;
    const { value } = result;
    return hasSeq(value) ? success({ seq: value.seq }) : failure('answer-invalid', 'The host answered with no number.');
  }

  /** Says what the own ledger has booked for a turn. */
  private async confirm(
    { sessionId, publicKey, agreementId }: VouchedFor,
    turn: PostedTurn,
  ): Promise<Result<ReturnType<typeof signCostConfirmation> | null>> {
    if (turn.inference_cost === null || turn.inference_cost === undefined) return success(null);
    const head = await this.parts.copies.head(sessionId);
    if (head === null) return unknownSession();
    const { id, cost_unit, cost_rate } = head;
    const participant = { participantId: turn.participant_id, publicKey };
    const booked = await this.parts.sessions.confirmCost(turn, { id, cost_unit, cost_rate }, participant);
    if (!booked.ok || booked.value === null) return booked.ok ? success(null) : booked;
    const facts = { ...booked.value, agreement_id: agreementId, public_key: publicKey };
    const { signer } = this.parts;
    return success(signCostConfirmation({ ...facts, issued_by: signer.publicKey }, signer, nodeCryptography));
  }

  private tellReturned(
    { sessionId, publicKey }: HeldAuthor,
    turnId: string,
    { code, message }: { readonly code: string; readonly message: string },
  ): void {
    this.parts.rooms.tell(publicKey, {
      type: 'session-returned',
      session_id: sessionId,
      turn_id: turnId,
      code: code.slice(0, 100),
      message: message.slice(0, 2_000),
    });
  }

  /** Gives turns back that wait for nothing any more. */
  async giveBack(): Promise<void> {
    for (const away of this.index.agreements()) {
      const peer = this.index.peerOf(away);
      const barred = peer === null ? null : this.index.agreementProblem(peer, away.agreementId);
      if (barred === null || barred.error.retryable) continue;
      const given = await this.parts.held.giveAllBack(away, barred.error);
      for (const { turnId, ...author } of given) this.tellReturned(author, turnId, barred.error);
    }
  }
}

function hasSeq(value: unknown): value is { readonly seq: number } {
  return typeof value === 'object' && value !== null && 'seq' in value && Number.isSafeInteger(value.seq);
}
