import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RecordingLog } from '../../test-doubles/recording-log';
import { autostartEntry, LoginItem, startsHidden, type LoginItemPlaces } from './login-item';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function linux(changes: Partial<LoginItemPlaces> = {}) {
  const home = await mkdtemp(join(tmpdir(), 'tore-login-'));
  folders.push(home);
  const calls: object[] = [];
  const places: LoginItemPlaces = {
    packaged: true,
    platform: 'linux',
    environment: {},
    home,
    executable: '/opt/Tore/tore-desktop',
    flatpak: false,
    ...changes,
  };
  const item = new LoginItem(places, (settings) => void calls.push(settings), new RecordingLog());
  const read = (): Promise<string> => readFile(join(home, '.config/autostart/tore-desktop.desktop'), 'utf8');
  return { item, calls, read };
}

describe('the start at log-in', () => {
  it('is an entry of the desktop on Linux, and goes when it is not wanted', async () => {
    const { item, read } = await linux();
    await item.apply({ startAtLogin: true, startHidden: true });
    expect(await read()).toContain('Exec="/opt/Tore/tore-desktop" --hidden\n');
    await item.apply({ startAtLogin: true, startHidden: false });
    expect(await read()).toContain('Exec="/opt/Tore/tore-desktop"\n');
    await item.apply({ startAtLogin: false, startHidden: true });
    await expect(read()).rejects.toThrow('ENOENT');
    await item.apply({ startAtLogin: false, startHidden: true });
  });

  it('names the AppImage, not the folder it is mounted at', async () => {
    const { item, read } = await linux({ environment: { APPIMAGE: '/home/a/Tore 1.AppImage' } });
    await item.apply({ startAtLogin: true, startHidden: false });
    expect(await read()).toContain('Exec="/home/a/Tore 1.AppImage"\n');
  });

  it.each([
    ['a quote', '/a/"b', '"/a/\\\\"b"'],
    ['a variable', '/a/$HOME', '"/a/\\\\$HOME"'],
    ['a field code', '/a/%f', '"/a/%%f"'],
  ])('cannot be made to start something else by %s', (_what, path, expected) => {
    expect(autostartEntry(path, false)).toContain(`Exec=${expected}\n`);
  });

  it('is the system’s own list elsewhere', async () => {
    const { item, calls } = await linux({ platform: 'win32', executable: 'C:\\Tore\\Tore.exe' });
    await item.apply({ startAtLogin: true, startHidden: true });
    await item.apply({ startAtLogin: false, startHidden: true });
    expect(calls).toEqual([
      { openAtLogin: true, path: 'C:\\Tore\\Tore.exe', args: ['--hidden'] },
      { openAtLogin: false, path: 'C:\\Tore\\Tore.exe', args: ['--hidden'] },
    ]);
  });

  it('is left alone by a development build', async () => {
    const { item, read } = await linux({ packaged: false });
    await item.apply({ startAtLogin: true, startHidden: true });
    await expect(read()).rejects.toThrow('ENOENT');
  });
});

it('shows the window after all where nothing could bring it back or there is something to ask', () => {
  expect(startsHidden(['--hidden'], true, true)).toBe(true);
  expect(startsHidden(['--hidden'], false, true)).toBe(false);
  expect(startsHidden(['--hidden'], true, false)).toBe(false);
  expect(startsHidden([], true, true)).toBe(false);
});
