// Checks that Linux has what an Electron window needs, and installs it on Debian and Ubuntu when run as root.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasDisplay } from './display.mjs';
import { say, ScriptError } from './report.mjs';

/**
 * Libraries Electron links or opens at run time, with the Debian package of each. Some versions open GTK late, so that
 * `ldd` alone does not notice when it is missing.
 */
const libraryPackages = {
  'libgtk-3.so.0': 'libgtk-3-0',
  'libnss3.so': 'libnss3',
  'libasound.so.2': 'libasound2',
  'libgbm.so.1': 'libgbm1',
  'libXss.so.1': 'libxss1',
};
const displayPackages = ['xvfb', 'xauth'];

/** Names of the libraries `ldd` did not find. */
export function missingFromLdd(output) {
  return [...output.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1]);
}

/** Whether os-release text belongs to Debian, Ubuntu or a system made from them. */
export function isDebianFamily(osRelease) {
  const fields = [...osRelease.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)];
  return fields.some((match) => /\b(debian|ubuntu)\b/.test(match[1]));
}

function output(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error ? '' : result.stdout;
}

function missingLibraries({ executable, directory }) {
  const own = new Set(readdirSync(directory).filter((name) => /\.so(\.|$)/.test(name)));
  const missing = new Set();
  for (const file of [executable, ...[...own].map((name) => join(directory, name))]) {
    for (const name of missingFromLdd(output('ldd', [file]))) {
      missing.add(name);
    }
  }
  const known = output(existsSync('/sbin/ldconfig') ? '/sbin/ldconfig' : 'ldconfig', ['-p']);
  if (known !== '') {
    for (const name of Object.keys(libraryPackages)) {
      if (!known.includes(`\t${name} `)) {
        missing.add(name);
      }
    }
  }
  return [...missing].filter((name) => !own.has(name));
}

function onPath(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder || '.', program)));
}

/** What is missing on this computer: library files and Debian packages. */
function findGaps(runtime) {
  const libraries = missingLibraries(runtime);
  const packages = new Set();
  for (const name of libraries) {
    const known = libraryPackages[name];
    // A library we have no package for comes with GTK or NSS, as a dependency of the whole set.
    for (const entry of known ? [known] : Object.values(libraryPackages)) {
      packages.add(entry);
    }
  }
  const virtualDisplay = !hasDisplay() && !onPath('Xvfb');
  if (virtualDisplay) {
    displayPackages.forEach((entry) => packages.add(entry));
  }
  return {
    missing: virtualDisplay ? [...libraries, 'Xvfb (there is no display)'] : libraries,
    packages: [...packages],
  };
}

function apt(args) {
  const { status, error } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return !error && status === 0;
}

/** Newer releases carry some libraries under a name with the suffix t64; the first name apt knows is the right one. */
function packageNameHere(name) {
  return (
    [`${name}t64`, name].find((candidate) => output('apt-cache', ['show', candidate]).includes('Package:')) ?? name
  );
}

function installCommand(packages) {
  return `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/**
 * Makes sure the shared libraries of the runtime, and Xvfb where there is no display, are present.
 * Does nothing outside Linux.
 * @param {import('./electron-runtime.mjs').ElectronRuntime} runtime
 * @throws {ScriptError} with the exact command to run when they cannot be installed from here
 */
export function ensureSystemLibraries(runtime) {
  if (process.platform !== 'linux') {
    return;
  }
  const gaps = findGaps(runtime);
  if (gaps.missing.length === 0) {
    ensureSandbox(runtime);
    return;
  }
  const missing = `the system lacks ${gaps.missing.join(', ')}`;
  const debian = existsSync('/etc/os-release') && isDebianFamily(readFileSync('/etc/os-release', 'utf8'));
  if (!debian) {
    throw new ScriptError(
      `${missing}; install GTK 3, NSS, ALSA, GBM, XScreenSaver and Xvfb with your package manager, then run: npm run setup`,
    );
  }
  if (process.getuid() !== 0) {
    const packages = gaps.packages.map(packageNameHere);
    throw new ScriptError(`${missing}; run: sudo apt-get update && sudo ${installCommand(packages)}`);
  }
  say('system', `${missing}; installing ${gaps.packages.join(', ')}`);
  if (!apt(['update'])) {
    throw new ScriptError('apt-get update failed; check the package sources of this system, then run: npm run setup');
  }
  const packages = gaps.packages.map(packageNameHere);
  if (!apt(['install', '-y', '--no-install-recommends', ...packages])) {
    throw new ScriptError(`installing failed; run: ${installCommand(packages)}`);
  }
  const left = findGaps(runtime).missing;
  if (left.length > 0) {
    throw new ScriptError(`the system still lacks ${left.join(', ')} after installing ${packages.join(', ')}`);
  }
}

function readKernelSetting(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/**
 * Chromium's sandbox needs user namespaces or a setuid helper. Some kernels forbid the first for programs without a
 * profile, and then Electron ends at once with a long message; this says the two commands that help.
 */
function ensureSandbox({ directory }) {
  const forbidden =
    readKernelSetting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1' ||
    readKernelSetting('/proc/sys/kernel/unprivileged_userns_clone') === '0' ||
    readKernelSetting('/proc/sys/user/max_user_namespaces') === '0';
  const helper = join(directory, 'chrome-sandbox');
  if (process.getuid() === 0 || !forbidden || !existsSync(helper)) {
    return;
  }
  const { uid, mode } = statSync(helper);
  if (uid !== 0 || (mode & 0o4000) === 0) {
    throw new ScriptError(
      `this kernel lets no ordinary program make a sandbox; run: sudo chown root:root '${helper}' && sudo chmod 4755 '${helper}'`,
    );
  }
}
