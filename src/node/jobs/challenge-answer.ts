import { baselineChallengeText } from '../../protocol/compute/baseline-challenge';
import type { TaskResultBody } from '../../protocol/compute/http/tasks';
import { sha256Hex, type ReadTask } from '../coordinator-client/reading';

/**
 * The answer to a baseline challenge: SHA-256 over the exact text of tore-0001. It proves nothing about compute and is
 * given because coordinators of the baseline ask for it.
 */
export function answerChallenge(task: ReadTask, nodeId: string, executionTimeMs: number): TaskResultBody {
  return {
    task_id: task.taskId,
    node_id: nodeId,
    result_hash: sha256Hex(baselineChallengeText({ prompt: task.prompt, model_id: task.modelId, ...task.range })),
    flops_delivered: task.flopsEstimated,
    execution_time_ms: executionTimeMs,
  };
}
