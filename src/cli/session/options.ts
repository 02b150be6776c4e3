import { homedir, hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SESSION_LIMITS } from '../../protocol/session/limits';
import { EXIT } from '../tore/terminal';
import { Stop } from '../tore/command';

/** What every command of `tore-session` is told. */
export interface SessionOptions {
  readonly coordinatorUrl: string;
  readonly accessToken: string | null;
  readonly invitation: string | null;
  readonly dataFolder: string;
  readonly displayName: string;
  /** One JSON value a line on the standard output instead of sentences. */
  readonly json: boolean;
  readonly agreementFile: string | null;
  readonly observer: boolean;
  readonly uses: number;
  readonly days: number;
  readonly maxNewTokens: number;
}

/** The command line, taken apart. */
export interface SessionCall {
  readonly command: string | null;
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
  readonly wantsVersion: boolean;
  /** Checked only when a command needs it, so that `--help` needs nothing. */
  options(): SessionOptions;
}

const MAX_NEW_TOKENS = 4_096;
const DEFAULT_NEW_TOKENS = 256;

function wholeNumber(name: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new Stop(EXIT.usage, `--${name} takes a number from 1 to ${most}.`);
  return number;
}

const textOrNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

/** Reads the command line of `tore-session`; stops with exit code 2 and the reason when it makes no sense. */
export function readSessionCall(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): SessionCall {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        coordinator: { type: 'string' },
        'access-token': { type: 'string' },
        invitation: { type: 'string' },
        'data-folder': { type: 'string' },
        name: { type: 'string' },
        agreement: { type: 'string' },
        observer: { type: 'boolean', default: false },
        uses: { type: 'string' },
        days: { type: 'string' },
        'max-tokens': { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
      },
    });
  } catch (thrown) {
    throw new Stop(EXIT.usage, thrown instanceof Error ? thrown.message : String(thrown));
  }
  const { values, positionals } = parsed;
  const [command = null, ...words] = positionals;
  return {
    command,
    words,
    wantsHelp: values.help,
    wantsVersion: values.version,
    options: () => {
      const coordinatorUrl = values.coordinator ?? environment['TORE_COORDINATOR'];
      if (coordinatorUrl === undefined) {
        throw new Stop(EXIT.usage, 'The address of a coordinator is missing: --coordinator URL.');
      }
      const displayName = (values.name ?? hostname()).trim().slice(0, SESSION_LIMITS.maxDisplayNameLength);
      if (displayName === '') throw new Stop(EXIT.usage, '--name takes the name others see.');
      return {
        coordinatorUrl,
        accessToken: textOrNull(values['access-token'] ?? environment['TORE_ACCESS_TOKEN']),
        invitation: textOrNull((values.invitation ?? environment['TORE_INVITATION'])?.trim()),
        dataFolder: resolve(values['data-folder'] ?? join(homedir(), '.tore-node')),
        displayName,
        json: values.json,
        agreementFile: values.agreement ?? null,
        observer: values.observer,
        uses: wholeNumber('uses', values.uses, 1, SESSION_LIMITS.maxInvitationUses),
        days: wholeNumber('days', values.days, 7, SESSION_LIMITS.maxInvitationDays),
        maxNewTokens: wholeNumber('max-tokens', values['max-tokens'], DEFAULT_NEW_TOKENS, MAX_NEW_TOKENS),
      };
    },
  };
}
