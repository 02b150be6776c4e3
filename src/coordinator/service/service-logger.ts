import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import type { CoordinatorConfig } from '../config';
import { SECRET_SETTINGS } from './environment';

/** Shorter secrets would be found in ordinary words. */
const MIN_SECRET_LENGTH = 6;
const MASK = '[secret]';

/** Every text of a configuration that must not be read in a log, also as a part of a longer one. */
function secretsOf(config: CoordinatorConfig): string[] {
  const settings: Readonly<Record<string, unknown>> = config;
  const texts = SECRET_SETTINGS.flatMap((name) => {
    const value = settings[name];
    if (typeof value !== 'string') return [];
    if (!value.includes('://')) return [value];
    const password = /:\/\/[^:/@]*:([^@]*)@/.exec(value)?.[1] ?? '';
    return [value, password, decodeURIComponent(password)];
  });
  // As it stands in JSON, which is how a line is written.
  return texts.filter((text) => text.length >= MIN_SECRET_LENGTH).map((text) => JSON.stringify(text).slice(1, -1));
}

/** An error as name, code, message and stack. Drivers hang statements and values on theirs; those stay out. */
function shownError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return String(thrown);
  const code = 'code' in thrown ? { code: thrown.code } : {};
  const cause = thrown.cause === undefined ? {} : { cause: shownError(thrown.cause) };
  return { type: thrown.name, ...code, message: thrown.message, stack: thrown.stack, ...cause };
}

/**
 * Structured logs, one JSON object per line. Known secrets are masked wherever they turn up, authorization headers and
 * the like are left out, and errors are reduced to what explains them.
 */
export function createServiceLogger(config: CoordinatorConfig, destination: DestinationStream): PinoLogger {
  const secrets = secretsOf(config);
  const masked: DestinationStream = {
    write: (line) => destination.write(secrets.reduce((text, secret) => text.replaceAll(secret, MASK), line)),
  };
  return pino(
    {
      name: 'tore-coordinator',
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: shownError },
      redact: {
        paths: [
          'headers',
          '*.headers',
          'authorization',
          '*.authorization',
          'accessToken',
          'token',
          '*.token',
          'prompt',
        ],
        censor: MASK,
      },
    },
    masked,
  );
}
