import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { parse } from 'yaml';
import { success } from '../../protocol/result';
import { CoordinatorConfig, type CoordinatorOptions } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import { settingNames } from './config-document';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings that let somebody in; they may come from a file, as service managers hand secrets over. */
export const SECRET_SETTINGS = [
  'accessToken',
  'administratorToken',
  'databaseUrl',
  'natsUrl',
  'metricsToken',
  'fallbackKey',
  'gridKey',
] as const;

/** `databaseUrl` → `TORE_DATABASE_URL`. */
export function environmentName(setting: string): string {
  return `TORE_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Settings that are lists, or may be one beside a word of their own. */
const LIST_SETTINGS: ReadonlySet<string> = new Set(
  settingNames().filter((name) => {
    const schema = CoordinatorConfig.properties[name];
    return Type.IsArray(schema) || (Type.IsUnion(schema) && schema.anyOf.some((one) => Type.IsArray(one)));
  }),
);
/** What a setting says in place of a list. */
const NO_LIST: readonly string[] = ['any'];

/** Texts stay texts, so that a token of digits is no number and a name may have a comma; lists are written with commas. */
function readValue(setting: string, text: string): unknown {
  if ((SECRET_SETTINGS as readonly string[]).includes(setting)) return text;
  if (/^\[.*\]$|^\{.*\}$|^(?:true|false|null)$|^-?\d+(?:\.\d+)?$/.test(text)) return parse(text) as unknown;
  return LIST_SETTINGS.has(setting) && !NO_LIST.includes(text) ? text.split(',').map((item) => item.trim()) : text;
}

/** Settings of the environment; unset and empty ones count as not given. Fails with `config-invalid`. */
export function readEnvironment(environment: Environment): CoordinatorResult<CoordinatorOptions> {
  const settings: Record<string, unknown> = {};
  for (const setting of settingNames()) {
    const name = environmentName(setting);
    const text = environment[name];
    if (text !== undefined && text !== '') settings[setting] = readValue(setting, text);
    const file = environment[`${name}_FILE`];
    if (file === undefined || file === '') continue;
    if (settings[setting] !== undefined) {
      return refuse('config-invalid', `${name} and ${name}_FILE are both set.`, { suggestion: 'Keep one of them.' });
    }
    try {
      settings[setting] = readValue(setting, readFileSync(file, 'utf8').trim());
    } catch {
      return refuse('config-invalid', `The file ${file} of ${name}_FILE cannot be read.`, {
        suggestion: 'Check that it exists and that this user may read it.',
      });
    }
  }
  return success(settings);
}
