import { toMicroGft, toWireGft, type MicroGft } from '../compute/micro-gft';
import type { Agreement } from '../trust/agreement';
import type { InferenceCost, SessionParticipant, Turn } from './session';

/** In what a session counts its costs. */
export interface CostTerms {
  /** `GFT`, or the unit the agreement names. */
  readonly unit: string;
  /** GFT times this is the amount in `unit`. */
  readonly rate: number;
}

export const GFT_TERMS: CostTerms = { unit: 'GFT', rate: 1 };

/**
 * The cost terms of a session under an agreement. Another unit than GFT needs the agreement's rate; without one there is
 * no way from the ledger to the unit, and costs stay in GFT.
 */
export function costTermsOf(agreement: Pick<Agreement, 'terms'> | null): CostTerms {
  const cost = agreement?.terms.cost;
  if (cost === undefined || cost.unit === 'GFT' || typeof cost.rate !== 'number') return GFT_TERMS;
  return { unit: cost.unit, rate: cost.rate };
}

/** What a ledger entry amounts to in a session's unit, with at most six fraction digits. */
export function amountInUnit(microGft: MicroGft, terms: CostTerms): number {
  return terms.unit === 'GFT' ? toWireGft(microGft) : toWireGft(Math.round(microGft * terms.rate));
}

/** Costs in one unit, summed exactly. */
export interface CostTotal {
  readonly unit: string;
  readonly amount: number;
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

function addCost(totals: Map<string, CostTotal>, cost: InferenceCost): void {
  const before = totals.get(cost.unit);
  totals.set(cost.unit, {
    unit: cost.unit,
    // In millionths, so that a sum of decimals is what people get with a pencil.
    amount: toWireGft(toMicroGft(before?.amount ?? 0) + toMicroGft(cost.amount)),
    turns: (before?.turns ?? 0) + 1,
    inputTokens: (before?.inputTokens ?? 0) + cost.input_tokens,
    outputTokens: (before?.outputTokens ?? 0) + cost.output_tokens,
  });
}

function totalsOf(turns: readonly Turn[]): CostTotal[] {
  const totals = new Map<string, CostTotal>();
  for (const { inference_cost: cost } of turns) if (cost !== null && cost !== undefined) addCost(totals, cost);
  return [...totals.values()];
}

/** One settled cost, as a line of a statement. */
export interface StatementLine {
  readonly seq: number;
  readonly turn_id: string;
  readonly participant_id: string;
  readonly cost: InferenceCost;
}

/** What a session cost, by whom: only what the ledger confirmed, so it can be checked entry by entry. */
export interface SessionStatement {
  readonly session_id: string;
  readonly title: string;
  readonly agreement_ref: string | null;
  readonly through_seq: number;
  readonly made_at: string;
  readonly lines: readonly StatementLine[];
  readonly participants: readonly {
    readonly participant_id: string;
    readonly display_name: string;
    readonly totals: readonly CostTotal[];
  }[];
  readonly totals: readonly CostTotal[];
}

/** Puts a session's statement together from its turns. */
export function statementOf(
  session: { readonly id: string; readonly title: string; readonly agreement_ref: string | null },
  participants: readonly Pick<SessionParticipant, 'id' | 'display_name'>[],
  turns: readonly Turn[],
  madeAt: string,
): SessionStatement {
  return {
    session_id: session.id,
    title: session.title,
    agreement_ref: session.agreement_ref,
    through_seq: turns.at(-1)?.seq ?? 0,
    made_at: madeAt,
    lines: turns.flatMap(({ seq, id, participant_id, inference_cost: cost }) =>
      cost === null || cost === undefined ? [] : [{ seq, turn_id: id, participant_id, cost }],
    ),
    participants: participants
      .map(({ id, display_name }) => ({
        participant_id: id,
        display_name,
        totals: totalsOf(turns.filter((turn) => turn.participant_id === id)),
      }))
      .filter(({ totals }) => totals.length > 0),
    totals: totalsOf(turns),
  };
}

/** What all sessions under one agreement have cost so far, as far as they are known here. */
export interface AgreementTotals {
  readonly sessions: number;
  readonly totals: readonly CostTotal[];
}

function isSameAgreement(left: Agreement, right: Agreement): boolean {
  const valuesOf = ({ signatures }: Agreement): string =>
    signatures
      .map(({ value }) => value)
      .sort()
      .join();
  return left.id === right.id && valuesOf(left) === valuesOf(right);
}

/** Sums the settled costs of every session under an agreement. Its signatures tell it from another of the same id. */
export function agreementTotalsOf(
  agreement: Agreement,
  sessions: readonly { readonly agreement: Agreement | null; readonly turns: readonly Turn[] }[],
): AgreementTotals {
  const under = sessions.filter(
    (session) => session.agreement !== null && isSameAgreement(session.agreement, agreement),
  );
  return { sessions: under.length, totals: totalsOf(under.flatMap(({ turns }) => turns)) };
}

/** What the ledger said about one line. */
export interface CheckedLine {
  readonly seq: number;
  readonly verdict: 'confirmed' | 'missing' | 'differs' | 'other-coordinator';
}

/** An entry of a host's ledger behind a turn. */
export interface LedgerWord {
  readonly turn_id: string;
  readonly ledger_ref: string;
  readonly gft: number;
  /** The coordinator whose ledger it is; the host's own without it. */
  readonly coordinator_id?: string;
}

/** Checks a statement's lines against what the ledger of a coordinator says. */
export function checkStatement(
  lines: readonly StatementLine[],
  words: readonly LedgerWord[],
  ledger: { readonly coordinatorId: string; readonly terms: CostTerms },
): CheckedLine[] {
  const keyOf = (coordinatorId: string, ref: string): string => `${coordinatorId} ${ref}`;
  const byRef = new Map(
    words.map((word) => [keyOf(word.coordinator_id ?? ledger.coordinatorId, word.ledger_ref), word] as const),
  );
  return lines.map(({ seq, turn_id: turnId, cost }): CheckedLine => {
    const word = byRef.get(keyOf(cost.coordinator_id, cost.ledger_ref));
    // The host has words of other coordinators whose people take part over a link, and of no others.
    if (word === undefined && cost.coordinator_id !== ledger.coordinatorId)
      return { seq, verdict: 'other-coordinator' };
    if (word === undefined || word.turn_id !== turnId) return { seq, verdict: 'missing' };
    const amount = amountInUnit(toMicroGft(word.gft), ledger.terms);
    return { seq, verdict: amount === cost.amount && cost.unit === ledger.terms.unit ? 'confirmed' : 'differs' };
  });
}
