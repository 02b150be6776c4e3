import type { Log } from '../services/log';

/** A log that keeps its lines. */
export class RecordingLog implements Log {
  readonly lines: { level: string; fields: object; message: string }[] = [];

  debug = (fields: object, message: string): void => this.#add('debug', fields, message);
  info = (fields: object, message: string): void => this.#add('info', fields, message);
  warn = (fields: object, message: string): void => this.#add('warn', fields, message);
  error = (fields: object, message: string): void => this.#add('error', fields, message);
  child = (): Log => this;

  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields, message });
  }
}
