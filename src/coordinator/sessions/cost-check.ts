import { success } from '../../protocol/result';
import { amountInUnit } from '../../protocol/session/session-costs';
import type { Turn } from '../../protocol/session/session';
import { refuseInSession, type Actor, type SessionResult } from '../../protocol/session/session-host';
import type { SettledRequest } from './group-session-store';
import type { GroupSessionTable } from './session-tables';

/** The ledger as far as the check looks into it. */
export interface CostSources {
  settled(ledgerRef: string): Promise<SettledRequest | null>;
  /** Whether an entry stands behind another turn already. */
  isSpent(ledgerRef: string): Promise<boolean>;
}

function unconfirmed(why: string): SessionResult<never> {
  return refuseInSession('cost-unconfirmed', `The ledger does not confirm the cost: ${why}.`, {
    suggestion: 'Send the turn without the cost; what the ledger booked stays booked.',
  });
}

/**
 * Whether a turn may carry its cost: the entry exists, settled a request of this very participant, for this session if it
 * names one, with these tokens, for this amount, and stands behind no other turn. A turn without a cost passes.
 */
export async function checkCost(
  turn: Turn,
  session: GroupSessionTable,
  actor: Actor,
  coordinatorId: string,
  sources: CostSources,
): Promise<SessionResult<void>> {
  const cost = turn.inference_cost;
  if (cost === null || cost === undefined) return success(undefined);
  if (turn.author !== 'model') return unconfirmed('only an answer of a model has one');
  if (cost.coordinator_id !== coordinatorId) return unconfirmed('it was booked at another coordinator');
  const settled = await sources.settled(cost.ledger_ref);
  if (settled === null) return unconfirmed(`there is no entry ${cost.ledger_ref.slice(0, 60)}`);
  if (settled.publicKey !== actor.publicKey) return unconfirmed('the entry belongs to somebody else');
  const isForSession = settled.sessionId === null || settled.sessionId === session.id;
  const isForParticipant = settled.participantId === null || settled.participantId === actor.participantId;
  if (!isForSession || !isForParticipant) return unconfirmed('the entry belongs to another session');
  if (await sources.isSpent(cost.ledger_ref)) return unconfirmed('the entry stands behind another turn already');
  const amount = amountInUnit(settled.chargedMicroGft, { unit: session.cost_unit, rate: session.cost_rate });
  const agrees =
    cost.amount === amount &&
    cost.unit === session.cost_unit &&
    cost.model_id === settled.modelId &&
    cost.input_tokens === settled.inputTokens &&
    cost.output_tokens === settled.outputTokens &&
    Date.parse(cost.confirmed_at) === Date.parse(settled.confirmedAt);
  return agrees ? success(undefined) : unconfirmed(`the entry says ${amount} ${session.cost_unit}, with other figures`);
}
