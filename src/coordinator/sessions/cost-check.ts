import { toMicroGft } from '../../protocol/compute/micro-gft';
import { success } from '../../protocol/result';
import { amountInUnit } from '../../protocol/session/session-costs';
import type { InferenceCost, Turn } from '../../protocol/session/session';
import type { SessionCostConfirmation } from '../../protocol/federation/session-credential';
import { refuseInSession, type Actor, type SessionResult } from '../../protocol/session/session-host';
import type { SettledRequest } from './group-session-store';
import type { GroupSessionTable } from './session-tables';

/** The ledger as far as the check looks into it. */
export interface CostSources {
  settled(ledgerRef: string): Promise<SettledRequest | null>;
  /** Whether an entry stands behind another turn already. */
  isSpent(ledgerRef: string): Promise<boolean>;
  /** What another coordinator has signed about this cost of its own participant, read and checked; null for nothing. */
  readonly confirmed: SessionCostConfirmation | null;
  isSpentElsewhere(confirmed: SessionCostConfirmation): Promise<boolean>;
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
  session: Pick<GroupSessionTable, 'id' | 'cost_unit' | 'cost_rate'>,
  actor: Pick<Actor, 'participantId' | 'publicKey'>,
  coordinatorId: string,
  sources: CostSources,
): Promise<SessionResult<void>> {
  const cost = turn.inference_cost;
  if (cost === null || cost === undefined) return success(undefined);
  if (turn.author !== 'model') return unconfirmed('only an answer of a model has one');
  if (cost.coordinator_id !== coordinatorId) return checkElsewhere(cost, session, sources);
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

/** Whether a cost that another coordinator has booked is what that coordinator has signed. */
async function checkElsewhere(
  cost: InferenceCost,
  session: Pick<GroupSessionTable, 'cost_unit' | 'cost_rate'>,
  { confirmed, isSpentElsewhere }: Pick<CostSources, 'confirmed' | 'isSpentElsewhere'>,
): Promise<SessionResult<void>> {
  if (confirmed === null) return unconfirmed('it was booked at another coordinator, which has not confirmed it');
  if (await isSpentElsewhere(confirmed)) return unconfirmed('the entry stands behind another turn already');
  const amount = amountInUnit(toMicroGft(confirmed.gft), { unit: session.cost_unit, rate: session.cost_rate });
  const agrees =
    cost.coordinator_id === confirmed.coordinator_id &&
    cost.ledger_ref === confirmed.ledger_ref &&
    cost.amount === amount &&
    cost.unit === session.cost_unit &&
    cost.model_id === confirmed.model_id &&
    cost.input_tokens === confirmed.input_tokens &&
    cost.output_tokens === confirmed.output_tokens &&
    Date.parse(cost.confirmed_at) === Date.parse(confirmed.confirmed_at);
  return agrees ? success(undefined) : unconfirmed(`the entry says ${amount} ${session.cost_unit}, with other figures`);
}
