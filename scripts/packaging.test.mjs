import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { controlFile } from './build-deb.mjs';
import { unpackedName } from './package.mjs';
import { projectDirectory } from './run-process.mjs';

const read = (path) => readFileSync(join(projectDirectory, path), 'utf8');
const metadata = JSON.parse(read('package.json'));
const configuration = parse(read('electron-builder.yml'));

it('says what deb and rpm ask for', () => {
  expect(metadata.homepage).toMatch(/^https:\/\//);
  expect(metadata.author).toEqual({ name: expect.any(String), email: expect.stringContaining('@') });
  expect(metadata.description).not.toBe('');
});

it('makes by default what needs no program of the system', () => {
  expect(configuration.linux.target).toEqual(['AppImage', 'deb', 'tar.gz']);
});

it('names every library Electron links and no desktop need have', () => {
  expect(configuration.deb.depends).toEqual(
    expect.arrayContaining(['libgbm1', 'libdrm2', 'libasound2 | libasound2t64', 'libgtk-3-0', 'libnss3']),
  );
  expect(configuration.rpm.depends).toEqual(
    expect.arrayContaining(['mesa-libgbm', 'libdrm', 'alsa-lib', 'gtk3', 'nss']),
  );
});

it('describes a deb for the processor it is made on', () => {
  const control = controlFile(configuration, metadata, 'arm64', 1);
  expect(control).toContain('Architecture: arm64\n');
  expect(control).toContain(`Maintainer: ${metadata.author.name} <${metadata.author.email}>\n`);
  expect(control).toContain('libasound2 | libasound2t64');
  expect(controlFile(configuration, metadata, 'x64', 1)).toContain('Architecture: amd64\n');
  expect(() => controlFile(configuration, metadata, 'riscv64', 1)).toThrow('riscv64');
});

it('looks for the packed app where electron-builder puts it', () => {
  expect(unpackedName('x64')).toBe('linux-unpacked');
  expect(unpackedName('arm64')).toBe('linux-arm64-unpacked');
});

// Electron names the folder of the data by `productName` of package.json, else by `name`; electron-builder's own is another.
it('names the folder of the data as the app does, where it is removed and where that is explained', () => {
  const folder = metadata.productName ?? metadata.name;
  expect(read('resources/packaging/after-remove.sh')).toContain(`~/.config/${folder})`);
  expect(read('resources/packaging/uninstall.nsh')).toContain(`RMDir /r "$APPDATA\\${folder}"`);
  const docs = read('docs/packaging.md');
  for (const path of [`~/.config/${folder}`, `~/Library/Application Support/${folder}`, `%APPDATA%\\${folder}`]) {
    expect(docs).toContain(`\`${path}\``);
  }
});

it('removes the entry of the log-in under the name the app gives it', () => {
  expect(read('src/main/index.ts')).toContain(`const APP_ID = '${configuration.appId}';`);
  expect(read('resources/packaging/uninstall.nsh')).toContain(`CurrentVersion\\Run" "${configuration.appId}"`);
});
