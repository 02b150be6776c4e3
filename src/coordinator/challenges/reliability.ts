import { reliabilityFactor } from '../../protocol/compute/formulas';

/** Outcome of one task: answered right, answered wrong, or not answered in time. */
export type TaskOutcome = 'verified' | 'failed' | 'expired';

/** What the rolling window says about a node. */
export interface Reliability {
  /** 0.5..1 */
  readonly factor: number;
  /** Share of the answers that were right, 0..1; 1 before the first. */
  readonly consistency: number;
}

/** Reliability over the outcomes in the window: completed are those answered in time, consistent those answered right. */
export function assessReliability(outcomes: readonly TaskOutcome[]): Reliability {
  const assigned = outcomes.length;
  const completed = outcomes.filter((outcome) => outcome !== 'expired').length;
  const verified = outcomes.filter((outcome) => outcome === 'verified').length;
  const consistency = completed === 0 ? 1 : verified / completed;
  return { factor: reliabilityFactor(assigned, completed, consistency), consistency };
}
