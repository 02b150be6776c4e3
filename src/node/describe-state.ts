import type { NodeState, PauseReason } from '../protocol/compute/node-snapshot';

function describePause(reason: PauseReason): string {
  switch (reason.kind) {
    case 'user':
      return 'Paused.';
    case 'snoozed':
      return `Paused until ${reason.until}.`;
    case 'no-consent':
      return 'Waiting for consent.';
    case 'on-battery':
      return `Paused on battery power${reason.percent === null ? '' : ` (${Math.round(reason.percent)} %)`}.`;
    case 'suspended':
      return `Suspended by the coordinator: ${reason.message}`;
  }
}

/** A state as one sentence for a terminal. Progress is left out, so that a line is new only when something changed. */
export function describeState(state: NodeState): string {
  switch (state.kind) {
    case 'off':
      return 'Stopped.';
    case 'preparing':
      return {
        identity: 'Opening the key.',
        hardware: 'Reading the hardware.',
        benchmark: 'Measuring the hardware.',
        model: 'Reading the model.',
      }[state.step];
    case 'connecting':
      return `Connecting to the coordinator (attempt ${state.attempt}).`;
    case 'registering':
      return 'Connected; registering.';
    case 'loading':
      return `Loading layers ${state.range.layer_start} to ${state.range.layer_end} of ${state.modelId}.`;
    case 'serving':
      return `Serving layers ${state.range.layer_start} to ${state.range.layer_end} of ${state.modelId}.`;
    case 'paused':
      return describePause(state.reason);
    case 'waiting':
      return `${state.error.message} Trying again at ${state.retryAt}.`;
    case 'failed':
      return `Failed: ${state.error.message}${state.error.suggestion === undefined ? '' : ` ${state.error.suggestion}`}`;
  }
}
