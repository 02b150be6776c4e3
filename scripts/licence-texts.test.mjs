import { expect, it } from 'vitest';
import { licenceTexts } from './licence-texts.mjs';

const react = { name: 'react', version: '19.3.1', identifier: 'MIT', text: 'MIT License\n\nCopyright (c) Meta' };
const katex = { name: 'katex', version: '0.19.1', identifier: 'MIT', text: 'Copyright (c) Khan Academy' };
const nobody = () => null;

it('has each package of every bundle once, by name', () => {
  const text = licenceTexts([react, katex, react], nobody);
  expect(text.match(/react 19\.3\.1 \(MIT\)/g)).toHaveLength(1);
  expect(text.indexOf('Khan Academy')).toBeLessThan(text.indexOf('Meta'));
});

it('writes the MIT licence for a package that only names it', () => {
  const text = licenceTexts([{ name: 'x', version: '1.0.0', identifier: 'MIT' }], (name) => `Author of ${name}`);
  expect(text).toContain('Copyright (c) Author of x\n\nPermission is hereby granted');
});

it('stops the build for a package without a text', () => {
  const silent = { name: 'x', version: '1.0.0', identifier: 'Apache-2.0' };
  expect(() => licenceTexts([react, silent], () => 'Somebody')).toThrow('the package x');
  expect(() => licenceTexts([{ ...silent, identifier: 'MIT' }], nobody)).toThrow('the package x');
});
