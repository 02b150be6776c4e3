import { expect, it } from 'vitest';
import { SESSION_LIMITS } from '../../../protocol/session/limits';
import { readTurnFiles } from './read-turn-files';

it('keeps every byte of a text with a byte order mark', async () => {
  const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x3b, 0x62]);
  const { read } = await readTurnFiles([new File([bytes], 'table.csv', { type: 'text/csv' })]);
  const [file] = read;
  expect(file).toMatchObject({ name: 'table.csv', mediaType: 'text/csv' });
  expect(file !== undefined && 'text' in file && [...new TextEncoder().encode(file.text)]).toEqual([...bytes]);
});

it('takes what is no text as bytes', async () => {
  const { read } = await readTurnFiles([new File([new Uint8Array([0x61, 0, 0xff])], 'a.bin')]);
  expect(read).toEqual([{ name: 'a.bin', base64: btoa('a\0\u00FF') }]);
});

it('takes the other files when one is empty, too large or cannot be read', async () => {
  const unreadable = new File(['x'], 'moved.txt');
  unreadable.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
  const { read, refused } = await readTurnFiles([
    new File([], 'empty.txt'),
    unreadable,
    new File([new Uint8Array(SESSION_LIMITS.maxFileBytes + 1)], 'large.bin'),
    new File(['good'], 'good.txt'),
  ]);
  expect(read).toMatchObject([{ name: 'good.txt', text: 'good' }]);
  expect(refused).toEqual([
    { name: 'empty.txt', reason: 'size' },
    { name: 'moved.txt', reason: 'unreadable' },
    { name: 'large.bin', reason: 'size' },
  ]);
});
