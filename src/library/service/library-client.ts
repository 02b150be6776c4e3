import { Value } from 'typebox/value';
import { failure } from '../../protocol/result';
import type { LibraryErrorCode, LibraryResult } from '../store/errors';
import type {
  LibraryAccess,
  LibraryCallOptions,
  LibraryInput,
  LibraryMethod,
  LibraryOutput,
  LibraryProgress,
} from './library-access';
import { LibraryReply, type LibraryPort } from './messages';

interface Waiting {
  readonly settle: (result: LibraryResult<never>) => void;
  readonly onProgress: ((progress: LibraryProgress) => void) | undefined;
}

/** A library in another process. Calls made after the process is gone, and those it did not answer, fail as `storage-failed`. */
export class LibraryClient implements LibraryAccess {
  readonly #port: LibraryPort;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #isGone = false;

  constructor(port: LibraryPort) {
    this.#port = port;
    port.onMessage((message) => {
      if (Value.Check(LibraryReply, message)) this.#receive(message);
    });
  }

  call<Method extends LibraryMethod>(
    method: Method,
    input: LibraryInput<Method>,
    { signal, onProgress }: LibraryCallOptions = {},
  ): Promise<LibraryResult<LibraryOutput<Method>>> {
    if (this.#isGone) return Promise.resolve(gone());
    const id = (this.#lastId += 1);
    return new Promise((resolve) => {
      const cancel = (): void => this.#port.post({ type: 'cancel', id });
      this.#waiting.set(id, {
        settle: (result) => {
          signal?.removeEventListener('abort', cancel);
          resolve(result);
        },
        onProgress,
      });
      this.#port.post({ type: 'call', id, method, input });
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  /** The process ended: nobody will answer any more. */
  lost(): void {
    this.#isGone = true;
    for (const { settle } of this.#waiting.values()) settle(gone());
    this.#waiting.clear();
  }

  #receive(message: LibraryReply): void {
    if (message.type === 'progress') {
      this.#waiting.get(message.id)?.onProgress?.(message.progress as LibraryProgress);
      return;
    }
    if (message.type !== 'result') return;
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    waiting?.settle(message.result as LibraryResult<never>);
  }
}

function gone(): LibraryResult<never> {
  return failure<LibraryErrorCode>('storage-failed', 'The part of the app that keeps the library ended.', {
    retryable: true,
    suggestion: 'It is started again by itself. Try again in a moment.',
  });
}
