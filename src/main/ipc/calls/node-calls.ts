import { success, type Result } from '../../../protocol/result';
import type { CallRegistry } from '../call-registry';

export interface NodeCallDependencies {
  /** Minutes, or null until resumed. */
  readonly pause: (minutes: number | null) => void;
  readonly resume: () => void;
  readonly retry: () => void;
  /** Resolves when the measurement is done. */
  readonly measureHardware: () => Promise<Result<void>>;
  readonly answerMove: (accepted: boolean) => Promise<Result<void>>;
}

/** What these calls lead to shows in the node's state. */
export function registerNodeCalls(calls: CallRegistry, node: NodeCallDependencies): void {
  calls.registerCall('node:pause', ({ minutes }) => {
    node.pause(minutes);
    return success(null);
  });
  calls.registerCall('node:resume', () => {
    node.resume();
    return success(null);
  });
  calls.registerCall('node:retry', () => {
    node.retry();
    return success(null);
  });
  calls.registerCall('node:measure-hardware', async () => {
    const measured = await node.measureHardware();
    return measured.ok ? success(null) : measured;
  });
  calls.registerCall('node:answer-move', async ({ accepted }) => {
    const answered = await node.answerMove(accepted);
    return answered.ok ? success(null) : answered;
  });
}
