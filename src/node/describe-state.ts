import type { NodeState } from '../protocol/compute/node-snapshot';
import { describePauseReason } from '../protocol/compute/pause-reason';

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
      return `Paused. ${describePauseReason(state.reason, (time) => time)}`;
    case 'waiting':
      return `${state.error.message} Trying again at ${state.retryAt}.`;
    case 'failed':
      return `Failed: ${state.error.message}${state.error.suggestion === undefined ? '' : ` ${state.error.suggestion}`}`;
  }
}
