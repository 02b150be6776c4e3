import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { DOCUMENT_KINDS } from '../src/protocol/documents/read-document';
import { projectDirectory } from './run-process.mjs';

const { fileAssociations } = parse(readFileSync(join(projectDirectory, 'electron-builder.yml'), 'utf8'));

it('associates every ending the documents have, one an entry', () => {
  const endings = Object.values(DOCUMENT_KINDS).flatMap((kind) => kind.endings);
  const associated = fileAssociations.map(({ ext }) => `.${ext}`);
  expect(new Set(associated)).toEqual(new Set(endings));
  expect(new Set(associated).size).toBe(fileAssociations.length);
});

it('has an icon for Windows and for macOS for each', () => {
  for (const { icon } of fileAssociations) {
    const file = join(projectDirectory, 'resources', icon);
    const [ico, icns] = [`${file}.ico`, `${file}.icns`].map((path) => existsSync(path) && readFileSync(path));
    // The first bytes of both containers, and their length as they say it themselves.
    expect([...ico.subarray(0, 4)]).toEqual([0, 0, 1, 0]);
    expect(icns.toString('latin1', 0, 4)).toBe('icns');
    expect(icns.readUInt32BE(4)).toBe(icns.length);
  }
});
