import { Value } from 'typebox/value';
import { openLibrary, type Library } from '../store/open-library';
import { reasonOf, refuse } from '../store/errors';
import type { LibraryAccess, LibraryInput, LibraryMethod, LibraryProgress } from './library-access';
import { localLibrary } from './local-library';
import { LibraryCommand, type LibraryPort } from './messages';

/** Progress is told at most this often; a bar needs no more, and every message costs two processes time. */
const PROGRESS_INTERVAL_MS = 100;

interface ServeOptions {
  /** Ends the process; called after the library is closed. */
  readonly onStopped: () => void;
  readonly now?: () => number;
}

/** Answers the calls of another process over a port, many at a time, each once. */
export function serveLibrary(port: LibraryPort, { onStopped, now = Date.now }: ServeOptions): void {
  let library: Library | null = null;
  let access: LibraryAccess | null = null;
  const running = new Map<number, AbortController>();
  const answering = new Set<Promise<void>>();

  const open = async (folder: string): Promise<void> => {
    const opened = await openLibrary(folder);
    if (!opened.ok) {
      port.post({ type: 'refused', error: opened.error });
      return;
    }
    library = opened.value;
    access = localLibrary(library);
    port.post({ type: 'opened' });
  };

  const answer = async (id: number, method: string, input: unknown): Promise<void> => {
    if (access === null) {
      port.post({ type: 'result', id, result: refuse('storage-failed', 'The library is not open.') });
      return;
    }
    const controller = new AbortController();
    running.set(id, controller);
    let toldAtMs = Number.NEGATIVE_INFINITY;
    const onProgress = (progress: LibraryProgress): void => {
      const isEnd = 'done' in progress ? progress.done >= progress.total : progress.bytesDone >= progress.bytesTotal;
      const nowMs = now();
      if (nowMs - toldAtMs < PROGRESS_INTERVAL_MS && !isEnd) return;
      toldAtMs = nowMs;
      port.post({ type: 'progress', id, progress });
    };
    try {
      const known = method as LibraryMethod;
      const result = await access.call(known, input as LibraryInput<typeof known>, {
        signal: controller.signal,
        onProgress,
      });
      port.post({ type: 'result', id, result });
    } catch (thrown) {
      // A bug. One call must not take down the others.
      port.post({
        type: 'result',
        id,
        result: refuse('storage-failed', `The library failed unexpectedly: ${reasonOf(thrown)}.`, { retryable: true }),
      });
    } finally {
      running.delete(id);
    }
  };

  const stop = async (): Promise<void> => {
    for (const controller of running.values()) controller.abort();
    await Promise.all(answering);
    await library?.close();
    onStopped();
  };

  port.onMessage((message) => {
    if (!Value.Check(LibraryCommand, message)) return;
    switch (message.type) {
      case 'open':
        void open(message.folder);
        break;
      case 'call': {
        const work = answer(message.id, message.method, message.input).finally(() => answering.delete(work));
        answering.add(work);
        break;
      }
      case 'cancel':
        running.get(message.id)?.abort();
        break;
      case 'stop':
        void stop();
    }
  });
}
