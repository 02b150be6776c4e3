import { Value } from 'typebox/value';
import type { LibraryAccess } from '../../library/service/library-access';
import { LibraryClient } from '../../library/service/library-client';
import { LibraryReply, type LibraryCommand } from '../../library/service/messages';
import { failure, success, type Failure, type Result } from '../../protocol/result';
import type { Log } from '../services/log';
import type { Timers } from '../services/timers';
import type { ChildProcessPort, StartChildProcess } from './child-process-port';
import { DEFAULT_SUPERVISOR_LIMITS, ProcessSupervisor, type ProcessState } from './process-supervisor';

/** Undoing a half-done import of a gigabyte takes some seconds; what is not undone by then is undone at the next start. */
const STOP_TIMEOUT_MS = 8_000;
/** A library of gigabytes opens in well under a second; undoing what a crash left takes longer. */
const READY_TIMEOUT_MS = 300_000;

export interface LibraryHostOptions {
  readonly start: StartChildProcess;
  readonly folder: string;
  /** The library cannot be used, until the app is started again or the person asks to try again. */
  readonly onFailed: (error: Failure) => void;
  /** Its process ended by itself and is started again; the sentence says so. */
  readonly onCrash: (text: string) => void;
  readonly log: Log;
  readonly timers: Timers;
}

/** The library in a process of its own. Calls made while it starts wait for it. */
export class LibraryHost {
  readonly #options: LibraryHostOptions;
  readonly #supervisor: ProcessSupervisor;
  #client: LibraryClient | null = null;
  #waiting: (() => void)[] = [];

  constructor(options: LibraryHostOptions) {
    this.#options = options;
    this.#supervisor = new ProcessSupervisor({
      name: 'The library',
      start: options.start,
      connect: (child) => this.#connect(child),
      requestStop: (child) => child.postMessage({ type: 'stop' } satisfies LibraryCommand),
      limits: { ...DEFAULT_SUPERVISOR_LIMITS, readyTimeoutMs: READY_TIMEOUT_MS, stopTimeoutMs: STOP_TIMEOUT_MS },
      log: options.log,
      timers: options.timers,
    });
    this.#supervisor.onState((state) => this.#follow(state));
  }

  /** The library, wherever it is at the moment. */
  readonly access: LibraryAccess = {
    call: async (method, input, options) => {
      await this.#settled();
      const { state } = this.#supervisor;
      if (state.kind === 'running' && this.#client !== null) return this.#client.call(method, input, options);
      const { message, suggestion } =
        state.kind === 'failed' ? state.error : { message: 'The library is closed.', suggestion: undefined };
      return failure('storage-failed', message, {
        retryable: true,
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    },
  };

  start(): void {
    this.#supervisor.start();
  }

  close(): Promise<void> {
    return this.#supervisor.stop();
  }

  /** Resolves when the library runs or it is clear that it does not. */
  #settled(): Promise<void> {
    const { kind } = this.#supervisor.state;
    if (kind !== 'starting' && kind !== 'restarting') return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #connect(child: ChildProcessPort): Promise<Result<void>> {
    return new Promise((resolve) => {
      this.#client = new LibraryClient({
        post: (message) => child.postMessage(message),
        onMessage: (listener) => child.onMessage(listener),
      });
      child.onMessage((message) => {
        if (!Value.Check(LibraryReply, message)) return;
        if (message.type === 'opened') resolve(success(undefined));
        else if (message.type === 'refused') {
          const { code, message: text, suggestion } = message.error;
          // Starting the process again would not mend the file.
          resolve(failure(code, text, { retryable: false, ...(suggestion === undefined ? {} : { suggestion }) }));
        }
      });
      child.postMessage({ type: 'open', folder: this.#options.folder } satisfies LibraryCommand);
    });
  }

  #follow(state: ProcessState): void {
    if (state.kind !== 'running' && state.kind !== 'starting') {
      this.#client?.lost();
      this.#client = null;
    }
    if (state.kind === 'failed') this.#options.onFailed(state.error);
    if (state.kind === 'restarting') this.#options.onCrash(state.error.message);
    if (state.kind === 'starting' || state.kind === 'restarting') return;
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
