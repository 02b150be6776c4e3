import type { SessionCostConfirmation } from '../../protocol/federation/session-credential';
import { success } from '../../protocol/result';
import type { Actor, PostedTurn, SessionResult } from '../../protocol/session/session-host';
import type { Cryptography } from '../../protocol/signing/ed25519';
import { agreementHash } from '../../protocol/trust/termination';
import type { SessionOffer } from '../../protocol/wire/session-messages';
import { checkCost } from './cost-check';
import { offerOf, type GroupSessionStore } from './group-session-store';
import type { GroupSessionTable } from './session-tables';

/** What a ledger has settled for a turn. */
export type ConfirmedCost = Omit<
  SessionCostConfirmation,
  'tore_spec' | 'type' | 'signature' | 'agreement_id' | 'issued_by' | 'public_key'
>;

/** What other coordinators and their people may know of the sessions and the ledger here. */
export class PeerSessions {
  constructor(
    private readonly store: GroupSessionStore,
    private readonly coordinatorId: string,
    private readonly cryptography: Cryptography,
  ) {}

  /** Whether a party of an agreement has named a key as one of its computers. */
  isMemberKey(agreementId: string, publicKey: string): Promise<boolean> {
    return this.store.isMemberKey(agreementId, publicKey);
  }

  async isHosted(sessionId: string): Promise<boolean> {
    return (await this.store.find(sessionId)) !== undefined;
  }

  /**
   * What the own ledger says of the cost in a turn for a session elsewhere. From then on the entry stands behind that turn
   * and no other. Null where the turn has no cost of this ledger; fails with `cost-unconfirmed`.
   */
  confirmCost(
    turn: PostedTurn,
    session: Pick<GroupSessionTable, 'id' | 'cost_unit' | 'cost_rate'>,
    participant: Pick<Actor, 'participantId' | 'publicKey'>,
  ): Promise<SessionResult<ConfirmedCost | null>> {
    const cost = turn.inference_cost;
    if (cost?.coordinator_id !== this.coordinatorId) return Promise.resolve(success(null));
    return this.store.transaction(async (transaction): Promise<SessionResult<ConfirmedCost | null>> => {
      const checked = await checkCost({ ...turn, seq: 1 }, session, participant, this.coordinatorId, {
        settled: (reference) => this.store.settledRequest(reference, transaction),
        isSpent: (reference) => this.store.isSpent(reference, transaction, { sessionId: session.id, id: turn.id }),
        confirmed: null,
        isSpentElsewhere: () => Promise.resolve(false),
      });
      if (!checked.ok) return checked;
      const entry = await this.store.ledgerEntry(cost.ledger_ref, transaction);
      const { coordinator_id, ledger_ref, model_id, input_tokens, output_tokens, confirmed_at } = cost;
      const facts = { coordinator_id, ledger_ref, model_id, input_tokens, output_tokens, confirmed_at };
      const confirmed = { ...facts, ...entry, session_id: session.id, turn_id: turn.id };
      await this.store.guests.saveConfirmation(transaction, confirmed);
      return success(confirmed);
    });
  }

  /** Open sessions that stand on an agreement, for a peer whose people may join them. */
  async offersUnder(agreementId: string, hash: string): Promise<SessionOffer[]> {
    const rows = await this.store.guests.offersUnder(agreementId, (agreement) => {
      const found = agreementHash(agreement, this.cryptography);
      return found.ok && found.value === hash;
    });
    return rows.map(offerOf);
  }

  /** Who answers for a participant: a peer's key, null for one who proved their key here, undefined for nobody in it. */
  async answererOf(sessionId: string, publicKey: string): Promise<string | null | undefined> {
    if ((await this.store.participantByKey(sessionId, publicKey)) === undefined) return undefined;
    return this.store.guests.guestPeer(sessionId, publicKey);
  }

  /** Hash of the agreement a session stands on; null for one without, or for none. */
  async agreementHashOf(sessionId: string): Promise<string | null> {
    const session = await this.store.find(sessionId);
    const agreement = session === undefined ? null : this.store.agreementOf(session);
    if (agreement === null) return null;
    const hash = agreementHash(agreement, this.cryptography);
    return hash.ok ? hash.value : null;
  }
}
