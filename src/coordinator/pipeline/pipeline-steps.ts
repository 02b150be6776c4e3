import type { HopFailure } from './hop-driver';

/** One pass through the whole pipeline, as it is kept until the request ends: the caches follow from the steps alone. */
export interface PipelineStep {
  readonly purpose: 'fill' | 'sample' | 'verify';
  /** Position of the first of `inputIds`. */
  readonly position: number;
  readonly inputIds: readonly number[];
  /** The last of `inputIds`, where they are guesses to verify. */
  readonly draftIds: readonly number[];
}

/**
 * Positions that travel in one prefill step. While one node works on a chunk the next one works on the chunk before, so
 * smaller chunks overlap better; at this size a pass over the weights still serves enough positions to be efficient.
 */
export const PREFILL_CHUNK_POSITIONS = 128;

/** Steps under way at once: one at every node and two on their way, so that no node waits for its next one. */
export const STEPS_BETWEEN_HOPS = 2;
/** Most steps under way, whatever the number of nodes; nodes refuse more waiting ones (`JOB_LIMITS`). */
export const MAX_STEPS_UNDER_WAY = 8;

/**
 * Cuts a prompt into prefill steps; only the last one gives a token.
 *
 * @param chunk - positions of one step
 */
export function prefillSteps(inputIds: readonly number[], chunk: number): PipelineStep[] {
  const steps: PipelineStep[] = [];
  for (let position = 0; position < inputIds.length; position += chunk) {
    const ids = inputIds.slice(position, position + chunk);
    const isLast = position + ids.length === inputIds.length;
    steps.push({ purpose: isLast ? 'sample' : 'fill', position, inputIds: ids, draftIds: [] });
  }
  return steps;
}

/** The decode step behind the last token, with guesses to verify where there are any. */
export function decodeStep(position: number, token: number, draftIds: readonly number[]): PipelineStep {
  return draftIds.length === 0
    ? { purpose: 'sample', position, inputIds: [token], draftIds }
    : { purpose: 'verify', position, inputIds: [token, ...draftIds], draftIds };
}

/** The same step for a pipeline that cannot verify guesses. */
export function withoutDrafts(step: PipelineStep): PipelineStep {
  if (step.purpose !== 'verify') return step;
  const inputIds = step.inputIds.slice(0, step.inputIds.length - step.draftIds.length);
  return { purpose: 'sample', position: step.position, inputIds, draftIds: [] };
}

/** Whether another node may take over what failed; a cancelled request needs no one. */
export function isRepairable(failure: HopFailure): boolean {
  return failure.code !== 'cancelled' && (failure.retryable || failure.isWrongAnswer);
}
