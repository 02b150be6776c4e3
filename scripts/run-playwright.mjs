// Runs the tests in real windows, on a display, and as root in a network of its own: nothing the app does may try to leave it.
import { withDisplay } from './display.mjs';
import { hasOwnNetwork, runInOwnNetwork } from './own-network.mjs';
import { say } from './report.mjs';
import { runProcess, toolCommand } from './run-process.mjs';

/** @returns the exit code; not 0 as well when something tried to leave */
export function runPlaywright(args, env) {
  // Others could have such a network too, but Chromium's sandbox would not work for the root they become in it.
  const isWatched = process.getuid?.() === 0 && hasOwnNetwork();
  return withDisplay(async (display) => {
    const command = toolCommand('playwright', ['test', ...args]);
    if (!isWatched) {
      return runProcess(command, { env: { ...env, ...display } });
    }
    const { code, left } = await runInOwnNetwork(command, { env: { ...env, ...display, TORE_OWN_NETWORK: '1' } });
    say('e2e', `packets that tried to leave this computer: ${left}`);
    return left === 0 ? code : code || 1;
  });
}
