import type { Log } from '../services/log';
import type { ChildProcessPort } from './child-process-port';

/** A line longer than this is cut in the log: output of a child is not to be trusted to be short. */
const MAX_OUTPUT_LINE_LENGTH = 2_000;

/** Writes the output of a process to the log line by line; the log carries the name of the process. */
export function logOutput(child: ChildProcessPort, log: Log): void {
  const rest = { stdout: '', stderr: '' };
  child.onOutput((text, stream) => {
    const lines = (rest[stream] + text).split(/\r?\n/);
    rest[stream] = (lines.pop() ?? '').slice(-MAX_OUTPUT_LINE_LENGTH);
    for (const line of lines) {
      if (line.trim() === '') continue;
      const message = line.slice(0, MAX_OUTPUT_LINE_LENGTH);
      if (stream === 'stderr') log.warn({}, message);
      else log.info({}, message);
    }
  });
  child.onExit(() => {
    for (const line of [rest.stdout, rest.stderr]) if (line.trim() !== '') log.warn({}, line);
  });
}
