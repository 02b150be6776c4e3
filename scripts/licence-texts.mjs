// Collects the licences of all packages whose code is in the built app, from the lists Vite makes while it bundles.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Vite's list of a bundle (`build.license`): name, version, identifier and text of every package in it. */
export const LICENCE_LIST = 'third-party-licenses.json';
/** What people read; it lies beside the window's page and in the installed app. */
const LICENCE_TEXTS = 'third-party-licenses.txt';

const RULE = '-'.repeat(80);

/** The MIT licence, for packages that name it and have forgotten its text. */
const mitText = (holder) => `The MIT License (MIT)

Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

function textOf({ name, identifier, text }, authorOf) {
  if (text) {
    return text;
  }
  const author = identifier === 'MIT' ? authorOf(name) : null;
  if (!author) {
    throw new Error(`the package ${name} is bundled and has no text of its licence (${identifier ?? 'not named'})`);
  }
  return mitText(author);
}

/**
 * One text of the licences in several lists, each package once, by name.
 * @param {readonly { name: string, version: string, identifier?: string, text?: string }[]} entries
 * @param {(name: string) => string | null} authorOf whose a package is, where its folder has no text
 * @throws {Error} when a package has no text and none is known for its licence
 */
export function licenceTexts(entries, authorOf) {
  const packages = new Map(entries.map((entry) => [`${entry.name} ${entry.version}`, entry]));
  const parts = [...packages]
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([title, entry]) => `${RULE}\n${title} (${entry.identifier ?? 'see below'})\n\n${textOf(entry, authorOf)}\n`);
  return `Tore Desktop contains code of these packages. Other packages lie in folders of their own, with their licences.\n\n${parts.join('\n')}`;
}

function authorOf(name) {
  const { author } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8'));
  return (typeof author === 'string' ? author.replace(/ *[<(].*$/, '') : author?.name) ?? null;
}

/**
 * Writes the text beside the page when the window is bundled, which is after main.
 * @returns {import('vite').Plugin}
 */
export function licencePlugin() {
  return {
    name: 'tore:licence-texts',
    apply: 'build',
    writeBundle({ dir }) {
      const lists = [dir, join(dir, '..', 'main')].map((folder) => join(folder, LICENCE_LIST));
      const entries = lists.flatMap((list) => JSON.parse(readFileSync(list, 'utf8')));
      writeFileSync(join(dir, LICENCE_TEXTS), licenceTexts(entries, authorOf));
    },
  };
}
