import type { Failure, Result } from '../../protocol/result';
import { mainFailure, reasonOf } from '../errors';
import type { Log } from '../services/log';
import type { Timers } from '../services/timers';
import type { ChildProcessPort, StartChildProcess } from './child-process-port';
import { CrashHistory, DEFAULT_CRASH_LIMITS, type CrashLimits } from './crash-history';
import { logOutput } from './process-output';

/**
 * Life of a supervised process.
 *
 *   stopped ──start──▶ starting ──connected──▶ running
 *      ▲                  │  ▲               │
 *      │            crash │  │ after delay   │ crash
 *      │                  ▼  │               │
 *      │                restarting ◀─────────┘
 *      │                  │ too many crashes, or the process said it cannot start
 *      └────stop──────  failed
 *
 * An exit that was asked for is no crash; every other one is, also with code 0.
 */
export type ProcessState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'starting'; readonly attempt: number }
  | { readonly kind: 'running'; readonly pid: number | undefined }
  | { readonly kind: 'restarting'; readonly delayMs: number; readonly error: Failure }
  | { readonly kind: 'failed'; readonly error: Failure };

export interface SupervisorOptions {
  /** Name in logs and messages, as "The inference engine". */
  readonly name: string;
  readonly start: StartChildProcess;
  /**
   * Talks to a process that was just started until it can be used. A failure that is not retryable means that it cannot
   * start and that starting it again would not help; every other one counts as a crash.
   */
  readonly connect: (child: ChildProcessPort) => Promise<Result<void>>;
  /** Asks the process to end by itself. */
  readonly requestStop: (child: ChildProcessPort) => void;
  readonly limits: SupervisorLimits;
  readonly log: Log;
  readonly timers: Timers;
}

export interface SupervisorLimits {
  /** A process that is not ready after this long is taken for hung. */
  readonly readyTimeoutMs: number;
  /** How long it may take to end when asked, before it is killed. */
  readonly stopTimeoutMs: number;
  readonly crashes: CrashLimits;
}

export const DEFAULT_SUPERVISOR_LIMITS: SupervisorLimits = {
  readyTimeoutMs: 30_000,
  stopTimeoutMs: 3_000,
  crashes: DEFAULT_CRASH_LIMITS,
};

/** Starts a process, restarts it when it crashes, gives up when it keeps crashing, and ends it in bounded time. */
export class ProcessSupervisor {
  #state: ProcessState = { kind: 'stopped' };
  #attempt = 0;
  #child: ChildProcessPort | null = null;
  #cancelTimer: (() => void) | null = null;
  #stopping: Promise<void> | null = null;
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #crashes: CrashHistory;
  readonly #stateListeners = new Set<(state: ProcessState) => void>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#crashes = new CrashHistory(options.limits.crashes);
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** Returns the function that ends the subscription. */
  onState(listener: (state: ProcessState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Starts the process unless it runs or is about to; after `failed` it counts crashes anew. */
  start(): void {
    if (this.#state.kind !== 'stopped' && this.#state.kind !== 'failed') return;
    this.#crashes.forget();
    this.#attempt = 0;
    this.#launch();
  }

  /** Asks the process to end and kills it when it does not. Resolves when it is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = null;
    });
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#clearTimer();
    const child = this.#child;
    this.#child = null;
    this.#setState({ kind: 'stopped' });
    if (child === null) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.timers.after(this.#options.limits.stopTimeoutMs, () => {
        this.#log.warn({}, `${this.#options.name} did not end in time and is killed`);
        child.kill();
        // Killing is not refused by any system we run on, but waiting for its report must not hold up the app's end.
        this.#options.timers.after(this.#options.limits.stopTimeoutMs, resolve);
      });
      child.onExit(() => {
        cancel();
        resolve();
      });
      this.#options.requestStop(child);
    });
  }

  #launch(): void {
    this.#attempt += 1;
    this.#setState({ kind: 'starting', attempt: this.#attempt });
    let child: ChildProcessPort;
    try {
      child = this.#options.start();
    } catch (thrown) {
      this.#crashed(`it could not be started (${reasonOf(thrown)})`);
      return;
    }
    this.#child = child;
    child.onExit((code) => {
      if (this.#child === child) this.#crashed(`it ended with code ${code}`);
    });
    logOutput(child, this.#log);
    this.#cancelTimer = this.#options.timers.after(this.#options.limits.readyTimeoutMs, () => {
      if (this.#child !== child || this.#state.kind !== 'starting') return;
      this.#crashed('it was not ready in time');
      child.kill();
    });
    this.#options.connect(child).then(
      (result) => this.#connected(child, result),
      (thrown: unknown) => {
        this.#connected(child, mainFailure('process-gone', reasonOf(thrown), { retryable: true }));
      },
    );
  }

  #connected(child: ChildProcessPort, result: Result<void>): void {
    if (this.#child !== child || this.#state.kind !== 'starting') return;
    if (result.ok) {
      this.#clearTimer();
      this.#log.info({ pid: child.pid }, `${this.#options.name} is ready`);
      this.#setState({ kind: 'running', pid: child.pid });
      return;
    }
    if (result.error.retryable) {
      this.#crashed(result.error.message);
    } else {
      this.#clearTimer();
      this.#child = null;
      this.#log.error({ code: result.error.code }, `${this.#options.name} cannot start`);
      this.#setState({ kind: 'failed', error: result.error });
    }
    child.kill();
  }

  #crashed(reason: string): void {
    this.#clearTimer();
    this.#child = null;
    const { name, timers } = this.#options;
    const delayMs = this.#crashes.record(timers.now());
    this.#log.error({ reason }, `${name} crashed`);
    if (delayMs === null) {
      const { error } = mainFailure('process-failed', `${name} keeps crashing: ${reason}.`, {
        retryable: true,
        suggestion: 'Try again, or restart the app. The log file says more.',
      });
      this.#setState({ kind: 'failed', error });
      return;
    }
    const { error } = mainFailure('process-gone', `${name} stopped unexpectedly: ${reason}. It is started again.`, {
      retryable: true,
    });
    this.#setState({ kind: 'restarting', delayMs, error });
    this.#cancelTimer = timers.after(delayMs, () => this.#launch());
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #setState(state: ProcessState): void {
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}
