import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS, type Settings } from '../../contract/settings';
import { success } from '../../protocol/result';
import { mainFailure } from '../errors';
import { loadSettings, patchSettings, settingsDocument } from './settings-document';
import { SettingsService } from './settings-service';

let folder: string;
let path: string;
const NOW = Date.parse('2026-02-03T04:05:06Z');

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tore-settings-'));
  path = join(folder, 'settings.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('loadSettings', () => {
  it('starts with the defaults when there is no file', async () => {
    expect(await loadSettings(path, NOW)).toEqual({ settings: DEFAULT_SETTINGS, notice: null });
    expect(await readdir(folder)).toEqual([]);
  });

  it('reads what was written', async () => {
    const settings: Settings = { ...DEFAULT_SETTINGS, theme: 'dark', region: 'US-NY', consentAt: '2026-01-01' };
    await writeFile(path, JSON.stringify(settingsDocument(settings)));
    expect(await loadSettings(path, NOW)).toEqual({ settings, notice: null });
  });

  it('fills in settings that did not exist when the file was written and drops those that no longer do', async () => {
    const { chat: _chat, closeToTray: _closeToTray, ...older } = DEFAULT_SETTINGS;
    const stored = {
      ...older,
      theme: 'light',
      contribution: { cpuThreads: 3, memoryBudgetMb: 512, pauseOnBattery: false },
      removedLater: 'x',
    };
    await writeFile(path, JSON.stringify({ formatVersion: 1, settings: stored }));
    const { settings, notice } = await loadSettings(path, NOW);
    expect(notice).toBeNull();
    expect(settings).toEqual({
      ...DEFAULT_SETTINGS,
      theme: 'light',
      contribution: { ...DEFAULT_SETTINGS.contribution, cpuThreads: 3, memoryBudgetMb: 512, pauseOnBattery: false },
    });
  });

  it.each([
    ['that ends in the middle', '{"formatVersion": 1, "settings": {"the'],
    ['that is empty', ''],
    ['that holds something else', '[1, 2, 3]'],
    ['with a wrong value', JSON.stringify({ formatVersion: 1, settings: { ...DEFAULT_SETTINGS, theme: 'pink' } })],
    ['with a wrong inner value', JSON.stringify({ formatVersion: 1, settings: { contribution: 'much' } })],
  ])('keeps a file %s aside and says so', async (_name, text) => {
    await writeFile(path, text);
    const { settings, notice } = await loadSettings(path, NOW);
    expect(settings).toEqual(DEFAULT_SETTINGS);
    const kept = join(folder, 'settings.broken-2026-02-03T04-05-06-000Z.json');
    expect(notice).toContain(kept);
    expect(await readFile(kept, 'utf8')).toBe(text);
    expect(await readdir(folder)).toEqual(['settings.broken-2026-02-03T04-05-06-000Z.json']);
  });
});

describe('patchSettings', () => {
  it('changes only what is named, also inside groups', () => {
    const patched = patchSettings(DEFAULT_SETTINGS, { theme: 'dark', chat: { temperature: 1 } });
    expect(patched).toEqual({ ...DEFAULT_SETTINGS, theme: 'dark', chat: { ...DEFAULT_SETTINGS.chat, temperature: 1 } });
  });
});

describe('SettingsService', () => {
  it('saves, then tells everyone', () => {
    const written: unknown[] = [];
    const service = new SettingsService(DEFAULT_SETTINGS, {
      write: (document) => {
        written.push(document);
        return success(undefined);
      },
    });
    const seen: [string, string][] = [];
    service.onChange((current, previous) => seen.push([previous.theme, current.theme]));
    expect(service.update({ theme: 'dark' }).ok).toBe(true);
    expect(seen).toEqual([['system', 'dark']]);
    expect(written).toEqual([settingsDocument({ ...DEFAULT_SETTINGS, theme: 'dark' })]);
  });

  it('does not apply what cannot be saved', () => {
    const service = new SettingsService(DEFAULT_SETTINGS, {
      write: () => mainFailure('disk-full', 'The disk is full.'),
    });
    let told = false;
    service.onChange(() => {
      told = true;
    });
    expect(service.update({ theme: 'dark' })).toMatchObject({ ok: false, error: { code: 'disk-full' } });
    expect(service.current.theme).toBe('system');
    expect(told).toBe(false);
  });
});
