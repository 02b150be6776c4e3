// Builds the app into out/ when its sources are newer than the last successful build.
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { say, ScriptError } from './report.mjs';
import { projectDirectory, runProcess, toolCommand } from './run-process.mjs';

const stamp = join(projectDirectory, 'out', '.built');
const sources = ['src', 'electron.vite.config.ts', 'package.json', 'package-lock.json', 'tsconfig.base.json'];
const results = [
  'out/main/index.js',
  'out/preload/index.cjs',
  'out/renderer/index.html',
  'out/renderer/third-party-licenses.txt',
];

/** Latest change below a path. Folders count as well, since removing a file changes its folder only. */
function newestChangeMs(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) {
    return /\.test\.tsx?$/.test(path) ? 0 : stats.mtimeMs;
  }
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestChangeMs(join(path, name))), stats.mtimeMs);
}

function isCurrent() {
  const complete = [stamp, ...results.map((name) => join(projectDirectory, name))].every((path) => existsSync(path));
  return (
    complete &&
    sources.every((name) => {
      const path = join(projectDirectory, name);
      return !existsSync(path) || newestChangeMs(path) <= statSync(stamp).mtimeMs;
    })
  );
}

/** Builds the app unless out/ is current. */
export async function ensureBuild() {
  if (isCurrent()) {
    return;
  }
  say('build', 'building the app');
  rmSync(stamp, { force: true });
  // A file saved while the build runs must count as newer, so the stamp carries the time of the start.
  const startedAt = new Date();
  const code = await runProcess(toolCommand('electron-vite', ['build', '--logLevel', 'warn']));
  if (code !== 0) {
    throw new ScriptError('the build failed; its messages are above');
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt);
}
