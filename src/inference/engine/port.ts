/** One end of a channel between two processes that clones what is sent, typed arrays included. */
export interface Port {
  /** Throws nothing: a message to a process that is gone is lost, and `onClose` tells. */
  post(message: unknown): void;
  onMessage(callback: (message: unknown) => void): void;
  /** The other side ended, by itself or by a crash; told at most once. */
  onClose(callback: (reason: string) => void): void;
  close(): void;
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
export function portToParent(): Port | undefined {
  const { parentPort } = process as typeof process & { readonly parentPort?: ParentPort };
  if (parentPort !== undefined) {
    return {
      post: (message) => parentPort.postMessage(message),
      onMessage: (callback) => void parentPort.on('message', ({ data }) => callback(data)),
      // A utility process is ended together with the app by Electron itself.
      onClose: () => undefined,
      close: () => process.exit(0),
    };
  }
  if (process.send === undefined) return undefined;
  return {
    post(message) {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    onMessage: (callback) => void process.on('message', callback),
    onClose: (callback) => void process.once('disconnect', () => callback('the parent is gone')),
    close: () => process.exit(0),
  };
}
