// `npm test`: every check, the unit tests and the tests in real windows, then one line with the sums.
// Everything runs even when something before it failed, so that one run shows all there is to repair.
import './require-node.mjs';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, runScript, say } from './report.mjs';
import { packsForTests, UNPACKED_ONLY } from './packed-tests.mjs';
import { npmCommand, projectDirectory, runProcess, toolCommand } from './run-process.mjs';
import { addCounts, countPlaywright, countVitest } from './test-counts.mjs';

const reports = join(projectDirectory, 'node_modules', '.cache', 'tests');
const vitestReport = join(reports, 'vitest.json');
const playwrightReport = join(reports, 'playwright.json');
const packagedReport = join(reports, 'packaged.json');

/** The steps of `npm run check`, read from package.json so that both always run the same ones. */
function checkSteps() {
  const { scripts } = JSON.parse(readFileSync(join(projectDirectory, 'package.json'), 'utf8'));
  return scripts.check.split('&&').map((step) => step.trim().replace(/^npm run /, ''));
}

async function runChecks() {
  let passed = 0;
  let failed = 0;
  for (const step of checkSteps()) {
    say('test', `check ${step}`);
    if ((await runProcess(npmCommand(['run', '--silent', step]))) === 0) {
      passed += 1;
    } else {
      failed += 1;
      say('test', `check ${step} failed`);
    }
  }
  return { passed, failed };
}

function readReport(path) {
  if (!existsSync(path)) {
    return undefined;
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    say('test', `the report of a test runner cannot be read: ${describeError(error)}`);
    return undefined;
  }
}

async function runUnitTests() {
  say('test', 'unit tests');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${vitestReport}`];
  const code = await runProcess(toolCommand('vitest', ['run', ...reporters]));
  return countVitest(readReport(vitestReport), code);
}

/** Where the app is packed for a test, its window tests run there, and here only those a packed app cannot pass. */
async function runWindowTests() {
  say('test', 'tests in real windows');
  const chosen = packsForTests ? ['--grep', UNPACKED_ONLY] : [];
  const command = [process.execPath, [join('scripts', 'run-e2e.mjs'), '--reporter=list,json', ...chosen]];
  const env = { ...process.env, PLAYWRIGHT_JSON_OUTPUT_FILE: playwrightReport };
  const code = await runProcess(command, { env });
  return countPlaywright(readReport(playwrightReport), code);
}

async function runPackagedTests() {
  say('test', 'the packed app');
  const command = [process.execPath, [join('scripts', 'run-packaged.mjs'), '--reporter=list,json']];
  const env = { ...process.env, PLAYWRIGHT_JSON_OUTPUT_FILE: packagedReport };
  const code = await runProcess(command, { env });
  // Elsewhere than on Linux x64 nothing is packed, and nothing has failed.
  return code === 0 && !existsSync(packagedReport)
    ? { passed: 0, failed: 0 }
    : countPlaywright(readReport(packagedReport), code);
}

await runScript('test', async () => {
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const { passed, failed } = addCounts([
    await runChecks(),
    await runUnitTests(),
    await runWindowTests(),
    await runPackagedTests(),
  ]);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
