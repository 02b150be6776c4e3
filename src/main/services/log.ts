import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { pino } from 'pino';

/** The part of a pino logger that the services use. Neither prompts, answers, keys nor tokens are ever passed to it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

/** Two files of this size hold weeks of ordinary work and stay small enough to send to someone. */
const MAX_LOG_BYTES = 5_000_000;

/**
 * A log file that never grows beyond `maxBytes`: when it is full it becomes `<name>.old`, replacing the one before.
 * Lines are written at once, so that the last words before a crash are on disk.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #descriptor: number;
  #sizeBytes: number;

  constructor(path: string, maxBytes = MAX_LOG_BYTES) {
    mkdirSync(dirname(path), { recursive: true });
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#descriptor = openSync(path, 'a', 0o600);
    this.#sizeBytes = fstatSync(this.#descriptor).size;
  }

  /** A full disk costs log lines, never the app. */
  write(line: string): void {
    const bytes = Buffer.from(line, 'utf8');
    try {
      if (this.#sizeBytes > 0 && this.#sizeBytes + bytes.length > this.#maxBytes) this.#rotate();
      writeSync(this.#descriptor, bytes);
      this.#sizeBytes += bytes.length;
    } catch (thrown) {
      process.stderr.write(`log: ${String(thrown)}\n${line}`);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #rotate(): void {
    closeSync(this.#descriptor);
    if (existsSync(this.#path)) renameSync(this.#path, `${this.#path}.old`);
    this.#descriptor = openSync(this.#path, 'a', 0o600);
    this.#sizeBytes = 0;
  }
}

/**
 * Opens the app's log.
 * @param echo - also write to standard error, for people who run the app from a terminal
 */
export function openLog(path: string, options: { readonly level: string; readonly echo: boolean }): Log {
  const file = new RotatingFile(path);
  const stream = {
    write: (line: string): void => {
      file.write(line);
      if (options.echo) process.stderr.write(line);
    },
  };
  return pino({ level: options.level, base: {}, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}
