import type { Failure } from '../../../protocol/result';
import { mainFailure } from '../../errors';

/** The conversation could not be read: it is gone, or the store says why. */
export function unknownConversation(error?: Failure) {
  return error === undefined || error.code === 'not-found'
    ? mainFailure('conversation-unknown', 'This conversation does not exist any more.')
    : { ok: false as const, error };
}

/** One thing at a time happens to a conversation. */
export function busyConversation() {
  return mainFailure('conversation-busy', 'An answer is still being written here.', {
    retryable: true,
    suggestion: 'Wait for its end or stop it.',
  });
}
