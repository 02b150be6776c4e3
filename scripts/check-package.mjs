// Looks into a packed app: its fuses as they are in the executable, its native libraries, what should not be there.
import { listPackage } from '@electron/asar';
import { getCurrentFuseWire, FuseV1Options } from '@electron/fuses';
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

/** As in electron-builder.yml: the shipped app runs no script but its own, from its archive, and nobody attaches to it. */
const EXPECTED_FUSES = {
  RunAsNode: false,
  EnableCookieEncryption: true,
  EnableNodeOptionsEnvironmentVariable: false,
  EnableNodeCliInspectArguments: false,
  EnableEmbeddedAsarIntegrityValidation: true,
  OnlyLoadAppFromAsar: true,
  LoadBrowserProcessSpecificV8Snapshot: false,
  GrantFileProtocolExtraPrivileges: false,
};

/** How a fuse is written in the executable: the characters 1 and 0. */
const ENABLED = 0x31;
const DISABLED = 0x30;

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
  });
}

function headOf(path) {
  const head = Buffer.alloc(1_024);
  const file = openSync(path, 'r');
  try {
    return head.subarray(0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

const ELF_MACHINES = { 0x3e: 'x64', 0xb7: 'arm64', 0x28: 'arm', 0x03: 'ia32' };
const PE_MACHINES = { 0x8664: 'x64', 0xaa64: 'arm64', 0x14c: 'ia32' };

/** What a file is compiled for, as `linux-x64`; null for what is no program or library. By its bytes, not its name. */
export function nativeKind(head) {
  if (head.length >= 20 && head.readUInt32BE(0) === 0x7f454c46) {
    return `linux-${ELF_MACHINES[head.readUInt16LE(18)] ?? 'other'}`;
  }
  if (head.length >= 64 && head.toString('latin1', 0, 2) === 'MZ') {
    const at = head.readUInt32LE(60);
    const isPe = at + 6 <= head.length && head.toString('latin1', at, at + 4) === 'PE\0\0';
    return isPe ? `win32-${PE_MACHINES[head.readUInt16LE(at + 4)] ?? 'other'}` : null;
  }
  // Mach-O for one architecture, either byte order; Java's classes share the mark of fat ones, so those are not judged.
  const magic = head.length >= 8 ? head.readUInt32LE(0) : 0;
  return magic === 0xfeedfacf || magic === 0xcffaedfe ? 'darwin' : null;
}

/** Fuses of an executable that differ from what the app ships with; empty when all are right. */
export async function wrongFuses(executable) {
  const wire = await getCurrentFuseWire(executable);
  return Object.entries(EXPECTED_FUSES).flatMap(([name, wanted]) => {
    const state = wire[FuseV1Options[name]];
    return state === (wanted ? ENABLED : DISABLED)
      ? []
      : [`${name} is ${state === undefined ? 'unknown to this Electron' : String.fromCharCode(state)}`];
  });
}

/** Headless programs are for the computer's Node.js, licences for people: both lie outside the archive as well. */
function missingFrom(resources) {
  const programs = ['tore', 'tore-coordinator', 'tore-node', 'tore-session'].map((name) => `out/main/${name}.js`);
  const outside = ['THIRD-PARTY-LICENSES.txt', ...programs.map((path) => join('app.asar.unpacked', path))];
  const inside = new Set(listPackage(join(resources, 'app.asar'), {}));
  return [
    ...outside.filter((path) => !existsSync(join(resources, path))),
    ...['/out/renderer/third-party-licenses.txt'].filter((path) => !inside.has(path)),
  ];
}

/** Everything worth knowing of a packed app for Linux, and what is wrong with it. */
export async function checkPackage(folder, { platform = 'linux', arch = 'x64' } = {}) {
  const files = filesBelow(folder);
  const natives = files.flatMap((path) => {
    const kind = nativeKind(headOf(path));
    return kind === null ? [] : [{ path: relative(folder, path), kind }];
  });
  const foreign = natives.filter(({ kind }) => kind !== `${platform}-${arch}`);
  const unwanted = files.filter((path) => /\.test\.[cm]?js$|\.map$|\.d\.[cm]?ts$/.test(basename(path)));
  const missing = missingFrom(join(folder, 'resources'));
  const fuses = await wrongFuses(join(folder, 'tore-desktop'));
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0);
  const problems = [
    ...fuses.map((fuse) => `fuse ${fuse}`),
    ...foreign.map(({ path, kind }) => `${path} is for ${kind}`),
    ...missing.map((path) => `${path} is missing`),
    ...unwanted.map((path) => `${relative(folder, path)} does not belong into a package`),
  ];
  return {
    bytes,
    natives,
    problems,
    report: [
      `${files.length} files, ${(bytes / 1_048_576).toFixed(0)} MB; ${natives.length} programs and libraries`,
      ...(problems.length === 0 ? ['fuses, platform and contents are right'] : problems),
    ],
  };
}
