import { execFile } from 'node:child_process';

/** A tool that hangs must not hold up the readings for longer. */
const TIMEOUT_MS = 5_000;
const MAX_OUTPUT_BYTES = 4_000_000;

/** Runs a tool of the system and returns what it printed; rejects when it is missing, fails or hangs. */
export function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      program,
      [...args],
      { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true, encoding: 'utf8' },
      (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(error);
      },
    );
  });
}
