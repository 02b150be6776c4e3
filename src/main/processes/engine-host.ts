import { engineOverPort, nodeFailure, type StartEngine } from '../../node';
import { success } from '../../protocol/result';
import { reasonOf } from '../errors';
import type { Log } from '../services/log';
import type { Timers } from '../services/timers';
import type { ChildProcessPort, StartChildProcess } from './child-process-port';
import { CrashHistory, DEFAULT_CRASH_LIMITS } from './crash-history';
import { logOutput } from './process-output';

/** How long engines may take to end at the end of the app; they close by themselves before, so this is for hung ones. */
const KILL_AFTER_MS = 4_000;

/**
 * Starts inference engines as processes of their own, one after the other: the node asks for a fresh one after a crash
 * and whenever its shard changes, and closes it itself. This class logs them, stops starting one that keeps crashing,
 * and leaves none behind.
 */
export class EngineHost {
  readonly #start: StartChildProcess;
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #crashes = new CrashHistory(DEFAULT_CRASH_LIMITS);
  readonly #children = new Map<ChildProcessPort, Promise<void>>();

  constructor(start: StartChildProcess, log: Log, timers: Timers) {
    this.#start = start;
    this.#log = log;
    this.#timers = timers;
  }

  /** Fits the node's dependency of the same type. */
  readonly startEngine: StartEngine = async () => {
    if (this.#crashes.count(this.#timers.now()) >= DEFAULT_CRASH_LIMITS.maxCrashes) {
      return nodeFailure('engine-start-failed', 'The inference engine keeps crashing on this computer.', {
        retryable: true,
        suggestion: 'Choose fewer layers or another model, then try again. The log file says more.',
      });
    }
    let child: ChildProcessPort;
    try {
      child = this.#start();
    } catch (thrown) {
      return nodeFailure('engine-start-failed', `The inference engine could not be started: ${reasonOf(thrown)}.`, {
        retryable: true,
      });
    }
    logOutput(child, this.#log);
    let asked = false;
    const gone = new Promise<void>((resolve) => {
      child.onExit((code) => {
        this.#children.delete(child);
        if (asked) this.#log.info({}, 'the inference engine ended');
        else this.#crashed(code);
        resolve();
      });
    });
    this.#children.set(child, gone);
    const running = engineOverPort({
      post: (message) => child.postMessage(message),
      onMessage: (callback) => child.onMessage(callback),
      onClose: (callback) => child.onExit((code) => callback(`it ended with code ${code}`)),
      close: () => {
        asked = true;
        child.kill();
      },
    });
    this.#log.info({}, 'the inference engine was started');
    return success(running);
  };

  /** Forgets earlier crashes, for a person who asks to try again. */
  forgetCrashes(): void {
    this.#crashes.forget();
  }

  /** Waits for engines that are ending and ends those that do not. */
  async close(): Promise<void> {
    const cancel = this.#timers.after(KILL_AFTER_MS, () => {
      for (const child of this.#children.keys()) child.kill();
    });
    await Promise.all(this.#children.values());
    cancel();
  }

  #crashed(code: number): void {
    this.#crashes.record(this.#timers.now());
    this.#log.error({ code }, 'the inference engine crashed');
  }
}
