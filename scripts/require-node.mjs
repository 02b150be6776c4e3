// Imported before everything else: ends with one sentence where Node.js is too old, before something fails that says less.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { engines } = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'));

/**
 * Whether a version of Node.js is in a range as package.json writes it: `^20.19 || >=22.12`.
 * @param {string} version
 * @param {string} [range]
 */
export function isSupportedNode(version, range = engines.node) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return range.split('||').some((part) => {
    const [, kind, leastMajor, leastMinor] = /^\s*(\^|>=)(\d+)\.(\d+)\s*$/.exec(part);
    const isNewerMajor = kind === '>=' && major > Number(leastMajor);
    return isNewerMajor || (major === Number(leastMajor) && minor >= Number(leastMinor));
  });
}

if (!isSupportedNode(process.version)) {
  console.error(
    `This is Node.js ${process.version}; Tore Desktop needs ${engines.node}. Install it, then begin again with: npm ci`,
  );
  process.exit(1);
}
