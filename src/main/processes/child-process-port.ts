/** A running child process as the supervisor needs it; Electron's utility process is wrapped to fit. */
export interface ChildProcessPort {
  readonly pid: number | undefined;
  postMessage(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Each piece of text the process wrote, from either of its output streams. */
  onOutput(listener: (text: string, stream: 'stdout' | 'stderr') => void): void;
  /** Once; `code` is 0 when the process ended by itself without an error. */
  onExit(listener: (code: number) => void): void;
  /** Ends the process without asking it. */
  kill(): void;
}

/** Starts a process. What it throws counts as a crash of that start. */
export type StartChildProcess = () => ChildProcessPort;
