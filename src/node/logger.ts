/** Facts that go with a log line. Never a prompt, a key or a token. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where the node writes what it does; the process that embeds it decides where lines go. */
export interface NodeLogger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLogger: NodeLogger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
