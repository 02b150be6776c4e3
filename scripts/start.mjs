// `npm start [-- arguments]`: sets up, builds when needed and opens the app.
// `npm run dev`: the same with electron-vite watching the sources.
import './require-node.mjs';
import { ensureBuild } from './build.mjs';
import { withDisplay } from './display.mjs';
import { electronEnvironment } from './electron-runtime.mjs';
import { runScript, say } from './report.mjs';
import { projectDirectory, runProcess, toolCommand } from './run-process.mjs';
import { setUp } from './setup.mjs';

/** Chromium refuses to run its sandbox as root. Packaged builds never get this switch. */
function isLinuxRoot() {
  return process.platform === 'linux' && process.getuid() === 0;
}

function watchCommand(args) {
  return toolCommand('electron-vite', ['dev', '--watch', ...(args.length > 0 ? ['--', ...args] : [])]);
}

function launchCommand(runtime, args) {
  return [runtime.executable, [...(isLinuxRoot() ? ['--no-sandbox'] : []), projectDirectory, ...args]];
}

await runScript('start', async () => {
  const watch = process.argv[2] === '--watch';
  const args = process.argv.slice(watch ? 3 : 2);
  const runtime = await setUp();
  if (!watch) {
    await ensureBuild();
  }
  if (isLinuxRoot()) {
    say('start', 'running as root, so the sandbox of the browser engine is off (--no-sandbox)');
  }
  return withDisplay((display) => {
    const env = { ...process.env, ...display, ...electronEnvironment(runtime) };
    if (watch && isLinuxRoot()) {
      // electron-vite adds the switch to the command line it builds.
      env.NO_SANDBOX = '1';
    }
    return runProcess(watch ? watchCommand(args) : launchCommand(runtime, args), { env });
  });
});
