import type { SessionCostConfirmation } from '../../protocol/federation/session-credential';
import type { PostedTurn } from '../../protocol/session/session-host';

/** A participant who comes over the link to another coordinator, which answers for them. */
export interface Guest {
  /** Key of that coordinator. */
  readonly peerKey: string;
  /** Hash of the agreement with it which the session has to stand on. */
  readonly agreementHash: string;
  /** What that coordinator's ledger says of the cost in a turn; null when it said nothing, or something else. */
  confirmationOf(turn: PostedTurn): SessionCostConfirmation | null;
}
