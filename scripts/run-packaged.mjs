// `npm run test:packaged [-- Playwright arguments]`: packs the app into a folder and tests that: as it would be shipped, and
// with every test in real windows that needs nothing a packed app refuses.
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withDisplay } from './display.mjs';
import { packFolder, unpackedFolder } from './package.mjs';
import { packsForTests, UNPACKED_ONLY } from './packed-tests.mjs';
import { runScript, say } from './report.mjs';
import { runProcess, toolCommand } from './run-process.mjs';
import { setUp } from './setup.mjs';

/** A copy of the packed app that differs in one fuse: a test may attach to its main process. Returns its executable. */
async function openForTests() {
  const folder = `${unpackedFolder}-open`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(unpackedFolder, folder, { recursive: true });
  const executable = join(folder, 'tore-desktop');
  await flipFuses(executable, { version: FuseVersion.V1, [FuseV1Options.EnableNodeCliInspectArguments]: true });
  return executable;
}

await runScript('packaged', async () => {
  await setUp();
  if (!packsForTests) {
    say('packaged', 'the packed app is tested on Linux x64 only');
    return 0;
  }
  await packFolder();
  const executable = await openForTests();
  return withDisplay((display) =>
    runProcess(toolCommand('playwright', ['test', '--grep-invert', UNPACKED_ONLY, ...process.argv.slice(2)]), {
      env: { ...process.env, ...display, TORE_PACKED_APP: executable },
    }),
  );
});
