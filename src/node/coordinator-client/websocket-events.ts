import type { CoordinatorMessage, MessageOf } from '../../protocol/wire/messages';
import { toMicroGft } from '../../protocol/compute/micro-gft';
import type { CoordinatorEvent, PipelineMessage } from './coordinator-client';
import { readTask } from './reading';

type EventMessage = MessageOf<
  CoordinatorMessage,
  'task' | 'balance' | 'node-status' | 'coverage' | 'notice' | 'move-proposed' | PipelineMessage['type']
>;

/** What a checked message means to the node; null for a challenge or a proposal whose layers make no sense. */
export function eventOf(message: EventMessage): CoordinatorEvent | null {
  switch (message.type) {
    case 'task': {
      const task = readTask(message.task);
      return task === null ? null : { kind: 'task', task };
    }
    case 'balance':
      return {
        kind: 'balance',
        balanceMicroGft: toMicroGft(message.balance),
        amountMicroGft: toMicroGft(message.amount),
        eventType: message.event_type,
        ledgerRef: message.ledger_ref,
      };
    case 'node-status':
      return {
        kind: 'node-status',
        status: message.status,
        reliability: message.reliability,
        message: message.message,
        taskId: message.task_id ?? null,
        passed: message.passed ?? null,
      };
    case 'coverage':
      return {
        kind: 'coverage',
        modelId: message.model_id,
        available: message.available,
        layersMissing: message.layers_missing,
      };
    case 'move-proposed': {
      const { proposal_id: proposalId, model_id: modelId, gain, expires_at: expiresAt } = message;
      const range = { layer_start: message.layer_start, layer_end: message.layer_end };
      if (range.layer_end < range.layer_start) return null;
      return { kind: 'move-proposed', proposal: { proposalId, modelId, range, gain, expiresAt } };
    }
    case 'notice':
      return { kind: 'notice', text: message.text };
    case 'pipeline-open':
    case 'pipeline-begin':
    case 'pipeline-route':
    case 'pipeline-expect':
    case 'pipeline-step':
    case 'pipeline-close':
      return { kind: 'pipeline', message };
  }
}
