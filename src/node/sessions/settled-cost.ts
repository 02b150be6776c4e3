import { toMicroGft } from '../../protocol/compute/micro-gft';
import type { InferenceCost } from '../../protocol/session/session';
import { amountInUnit } from '../../protocol/session/session-costs';
import type { GenerateOutcome } from '../../protocol/wire/messages';
import type { SessionHead } from '../../protocol/wire/session-messages';

/**
 * The cost of a request as the ledger confirmed it, in the session's unit; null when nothing was booked.
 *
 * @param coordinatorId - of the coordinator whose ledger booked it
 */
export function settledCost(outcome: GenerateOutcome, head: SessionHead, coordinatorId: string): InferenceCost | null {
  const { ledger_ref: ledgerRef, confirmed_at: confirmedAt } = outcome;
  if (ledgerRef === null || ledgerRef === '' || confirmedAt === null) return null;
  const { cost_unit: unit, cost_rate: rate } = head;
  return {
    amount: amountInUnit(toMicroGft(outcome.gft_deducted), { unit, rate }),
    unit,
    model_id: outcome.model_id,
    coordinator_id: coordinatorId,
    input_tokens: outcome.input_tokens,
    output_tokens: outcome.tokens,
    ledger_ref: ledgerRef,
    confirmed_at: confirmedAt,
  };
}
