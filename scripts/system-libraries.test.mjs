import { expect, test } from 'vitest';
import { isDebianFamily, missingFromLdd } from './system-libraries.mjs';

test('lists the libraries ldd did not find', () => {
  const output = [
    '\tlinux-vdso.so.1 (0x00007ffd2)',
    '\tlibffmpeg.so => not found',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)',
    '\tlibnss3.so => not found',
  ].join('\n');
  expect(missingFromLdd(output)).toEqual(['libffmpeg.so', 'libnss3.so']);
  expect(missingFromLdd('\tstatically linked\n')).toEqual([]);
});

test('knows Debian and its relatives', () => {
  expect(isDebianFamily('NAME="Debian GNU/Linux"\nID=debian\n')).toBe(true);
  expect(isDebianFamily('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
  expect(isDebianFamily('ID=fedora\nNAME="not debian"\n')).toBe(false);
});
