// `npm run package [-- electron-builder arguments]`: builds the app and packs it for this system.
// `npm run package -- --here` makes what needs no tool from outside: the unpacked folder and, on Linux, a tar.gz and a deb.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuild } from './build.mjs';
import { buildDeb } from './build-deb.mjs';
import { checkPackage } from './check-package.mjs';
import { ensureElectron } from './electron-runtime.mjs';
import { runScript, say, ScriptError } from './report.mjs';
import { projectDirectory, runProcess, toolCommand } from './run-process.mjs';

const metadata = JSON.parse(readFileSync(join(projectDirectory, 'package.json'), 'utf8'));
const output = join(projectDirectory, 'dist');

/** Where electron-builder puts an app for Linux: x64 is what it means when it says nothing. */
export function unpackedName(arch) {
  return arch === 'x64' ? 'linux-unpacked' : `linux-${arch}-unpacked`;
}

/** Where the packed app lies on Linux. */
export const unpackedFolder = join(output, unpackedName(process.arch));

/**
 * Arguments that make electron-builder use the fallback runtime where the current Electron cannot be downloaded. The
 * loader that stands in for the default app is left out of it.
 */
function fallbackArguments(runtime) {
  if (runtime.source !== 'fallback') {
    return [];
  }
  say('package', `Electron ${runtime.version} is packed, for tests only: the current one cannot be downloaded here`);
  const distribution = join(projectDirectory, 'node_modules', '.cache', 'package-runtime');
  rmSync(distribution, { recursive: true, force: true });
  const left = [join('resources', 'app'), 'tore-runtime.json'].map((path) => join(runtime.directory, path));
  cpSync(runtime.directory, distribution, { recursive: true, filter: (path) => !left.includes(path) });
  return [`-c.electronDist=${distribution}`, `-c.electronVersion=${runtime.version}`];
}

/** Packs the app into a folder, without any installer. */
export async function packFolder() {
  const runtime = await ensureElectron({ quiet: true });
  await ensureBuild();
  mkdirSync(output, { recursive: true });
  const args = ['--dir', '--publish', 'never', ...fallbackArguments(runtime)];
  if ((await runProcess(toolCommand('electron-builder', args))) !== 0) {
    throw new ScriptError('electron-builder failed; its messages are above');
  }
}

/** One file of the whole folder, which unpacks into a folder of its own name. */
function buildTar(folder) {
  const name = `tore-desktop-${metadata.version}-linux-${process.arch}`;
  const file = join(output, `${name}.tar.gz`);
  const args = ['-czf', file, '--owner=0', '--group=0', `--transform=s,^\\.,${name},`, '-C', folder, '.'];
  if (spawnSync('tar', args, { stdio: 'inherit' }).status !== 0) {
    throw new ScriptError('tar failed; its message is above');
  }
  return file;
}

const megabytes = (path) => `${(statSync(path).size / 1_048_576).toFixed(0)} MB`;

async function packHere() {
  await packFolder();
  if (process.platform !== 'linux') {
    return;
  }
  if (!existsSync(unpackedFolder)) {
    throw new ScriptError(`electron-builder ended well, but there is no packed app in ${unpackedFolder}`);
  }
  const { report } = await checkPackage(unpackedFolder, { arch: process.arch });
  report.forEach((line) => say('package', line));
  for (const file of [buildTar(unpackedFolder), buildDeb(unpackedFolder, output, metadata)]) {
    say('package', `${file} (${megabytes(file)})`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runScript('package', async () => {
    const args = process.argv.slice(2);
    if (args.includes('--here')) {
      return packHere();
    }
    await ensureBuild();
    return runProcess(toolCommand('electron-builder', ['--publish', 'never', ...args]));
  });
}
