import { Value } from 'typebox/value';
import type { SettingsPatch } from '../../contract/calls';
import { DEFAULT_SETTINGS, Settings } from '../../contract/settings';
import { keepBrokenFile, readJsonDocument } from '../storage/json-document';

/** Version of the file's form; a change that old files do not survive raises it and adds a step to `migrate`. */
export const SETTINGS_FORMAT_VERSION = 1;

export interface LoadedSettings {
  readonly settings: Settings;
  /** What to tell the user about a file that could not be used. */
  readonly notice: string | null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Brings a stored document to today's form: settings that did not exist when it was written get their defaults, those
 * that no longer exist are dropped. Values that are wrong stay wrong, for the check that follows.
 */
export function migrateSettings(document: unknown): unknown {
  if (!isRecord(document) || !isRecord(document['settings'])) return document;
  const stored = document['settings'];
  const within = (key: 'contribution' | 'policy' | 'chat' | 'notifications' | 'statistics'): unknown =>
    isRecord(stored[key]) ? { ...DEFAULT_SETTINGS[key], ...stored[key] } : (stored[key] ?? DEFAULT_SETTINGS[key]);
  return Value.Clean(Settings, {
    ...DEFAULT_SETTINGS,
    ...stored,
    contribution: within('contribution'),
    policy: within('policy'),
    chat: within('chat'),
    notifications: within('notifications'),
    statistics: within('statistics'),
  });
}

/** Reads the settings file. One that cannot be used is kept aside and the defaults are used. */
export async function loadSettings(path: string, nowMs: number): Promise<LoadedSettings> {
  const reading = await readJsonDocument(path);
  if (reading.kind === 'absent') return { settings: DEFAULT_SETTINGS, notice: null };
  let reason: string;
  if (reading.kind === 'read') {
    const migrated = migrateSettings(reading.value);
    if (Value.Check(Settings, migrated)) return { settings: migrated, notice: null };
    const place = Value.Errors(Settings, migrated)[0]?.instancePath ?? '';
    reason = `it holds values that are not settings${place === '' ? '' : ` (${place})`}`;
  } else {
    reason = reading.reason;
  }
  const kept = await keepBrokenFile(path, nowMs);
  const where = kept === null ? 'It could not be moved aside.' : `It was kept as ${kept}.`;
  return {
    settings: DEFAULT_SETTINGS,
    notice: `The settings file could not be used: ${reason}. ${where} The settings are back to how the app comes.`,
  };
}

/** The form in which settings are written. */
export function settingsDocument(settings: Settings): Record<string, unknown> {
  return { formatVersion: SETTINGS_FORMAT_VERSION, settings };
}

/** Applies a part of the settings; what is absent stays. */
export function patchSettings(settings: Settings, patch: SettingsPatch): Settings {
  return {
    ...settings,
    ...patch,
    contribution: { ...settings.contribution, ...patch.contribution },
    policy: { ...settings.policy, ...patch.policy },
    chat: { ...settings.chat, ...patch.chat },
    notifications: { ...settings.notifications, ...patch.notifications },
    statistics: { ...settings.statistics, ...patch.statistics },
  };
}
