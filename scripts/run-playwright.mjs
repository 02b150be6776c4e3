// Runs the tests in real windows, on displays, and as root in a network of its own: nothing the app does may try to leave it.
import { availableParallelism } from 'node:os';
import { withDisplays } from './display.mjs';
import { ownNetworkProblem, runInOwnNetwork } from './own-network.mjs';
import { say } from './report.mjs';
import { runProcess, toolCommand } from './run-process.mjs';

/** Each test starts a whole app with its processes and waits for much of its time; more would only wait for the processor. */
const MOST_AT_ONCE = 2;

/**
 * Why nothing that leaves can be counted here; null where it can. Others could have such a network too, but Chromium's
 * sandbox would not work for the root they become in it.
 */
function countingProblem() {
  return process.platform === 'linux' && process.getuid() !== 0 ? 'only root can' : ownNetworkProblem();
}

/** @returns the exit code; not 0 as well when something tried to leave */
export function runPlaywright(args, env) {
  const problem = countingProblem();
  const atOnce = Math.min(MOST_AT_ONCE, availableParallelism());
  return withDisplays(atOnce, async (displays) => {
    const command = toolCommand('playwright', ['test', ...args]);
    const [display] = displays;
    const ownDisplays = display === undefined ? {} : { DISPLAY: display, TORE_DISPLAYS: displays.join(',') };
    if (problem !== null) {
      say('e2e', `packets that tried to leave this computer: not counted here, ${problem}`);
      return runProcess(command, { env: { ...env, ...ownDisplays } });
    }
    const { code, left } = await runInOwnNetwork(command, { env: { ...env, ...ownDisplays, TORE_OWN_NETWORK: '1' } });
    say('e2e', `packets that tried to leave this computer: ${left}`);
    return left === 0 ? code : code || 1;
  });
}
