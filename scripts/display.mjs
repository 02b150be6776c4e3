// Gives programs with windows a display: the one that is there, or a virtual one of their own.
import { spawn } from 'node:child_process';
import { say, ScriptError } from './report.mjs';

/** Xvfb answers within a second; a loaded machine may take longer. */
const startTimeoutMs = 20_000;
const screen = '1440x1024x24';

/** Whether a window can be shown. Windows and macOS always have a display. */
export function hasDisplay(env = process.env) {
  return process.platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
}

/** Starts Xvfb on a free display number, which Xvfb itself picks and reports. */
async function startVirtualDisplay() {
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', screen, '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl+C in the terminal must end the program first and its display last.
    detached: true,
  });
  let complaint = '';
  server.stderr.on('data', (chunk) => (complaint += chunk));
  const number = await new Promise((fulfil, reject) => {
    const timer = setTimeout(() => {
      server.kill('SIGKILL');
      reject(new ScriptError(`Xvfb did not start within ${startTimeoutMs / 1000} seconds`));
    }, startTimeoutMs);
    let text = '';
    server.stdio[3].on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) {
        clearTimeout(timer);
        fulfil(text.trim());
      }
    });
    server.once('error', (error) => {
      clearTimeout(timer);
      reject(new ScriptError(`there is no display and Xvfb cannot be started (${error.code}); run: npm run setup`));
    });
    server.once('exit', (code) => {
      clearTimeout(timer);
      reject(new ScriptError(`Xvfb ended at once with code ${code}: ${complaint.trim().split('\n').at(-1)}`));
    });
  });
  return { name: `:${number}`, stop: () => server.kill('SIGTERM') };
}

/**
 * Calls `run` with the variables a windowed program needs. Without a display (Linux) it has a virtual one of its own,
 * as `xvfb-run` would give, while `run` lasts.
 * @template Value
 * @param {(env: Record<string, string>) => Promise<Value>} run
 * @returns {Promise<Value>}
 */
export function withDisplay(run) {
  return withDisplays(1, ([display]) => run(display === undefined ? {} : { DISPLAY: display }));
}

/**
 * As `withDisplay`, with the names of several virtual displays, so that programs side by side share neither focus nor
 * clipboard; none where there is a display, which is then the only one.
 * @template Value
 * @param {number} count
 * @param {(displays: readonly string[]) => Promise<Value>} run
 * @returns {Promise<Value>}
 */
export async function withDisplays(count, run) {
  if (hasDisplay()) {
    return run([]);
  }
  const displays = [];
  const stop = () => displays.forEach((display) => display.stop());
  process.once('exit', stop);
  try {
    for (let index = 0; index < count; index++) {
      displays.push(await startVirtualDisplay());
    }
    const names = displays.map(({ name }) => name);
    say('display', `there is no display, so windows open on a virtual one (Xvfb ${names.join(', ')})`);
    return await run(names);
  } finally {
    process.off('exit', stop);
    stop();
  }
}
