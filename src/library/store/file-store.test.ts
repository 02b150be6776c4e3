import { mkdtemp, open, readdir, readFile, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileStore } from './file-store';

const CONTENT = Buffer.from('twelve bytes');

let folder = '';
let store: FileStore;

async function* content(): AsyncGenerator<Uint8Array> {
  yield CONTENT.subarray(0, 7);
  yield CONTENT.subarray(7);
}

/** What all file handles share. */
async function fileHandles(): Promise<FileHandle> {
  const handle = await open(folder, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-files-'));
  store = new FileStore(folder);
  await store.prepare();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

describe('keeping files', () => {
  it('keeps all of a file where the disk takes a part at a time', async () => {
    const handles = await fileHandles();
    const write = handles.write as (this: FileHandle, bytes: Uint8Array) => Promise<unknown>;
    vi.spyOn(handles, 'write').mockImplementation(function (this: FileHandle, bytes: Uint8Array) {
      return write.call(this, bytes.subarray(0, 3));
    } as FileHandle['write']);
    const { sha256 } = await store.write(content());
    expect(await readFile(store.pathOf(sha256))).toEqual(CONTENT);
  });

  it('leaves a whole copy alone, replaces a damaged one, and keeps nothing else', async () => {
    const { sha256 } = await store.write(content());
    const path = store.pathOf(sha256);
    const { ino } = await stat(path);
    expect(await store.write(content())).toEqual({ sha256, sizeBytes: CONTENT.length });
    expect((await stat(path)).ino).toBe(ino);
    // What a power cut leaves may have the right length.
    for (const damaged of ['cut off', Buffer.alloc(CONTENT.length)]) {
      await writeFile(path, damaged);
      await store.write(content());
      expect(await readFile(path)).toEqual(CONTENT);
    }
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });

  it('keeps what is there when a later write fails', async () => {
    const { sha256 } = await store.write(content());
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    vi.spyOn(await fileHandles(), 'writeFile').mockRejectedValue(full);
    await expect(store.write(content())).rejects.toMatchObject({ failure: { code: 'storage-full' } });
    expect(await readFile(store.pathOf(sha256))).toEqual(CONTENT);
  });

  it('writes a file and its name through to the disk before it says so', async () => {
    const handles = await fileHandles();
    const sync = vi.spyOn(handles, 'sync');
    const { sha256 } = await store.write(content());
    // Windows opens no folder.
    const folders = process.platform === 'win32' ? [] : [dirname(store.pathOf(sha256)), folder];
    expect(sync).toHaveBeenCalledTimes(1 + folders.length);
    await store.write(content());
    expect(sync).toHaveBeenCalledTimes(1 + folders.length);
  });

  it('leaves no file behind that could not be written through', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    vi.spyOn(await fileHandles(), 'sync').mockRejectedValue(full);
    await expect(store.write(content())).rejects.toMatchObject({ failure: { code: 'storage-full' } });
    expect(await readdir(folder)).toEqual(['incoming']);
    expect(await readdir(join(folder, 'incoming'))).toEqual([]);
  });
});
