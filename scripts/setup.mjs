// `npm run setup [-- --retry]`: everything a fresh clone needs beyond `npm ci`. Does nothing when all is there.
import './require-node.mjs';
import { pathToFileURL } from 'node:url';
import { ensureElectron } from './electron-runtime.mjs';
import { runScript } from './report.mjs';
import { ensureSystemLibraries } from './system-libraries.mjs';

/** Makes sure the Electron runtime and the system libraries it needs are present and returns the runtime. */
export async function setUp(options) {
  const runtime = await ensureElectron(options);
  ensureSystemLibraries(runtime);
  return runtime;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript('setup', async () => {
    await setUp({ retry: process.argv.includes('--retry') });
    console.log('setup: done');
  });
}
