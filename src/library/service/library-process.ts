import { serveLibrary } from './serve-library';

/** Electron's `process.parentPort` inside a utility process. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
}

/*
 * Entry of the process that keeps the library. A long import, a search over everything or a large export takes its time
 * here and never holds up the window or the work of the node.
 */
const { parentPort } = process as typeof process & { readonly parentPort?: ParentPort };
if (parentPort === undefined) throw new Error('The process of the library is started by the app, not by hand.');

serveLibrary(
  {
    post: (message) => parentPort.postMessage(message),
    onMessage: (listener) => void parentPort.on('message', ({ data }) => listener(data)),
  },
  { onStopped: () => process.exit(0) },
);
