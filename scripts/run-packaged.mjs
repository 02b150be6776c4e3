// `npm run test:packaged`: packs the app into a folder and tests that, as it would be shipped.
import { withDisplay } from './display.mjs';
import { packFolder } from './package.mjs';
import { runScript, say } from './report.mjs';
import { runProcess, toolCommand } from './run-process.mjs';
import { setUp } from './setup.mjs';

await runScript('packaged', async () => {
  await setUp();
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    say('packaged', 'the packed app is tested on Linux x64 only');
    return 0;
  }
  await packFolder();
  return withDisplay((display) =>
    runProcess(toolCommand('playwright', ['test', 'e2e/packaged.spec.ts', ...process.argv.slice(2)]), {
      env: { ...process.env, ...display, TORE_PACKAGED: '1' },
    }),
  );
});
