import { expect, it } from 'vitest';
import { isSupportedNode } from './require-node.mjs';

it.each([
  ['v18.20.8', false],
  ['v20.18.3', false],
  ['v20.19.0', true],
  ['v21.7.3', false],
  ['v22.11.0', false],
  ['v22.12.0', true],
  ['v24.1.0', true],
])('knows whether Node.js %s will do', (version, isSupported) => {
  expect(isSupportedNode(version, '^20.19 || >=22.12')).toBe(isSupported);
});

it('reads the range of package.json', () => {
  expect(isSupportedNode(process.version)).toBe(true);
});
