import type { CoordinatorMessage, MessageOf } from '../../protocol/wire/messages';
import { toMicroGft } from '../../protocol/compute/micro-gft';
import type { CoordinatorEvent, PipelineMessage } from './coordinator-client';
import { readTask } from './reading';

type EventMessage = MessageOf<
  CoordinatorMessage,
  'task' | 'balance' | 'node-status' | 'coverage' | 'notice' | PipelineMessage['type']
>;

/** What a checked message means to the node; null for a challenge whose layers make no sense. */
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
