// `npm run test:e2e [-- Playwright arguments]`: sets up, builds when needed and runs the tests in real windows.
import { ensureBuild } from './build.mjs';
import { withDisplay } from './display.mjs';
import { electronEnvironment } from './electron-runtime.mjs';
import { runScript } from './report.mjs';
import { runProcess, toolCommand } from './run-process.mjs';
import { setUp } from './setup.mjs';

await runScript('e2e', async () => {
  const runtime = await setUp();
  await ensureBuild();
  return withDisplay((display) =>
    runProcess(toolCommand('playwright', ['test', ...process.argv.slice(2)]), {
      env: { ...process.env, ...display, ...electronEnvironment(runtime) },
    }),
  );
});
