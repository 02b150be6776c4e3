import type { NodeState } from '../../../protocol/compute/node-snapshot';

/** What a first start works through, in order. */
export const WELCOME_STEPS = ['identity', 'hardware', 'benchmark', 'model', 'connecting', 'loading'] as const;
export type WelcomeStep = (typeof WELCOME_STEPS)[number];

export interface StepProgress {
  readonly step: WelcomeStep;
  readonly state: 'done' | 'running' | 'todo' | 'stopped';
  /** 0 to 1 while running, where it is known. */
  readonly fraction: number | null;
}

export interface WelcomeProgress {
  readonly steps: readonly StepProgress[];
  readonly outcome: 'working' | 'ready' | 'paused' | 'stopped';
}

/** The step a state is in; null: it is in none. */
function currentStep(state: NodeState): { readonly step: WelcomeStep; readonly fraction: number | null } | null {
  switch (state.kind) {
    case 'preparing': {
      const hasFraction = state.step === 'benchmark' || state.step === 'model';
      return { step: state.step, fraction: hasFraction ? state.fraction : null };
    }
    case 'connecting':
    case 'registering':
      return { step: 'connecting', fraction: null };
    case 'loading':
      return { step: 'loading', fraction: state.fraction };
    default:
      return null;
  }
}

/** Failures that only a coordinator, or the way to it, gives. */
const OF_THE_COORDINATOR =
  /^(coordinator-|connection-|not-a-member$|role-|access-|invitation-|identity-(required|invalid)$)/;

/** The step a state that names none was reached by; a quick one may have passed between two pictures of the state. */
function impliedStep(state: NodeState): WelcomeStep | null {
  if (state.kind === 'waiting') return 'connecting';
  return state.kind === 'failed' && OF_THE_COORDINATOR.test(state.error.code) ? 'connecting' : null;
}

/** The furthest step seen so far, or the first one. */
export function furthestStep(previous: WelcomeStep, state: NodeState): WelcomeStep {
  const current = currentStep(state)?.step ?? impliedStep(state) ?? previous;
  return WELCOME_STEPS.indexOf(current) > WELCOME_STEPS.indexOf(previous) ? current : previous;
}

/**
 * How far a first start is. A state that names no step (waiting, failed) stopped at the furthest one seen.
 */
export function welcomeProgress(state: NodeState, furthest: WelcomeStep): WelcomeProgress {
  if (state.kind === 'serving' || (state.kind === 'paused' && state.reason.kind !== 'no-consent')) {
    return {
      steps: WELCOME_STEPS.map((step) => ({ step, state: 'done', fraction: null })),
      outcome: state.kind === 'serving' ? 'ready' : 'paused',
    };
  }
  const stopped = state.kind === 'waiting' || state.kind === 'failed';
  const current = currentStep(state) ?? { step: furthest, fraction: null };
  const currentIndex = WELCOME_STEPS.indexOf(current.step);
  return {
    outcome: stopped ? 'stopped' : 'working',
    steps: WELCOME_STEPS.map((step, index) => {
      if (index < currentIndex) return { step, state: 'done', fraction: null };
      if (index > currentIndex) return { step, state: 'todo', fraction: null };
      return { step, state: stopped ? 'stopped' : 'running', fraction: current.fraction };
    }),
  };
}
