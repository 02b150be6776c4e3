import type { CallInput, CallOutput, ToreApi, WindowChannel } from '../../contract';
import { failure } from '../../protocol/result';

/** The part of the API that stores need; tests bring their own. */
export type ToreConnection = Pick<ToreApi, 'call' | 'on'>;

/**
 * Calls main. A call that breaks instead of answering is reported as a failure with the code `call-broken`, so that
 * the screen stays usable and says so.
 */
export async function callTore<Name extends WindowChannel>(
  channel: Name,
  input: CallInput<Name>,
): Promise<CallOutput<Name>> {
  try {
    return await window.tore.call(channel, input);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return failure('call-broken', `The app's background part did not answer (${channel}): ${detail}`, {
      retryable: true,
    });
  }
}
