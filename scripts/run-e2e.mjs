// `npm run test:e2e [-- Playwright arguments]`: sets up, builds when needed and runs the tests in real windows.
import { ensureBuild } from './build.mjs';
import { electronEnvironment } from './electron-runtime.mjs';
import { runScript } from './report.mjs';
import { runPlaywright } from './run-playwright.mjs';
import { setUp } from './setup.mjs';

await runScript('e2e', async () => {
  const runtime = await setUp();
  await ensureBuild();
  return runPlaywright(process.argv.slice(2), { ...process.env, ...electronEnvironment(runtime) });
});
