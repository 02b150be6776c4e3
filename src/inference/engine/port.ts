/** One end of a channel between two processes that clones what is sent, typed arrays included. */
export interface Port {
  /** Throws nothing: a message to a process that is gone is lost, and `onClose` tells. */
  post(message: unknown): void;
  onMessage(callback: (message: unknown) => void): void;
  /** The other side ended, by itself or by a crash; told at most once. */
  onClose(callback: (reason: string) => void): void;
  close(): void;
}

/** The end of a process that computes: a computation holds up what it has not sent yet. */
export interface WorkingPort extends Port {
  /** Resolves when what was posted has left this process; nothing where it has. */
  allLeft(): Promise<void> | undefined;
}

/** What is needed of `child_process.fork` with `serialization: 'advanced'`. */
export interface ForkedProcess {
  readonly connected: boolean;
  send(message: unknown, callback: (error: Error | null) => void): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  kill(): boolean;
}

/** The parent's end of the channel to a forked Node process. */
export function portToForkedProcess(child: ForkedProcess): Port {
  return {
    post(message) {
      // A failed send means the process is gone; its exit event says so to everyone who waits.
      if (child.connected) child.send(message, () => undefined);
    },
    onMessage: (callback) => void child.on('message', callback),
    onClose(callback) {
      child.on('exit', (code, signal) => callback(`it ended with ${signal ?? `code ${code ?? 'unknown'}`}`));
      child.on('error', (error) => callback(error.message));
    },
    close: () => void child.kill(),
  };
}

/** Electron's `process.parentPort` inside a utility process. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
}

/** The own end of the channel to whoever started this process; undefined when it was started by hand. */
export function portToParent(): WorkingPort | undefined {
  const { parentPort } = process as typeof process & { readonly parentPort?: ParentPort };
  if (parentPort !== undefined) {
    return {
      post: (message) => parentPort.postMessage(message),
      onMessage: (callback) => void parentPort.on('message', ({ data }) => callback(data)),
      // A utility process is ended together with the app by Electron itself.
      onClose: () => undefined,
      close: () => process.exit(0),
      // Electron sends on a thread of its own.
      allLeft: () => undefined,
    };
  }
  if (process.send === undefined) return undefined;
  let leaving = 0;
  let left: Promise<void> | undefined;
  let settleLeft = (): void => undefined;
  const hasLeft = (): void => {
    leaving--;
    if (leaving > 0) return;
    settleLeft();
    left = undefined;
  };
  return {
    post(message) {
      if (!process.connected) return;
      leaving++;
      process.send?.(message, undefined, undefined, hasLeft);
    },
    allLeft() {
      if (leaving === 0) return undefined;
      left ??= new Promise((resolve) => {
        settleLeft = resolve;
      });
      return left;
    },
    onMessage: (callback) => void process.on('message', callback),
    onClose: (callback) => void process.once('disconnect', () => callback('the parent is gone')),
    close: () => process.exit(0),
  };
}
