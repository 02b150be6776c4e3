import { mkdir } from 'node:fs/promises';
import { pino } from 'pino';
import type { NodeLogger } from '../../node';
import { Stop } from '../tore/command';
import { EXIT, STREAM, type ExitCode, type Terminal } from '../tore/terminal';
import { Attendance } from './attendance';
import { SESSION_COMMANDS } from './commands';
import { holdFolder } from './folder-hold';
import { readSessionCall, type SessionCall } from './options';

function help(): string {
  return [
    'tore-session: open, join, hold and export group sessions from a script.',
    '',
    ...Object.values(SESSION_COMMANDS).map(({ usage, summary }) => `  tore-session ${usage}\n      ${summary}`),
    '',
    '  --coordinator URL       address of the coordinator (or TORE_COORDINATOR)',
    '  --access-token TOKEN    its access token; better in the variable TORE_ACCESS_TOKEN',
    '  --invitation CODE       invitation code, where only members may connect (also TORE_INVITATION)',
    '  --data-folder FOLDER    whose key speaks: that of a tore-node, or a new one (default: ~/.tore-node)',
    '  --name NAME             how others see you (default: the name of this computer)',
    '  --json                  one JSON value a line instead of sentences',
    '  --help, --version',
    '',
    'Copies of sessions lie in the folder “sessions” of the data folder. Exit codes: 0 done, 1 refused or not reached,',
    '2 wrong use, 3 a file cannot be read or written.',
    '',
  ].join('\n');
}

function createLogger(environment: Readonly<Record<string, string | undefined>>): NodeLogger {
  const level = environment['TORE_LOG_LEVEL'] ?? 'warn';
  const lines = pino({ name: 'tore-session', level, base: null }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (message, fields) => lines.debug(fields ?? {}, message),
    info: (message, fields) => lines.info(fields ?? {}, message),
    warn: (message, fields) => lines.warn(fields ?? {}, message),
    error: (message, fields) => lines.error(fields ?? {}, message),
  };
}

async function runCommand(
  { command: name, words, options: readOptions }: SessionCall,
  logger: NodeLogger,
  terminal: Terminal,
): Promise<void> {
  const command = name !== null && Object.hasOwn(SESSION_COMMANDS, name) ? SESSION_COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new Stop(EXIT.usage, `There is no command ${JSON.stringify(name)}. \`tore-session --help\` lists them.`);
  }
  const [fewest, most] = command.words;
  if (words.length < fewest || words.length > most) throw new Stop(EXIT.usage, `Usage: tore-session ${command.usage}`);
  const options = readOptions();
  await mkdir(options.dataFolder, { recursive: true, mode: 0o700 });
  const release = await holdFolder(options.dataFolder);
  try {
    const attendance = await Attendance.begin(options, logger);
    try {
      await command.run({ options, attendance, terminal }, words);
    } finally {
      await attendance.close();
    }
  } finally {
    await release();
  }
}

/** Runs the program with the arguments behind its name and returns its exit code. */
export async function runToreSession(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  version: string,
  terminal: Terminal,
): Promise<ExitCode> {
  try {
    const call = readSessionCall(args, environment);
    if (call.wantsVersion || call.wantsHelp || call.command === null) {
      const written = await terminal.write(STREAM, call.wantsVersion ? `${version}\n` : help());
      if (!written.ok) return EXIT.io;
      return call.command === null && !call.wantsHelp && !call.wantsVersion ? EXIT.usage : EXIT.ok;
    }
    await runCommand(call, createLogger(environment), terminal);
    return EXIT.ok;
  } catch (thrown) {
    if (!(thrown instanceof Stop)) throw thrown;
    terminal.note(thrown.message);
    return thrown.exitCode;
  }
}
