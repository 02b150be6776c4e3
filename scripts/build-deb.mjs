// Makes a deb of an unpacked app with Debian's own tool, in the layout electron-builder's has: for machines where the
// tool that electron-builder downloads for debs cannot be had.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ScriptError } from './report.mjs';
import { projectDirectory } from './run-process.mjs';

const PACKAGE = 'tore-desktop';

/** Debian's names of processors. */
const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' };

/** Debian's name of the processor an app is packed for. */
function architectureOf(arch) {
  const name = ARCHITECTURES[arch];
  if (name === undefined) {
    throw new ScriptError(`no deb is made for the processor ${arch}`);
  }
  return name;
}

/** The desktop's entry of the app: what starts it, and which documents and links it opens. */
export function desktopEntry({ productName, linux, fileAssociations, protocols }) {
  const types = [
    ...new Set(fileAssociations.map(({ mimeType }) => mimeType)),
    ...protocols.flatMap(({ schemes }) => schemes.map((scheme) => `x-scheme-handler/${scheme}`)),
  ];
  const lines = {
    Name: productName,
    Exec: `/opt/${productName}/${linux.executableName} %U`,
    Terminal: 'false',
    Type: 'Application',
    Icon: linux.executableName,
    Comment: linux.synopsis,
    Categories: `${linux.category};`,
    MimeType: `${types.join(';')};`,
    ...linux.desktop.entry,
  };
  return `[Desktop Entry]\n${Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')}`;
}

const escapeXml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** The kinds of documents the app opens, in the form of the shared MIME database. */
export function mimePackage({ fileAssociations }) {
  const types = Map.groupBy
    ? Map.groupBy(fileAssociations, ({ mimeType }) => mimeType)
    : fileAssociations.reduce((all, one) => all.set(one.mimeType, [...(all.get(one.mimeType) ?? []), one]), new Map());
  const entries = [...types].map(
    ([type, kinds]) =>
      `  <mime-type type="${escapeXml(type)}">\n    <comment>${escapeXml(kinds[0].description)}</comment>\n` +
      kinds.map(({ ext }) => `    <glob pattern="*.${escapeXml(ext)}"/>\n`).join('') +
      '  </mime-type>\n',
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">\n${entries.join('')}</mime-info>\n`;
}

/** What Debian's tools read of the package. */
export function controlFile({ deb, linux }, { author, homepage, version }, arch, installedKilobytes) {
  return [
    `Package: ${PACKAGE}`,
    `Version: ${version.replace('-', '~')}`,
    `Architecture: ${architectureOf(arch)}`,
    `Maintainer: ${author.name} <${author.email}>`,
    `Homepage: ${homepage}`,
    `Installed-Size: ${installedKilobytes}`,
    `Depends: ${deb.depends.join(', ')}`,
    'Section: net',
    'Priority: optional',
    `Description: ${linux.synopsis}`,
    '',
  ].join('\n');
}

function kilobytesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sum + kilobytesOf(path);
    return sum + (entry.isFile() ? Math.ceil(statSync(path).size / 1_024) : 0);
  }, 0);
}

/** Packs an unpacked app as a deb, described by package.json, and returns its path. */
export function buildDeb(unpacked, output, metadata) {
  const configuration = parse(readFileSync(join(projectDirectory, 'electron-builder.yml'), 'utf8'));
  const root = join(output, 'deb-root');
  rmSync(root, { recursive: true, force: true });
  const put = (path, text, mode = 0o644) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text, { mode });
  };
  cpSync(unpacked, join(root, 'opt', configuration.productName), { recursive: true });
  // electron-builder says so too: updates belong to the package manager then.
  put(join('opt', configuration.productName, 'resources', 'package-type'), 'deb');
  put(`usr/share/applications/${PACKAGE}.desktop`, desktopEntry(configuration));
  put(`usr/share/mime/packages/${PACKAGE}.xml`, mimePackage(configuration));
  const icons = join(projectDirectory, configuration.linux.icon);
  for (const name of readdirSync(icons).filter((file) => /^\d+x\d+\.png$/.test(file))) {
    const folder = join(root, 'usr/share/icons/hicolor', name.replace('.png', ''), 'apps');
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(icons, name), join(folder, `${PACKAGE}.png`));
  }
  for (const [name, file] of [
    ['postinst', configuration.deb.afterInstall],
    ['postrm', configuration.deb.afterRemove],
  ]) {
    put(join('DEBIAN', name), readFileSync(join(projectDirectory, file), 'utf8'), 0o755);
  }
  put('DEBIAN/control', controlFile(configuration, metadata, process.arch, kilobytesOf(join(root, 'opt'))));
  const file = join(output, `${PACKAGE}-${metadata.version}-linux-${architectureOf(process.arch)}.deb`);
  // Everything belongs to root, whoever builds.
  const args = ['--root-owner-group', '-Zgzip', '--build', root, file];
  if (spawnSync('dpkg-deb', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) {
    throw new ScriptError('dpkg-deb failed; its message is above');
  }
  rmSync(root, { recursive: true, force: true });
  return file;
}
