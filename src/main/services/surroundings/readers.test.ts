import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFullScreenState, openFullScreenReader, parseActiveWindow } from './full-screen';
import { findIdleSource, openIdleReader } from './idle-time';
import { meteredOf, openMeteredReader } from './metered';
import { otherUse, processorTimes } from './processor-use';
import { parseTasklist, runningOf } from './programs';
import { parseNvidiaQuery, PowerFromEnergy, readLinuxCelsius, readLinuxJoules } from './sensors';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-sensors-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('idle time', () => {
  it('is Electron’s own reading where that is right', async () => {
    for (const [platform, environment] of [
      ['win32', {}],
      ['darwin', {}],
      ['linux', { XDG_SESSION_TYPE: 'x11' }],
    ] as const) {
      const reader = await openIdleReader(() => 42, environment, platform);
      expect([reader.support.kind, await reader.read()]).toEqual(['yes', 42]);
    }
  });

  it('comes from the first service of a Wayland desktop that answers, in its own unit', async () => {
    const answers = (known: Record<string, unknown>) => (source: { name: string }) =>
      source.name in known ? Promise.resolve(known[source.name]) : Promise.reject(new Error('no such name'));
    expect(await (await findIdleSource(answers({ 'org.gnome.Mutter.IdleMonitor': 12_500n }))).read()).toBe(12.5);
    expect(await (await findIdleSource(answers({ 'org.kde.screensaver': 3_000 }))).read()).toBe(3);
    expect(await (await findIdleSource(answers({ 'org.freedesktop.ScreenSaver': 61 }))).read()).toBe(61);
  });

  it('says so where no service answers', async () => {
    const none = await findIdleSource(() => Promise.reject(new Error('no such name')));
    expect(none.support).toMatchObject({ kind: 'no', why: expect.stringContaining('Wayland') as string });
    expect(await none.read()).toBeNull();
    const odd = await findIdleSource(() => Promise.resolve('soon'));
    expect(odd.support.kind).toBe('no');
  });

  it('is unknown for a moment in which the service fails', async () => {
    let works = true;
    const reader = await findIdleSource(() => (works ? Promise.resolve(1_000) : Promise.reject(new Error('gone'))));
    works = false;
    expect(await reader.read()).toBeNull();
  });
});

describe('full screen', () => {
  it('reads what xprop prints', () => {
    expect(parseActiveWindow('_NET_ACTIVE_WINDOW(WINDOW): window id # 0x3a00007')).toBe('0x3a00007');
    expect(parseActiveWindow('_NET_ACTIVE_WINDOW(WINDOW): window id # 0x0')).toBeNull();
    expect(parseActiveWindow('_NET_ACTIVE_WINDOW:  no such atom on any window.')).toBeNull();
    expect(isFullScreenState('_NET_WM_STATE(ATOM) = _NET_WM_STATE_FULLSCREEN, _NET_WM_STATE_FOCUSED')).toBe(true);
    expect(isFullScreenState('_NET_WM_STATE(ATOM) = _NET_WM_STATE_MAXIMIZED_VERT')).toBe(false);
  });

  it('says where it cannot tell', async () => {
    expect((await openFullScreenReader({}, 'darwin')).support).toMatchObject({ kind: 'no' });
    expect((await openFullScreenReader({ XDG_SESSION_TYPE: 'wayland' }, 'linux')).support).toMatchObject({
      kind: 'no',
    });
  });
});

describe('metered networks', () => {
  it('reads NetworkManager’s answers', () => {
    expect([0, 1, 2, 3, 4, 'x'].map(meteredOf)).toEqual([null, true, false, true, false, null]);
  });

  it('says where it cannot tell', async () => {
    expect((await openMeteredReader('darwin')).support).toMatchObject({ kind: 'no' });
  });
});

describe('use of the processor by others', () => {
  const core = (user: number, idle: number) => ({ times: { user, nice: 0, sys: 0, irq: 0, idle } });
  it('is what is busy without this app', () => {
    const before = processorTimes([core(100, 900), core(0, 1_000)]);
    const after = processorTimes([core(180, 920), core(20, 1_080)]);
    expect(otherUse(before, after, 0)).toBe(50);
    expect(otherUse(before, after, 20)).toBe(30);
    expect(otherUse(before, after, 90)).toBe(0);
  });

  it('is unknown when no time passed or the counters went back', () => {
    const times = processorTimes([core(100, 900)]);
    expect(otherUse(times, times, 0)).toBeNull();
    expect(otherUse(processorTimes([core(200, 900)]), times, 0)).toBeNull();
  });
});

describe('programs', () => {
  it('are compared without folder, ending and capitals, and as the kernel shortens them', () => {
    const running = ['/usr/bin/Blender', 'C:\\Games\\Doom.EXE', 'gnome-terminal-', 'Final Cut Pro.app'];
    expect(runningOf(['blender', 'doom.exe', 'gnome-terminal-server', 'final cut pro', 'vi'], running)).toEqual([
      'blender',
      'doom.exe',
      'gnome-terminal-server',
      'final cut pro',
    ]);
    expect(runningOf(['blend'], running)).toEqual([]);
  });

  it('are read from a Windows task list', () => {
    const text = '"System Idle Process","0","Services","0","8 K"\r\n"chrome.exe","1234","Console","1","99,000 K"\r\n';
    expect(parseTasklist(text)).toEqual(['System Idle Process', 'chrome.exe']);
  });
});

describe('sensors', () => {
  it('takes the hottest sensor of the processor and no other', async () => {
    const monitor = async (name: string, driver: string, values: Record<string, string>): Promise<void> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'name'), `${driver}\n`);
      for (const [file, value] of Object.entries(values)) await writeFile(join(folder, name, file), `${value}\n`);
    };
    expect(await readLinuxCelsius(join(folder, 'absent'))).toBeNull();
    await monitor('hwmon0', 'nvme', { temp1_input: '99000' });
    expect(await readLinuxCelsius(folder)).toBeNull();
    await monitor('hwmon1', 'coretemp', {
      temp1_input: '61000',
      temp2_input: '64500',
      temp3_input: '999000',
      temp1_max: '100000',
    });
    expect(await readLinuxCelsius(folder)).toBe(64.5);
  });

  it('reads the energy counter and makes watts of it', async () => {
    expect(await readLinuxJoules(folder)).toBeNull();
    await writeFile(join(folder, 'energy_uj'), '2500000\n');
    expect(await readLinuxJoules(folder)).toBe(2.5);
    const power = new PowerFromEnergy();
    expect(power.next(100, 0)).toBeNull();
    expect(power.next(150, 2_000)).toBe(25);
    // The counter wrapped around.
    expect(power.next(10, 3_000)).toBeNull();
    expect(power.next(40, 4_000)).toBe(30);
    expect(power.next(null, 5_000)).toBeNull();
  });

  it('reads what nvidia-smi prints', () => {
    expect(parseNvidiaQuery('65, 12, 84.20\n[N/A], 0, [N/A]\n')).toEqual([
      { celsius: 65, percent: 12, watts: 84.2 },
      { celsius: null, percent: 0, watts: null },
    ]);
  });
});
