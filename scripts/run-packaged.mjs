// `npm run test:packaged [-- Playwright arguments]`: packs the app into a folder and tests that: as it would be shipped, and
// with every test in real windows that needs nothing a packed app refuses.
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';
import { extractFile } from '@electron/asar';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packFolder, unpackedFolder } from './package.mjs';
import { packsForTests, UNPACKED_ONLY } from './packed-tests.mjs';
import { runScript, say } from './report.mjs';
import { runPlaywright } from './run-playwright.mjs';
import { setUp } from './setup.mjs';

/** Within Playwright: what it has Electron load before an app that is not packed. */
const LOADER = join('lib', 'server', 'electron', 'loader.js');

/**
 * A copy of the packed app that a test may attach to: two fuses differ, and a folder beside the archive, which this app then
 * reads first, lets Playwright hold `ready` back until it is attached, as it does with an app that is not packed. All
 * code still comes out of the archive. Returns the executable.
 */
async function openForTests() {
  const folder = `${unpackedFolder}-open`;
  rmSync(folder, { recursive: true, force: true });
  cpSync(unpackedFolder, folder, { recursive: true });
  const executable = join(folder, 'tore-desktop');
  await flipFuses(executable, {
    version: FuseVersion.V1,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    [FuseV1Options.OnlyLoadAppFromAsar]: false,
  });
  const entry = join(folder, 'resources', 'app');
  const { name, productName, version, main } = JSON.parse(
    extractFile(join(folder, 'resources', 'app.asar'), 'package.json').toString('utf8'),
  );
  mkdirSync(entry);
  writeFileSync(join(entry, 'package.json'), JSON.stringify({ name, productName, version, main: 'index.mjs' }));
  const loader = join(dirname(createRequire(import.meta.url).resolve('playwright-core/package.json')), LOADER);
  const lines = [
    pathToFileURL(loader).href,
    new URL(`../app.asar/${main}`, pathToFileURL(join(entry, 'index.mjs'))).href,
  ];
  writeFileSync(join(entry, 'index.mjs'), lines.map((href) => `await import(${JSON.stringify(href)});\n`).join(''));
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
  return runPlaywright(['--grep-invert', UNPACKED_ONLY, ...process.argv.slice(2)], {
    ...process.env,
    TORE_PACKED_APP: executable,
  });
});
