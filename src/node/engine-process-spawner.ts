import { existsSync } from 'node:fs';
import type { ForkOptions } from 'node:child_process';
import { EngineClient, portToForkedProcess, type Engine, type ForkedProcess, type Port } from '../inference';
import { success, type Result } from '../protocol/result';
import { nodeFailure, reasonOf, type NodeErrorCode } from './errors';

/** An engine in a process of its own. Closing the engine ends the process. */
export interface RunningEngine {
  readonly engine: Engine;
  /** Resolves with the reason once the process is gone, by itself or because the engine was closed. */
  readonly exited: Promise<string>;
}

/** Starts a fresh engine process; the node does so again after a crash and whenever its shard changes. */
export type StartEngine = () => Promise<Result<RunningEngine, NodeErrorCode>>;

/** The engine behind a port, with its end as a promise. */
export function engineOverPort(port: Port): RunningEngine {
  const exited = new Promise<string>((resolve) => port.onClose(resolve));
  return { engine: new EngineClient(port), exited };
}

/** `child_process.fork`, or what stands in for it in tests. */
export type ForkFunction = (modulePath: string, args: readonly string[], options: ForkOptions) => ForkedProcess;

/**
 * Starts engines as forked Node processes, for programs without Electron.
 * @param entryFile - the built engine process file
 */
export function forkEngine(entryFile: string, fork: ForkFunction): StartEngine {
  return async () => {
    if (!existsSync(entryFile)) {
      return nodeFailure('engine-start-failed', `The engine's program ${entryFile} is missing.`, {
        suggestion: 'Build or install the program again.',
      });
    }
    try {
      // Advanced serialization carries typed arrays; an inherited --inspect port would clash with the parent's.
      const child = fork(entryFile, [], {
        serialization: 'advanced',
        execArgv: [],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      return success(engineOverPort(portToForkedProcess(child)));
    } catch (thrown) {
      return nodeFailure('engine-start-failed', `The engine process could not be started: ${reasonOf(thrown)}.`, {
        retryable: true,
      });
    }
  };
}
