import { Value } from 'typebox/value';
import type { EmbeddedCoordinatorState } from '../../contract/snapshot';
import { success, type Result } from '../../protocol/result';
import { mainFailure } from '../errors';
import type { Log } from '../services/log';
import type { Timers } from '../services/timers';
import type { ChildProcessPort, StartChildProcess } from './child-process-port';
import { CoordinatorReport, type CoordinatorStart } from './coordinator-messages';
import { DEFAULT_SUPERVISOR_LIMITS, ProcessSupervisor, type ProcessState } from './process-supervisor';

/** The coordinator gives running requests five seconds to settle. */
const STOP_TIMEOUT_MS = 6_000;

export interface EmbeddedCoordinatorOptions {
  readonly start: StartChildProcess;
  /** Asked at every start, so that a restart uses the settings and the port of that moment. */
  readonly configuration: () => Omit<CoordinatorStart, 'type'>;
  /** The port it listens on, to be preferred next time. */
  readonly onPort: (port: number) => void;
  readonly onState: (state: EmbeddedCoordinatorState) => void;
  /** It ended by itself and is started again; the sentence says so. */
  readonly onCrash: (text: string) => void;
  readonly log: Log;
  readonly timers: Timers;
}

/** The coordinator this app runs for itself, in a process of its own, reachable from this computer only. */
export class EmbeddedCoordinator {
  readonly #supervisor: ProcessSupervisor;
  readonly #options: EmbeddedCoordinatorOptions;
  #state: EmbeddedCoordinatorState = { kind: 'off' };
  #url: string | null = null;

  constructor(options: EmbeddedCoordinatorOptions) {
    this.#options = options;
    this.#supervisor = new ProcessSupervisor({
      name: 'The coordinator of this computer',
      start: options.start,
      connect: (child) => this.#connect(child),
      requestStop: (child) => child.postMessage({ type: 'stop' }),
      limits: { ...DEFAULT_SUPERVISOR_LIMITS, stopTimeoutMs: STOP_TIMEOUT_MS },
      log: options.log,
      timers: options.timers,
    });
    this.#supervisor.onState((state) => this.#follow(state));
  }

  get state(): EmbeddedCoordinatorState {
    return this.#state;
  }

  start(): void {
    this.#supervisor.start();
  }

  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  /** Applies settings that are read only at a start. */
  async restart(): Promise<void> {
    await this.#supervisor.stop();
    this.#supervisor.start();
  }

  #connect(child: ChildProcessPort): Promise<Result<void>> {
    return new Promise((resolve) => {
      child.onMessage((message) => {
        if (!Value.Check(CoordinatorReport, message)) return;
        if (message.type === 'log') {
          this.#options.log[message.level](message.facts, message.message);
          return;
        }
        if (message.type === 'running') {
          this.#url = message.url;
          this.#options.onPort(message.port);
          resolve(success(undefined));
          return;
        }
        const { message: text, retryable, suggestion } = message;
        this.#options.log.error({ code: message.code }, text);
        resolve(
          mainFailure('coordinator-start-failed', `The coordinator of this computer cannot start: ${text}`, {
            retryable,
            ...(suggestion === undefined ? {} : { suggestion }),
          }),
        );
      });
      child.postMessage({ type: 'start', ...this.#options.configuration() } satisfies CoordinatorStart);
    });
  }

  #follow(state: ProcessState): void {
    switch (state.kind) {
      case 'stopped':
        this.#set({ kind: 'off' });
        break;
      case 'restarting':
        this.#options.onCrash(state.error.message);
        this.#set({ kind: 'starting' });
        break;
      case 'starting':
        this.#set({ kind: 'starting' });
        break;
      case 'running':
        if (this.#url !== null) this.#set({ kind: 'running', url: this.#url });
        break;
      case 'failed':
        this.#set({ kind: 'failed', error: state.error });
    }
  }

  #set(state: EmbeddedCoordinatorState): void {
    if (state.kind === this.#state.kind && state.kind !== 'running' && state.kind !== 'failed') return;
    this.#state = state;
    this.#options.onState(state);
  }
}
