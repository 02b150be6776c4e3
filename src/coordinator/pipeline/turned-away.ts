import type { CoordinatorConfig } from '../config';
import { refuse } from '../errors';
import type { Entry } from './admission-queue';

/** Why a request did not get its turn, and what to do. */
export function turnedAway(
  kind: Exclude<Entry['kind'], 'admitted'>,
  config: Pick<CoordinatorConfig, 'maxRequestsPerNode' | 'maxWaitingRequestsPerNode' | 'queueWaitSeconds'>,
  queue: { readonly retryAfterSeconds: number; readonly waitingRequests: number },
): ReturnType<typeof refuse> {
  const again = { retryable: true, suggestion: `Ask again in ${queue.retryAfterSeconds} s.` };
  switch (kind) {
    case 'own-full':
      return refuse(
        'too-many-requests',
        `You have ${config.maxRequestsPerNode} requests running and ${config.maxWaitingRequestsPerNode} waiting, which is the most for one.`,
        again,
      );
    case 'full':
      return refuse(
        'coordinator-busy',
        `${queue.waitingRequests} requests wait for their turn, the most there can be.`,
        again,
      );
    case 'timeout':
      return refuse('coordinator-busy', `It was not this request's turn within ${config.queueWaitSeconds} s.`, again);
    case 'aborted':
      return refuse('cancelled', 'The request was cancelled while it waited; nothing was charged.');
    case 'closed':
      return refuse('coordinator-stopping', 'The coordinator is shutting down.', { retryable: true });
  }
}
