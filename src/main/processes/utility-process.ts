import { utilityProcess } from 'electron';
import type { ChildProcessPort } from './child-process-port';

/**
 * Starts a utility process of Electron. Only after the app is ready: forking earlier crashes.
 * @param entry - path of its script
 * @param serviceName - shown by the system's task manager
 */
export function startUtilityProcess(entry: string, serviceName: string): ChildProcessPort {
  const child = utilityProcess.fork(entry, [], { serviceName, stdio: 'pipe' });
  return {
    get pid() {
      return child.pid;
    },
    postMessage: (message) => child.postMessage(message),
    onMessage: (listener) => {
      child.on('message', listener);
    },
    onOutput: (listener) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => listener(text, 'stdout'));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => listener(text, 'stderr'));
    },
    onExit: (listener) => {
      child.once('exit', listener);
    },
    kill: () => {
      child.kill();
    },
  };
}
