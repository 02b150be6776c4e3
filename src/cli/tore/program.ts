import { asksForHelp, readArguments, Stop, type Command } from './command';
import { convert } from './convert';
import { canonical, inspect, validate } from './inspect';
import { exportLibrary, importExports, search } from './library';
import { merge, split } from './projects';
import { keygen, sign, verify } from './signatures';
import { EXIT, STREAM, type ExitCode, type Terminal } from './terminal';

const COMMANDS: Readonly<Record<string, Command>> = {
  validate,
  inspect,
  convert,
  canonical,
  sign,
  verify,
  keygen,
  split,
  merge,
  import: importExports,
  search,
  export: exportLibrary,
};

function helpOf({ usage, summary }: Command): string {
  return `  tore ${usage}\n      ${summary}`;
}

function help(): string {
  return [
    'tore: check, read, convert, sign, split and merge documents of the tore family; keep and search conversations.',
    '',
    ...Object.values(COMMANDS).map(helpOf),
    '',
    `FILE may be ${STREAM} for the standard input. Data goes to the standard output, remarks to the standard error.`,
    'Exit codes: 0 done, 1 a document is not valid, 2 wrong use, 3 a file cannot be read or written.',
    '',
  ].join('\n');
}

/** Runs the program with the arguments behind its name and returns its exit code. */
export async function runTore(args: readonly string[], version: string, terminal: Terminal): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const written = await terminal.write(STREAM, help());
    if (!written.ok) return EXIT.io;
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version') return (await terminal.write(STREAM, `${version}\n`)).ok ? EXIT.ok : EXIT.io;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    terminal.note(`There is no command ${JSON.stringify(name)}. \`tore --help\` lists them.`);
    return EXIT.usage;
  }
  if (asksForHelp(rest)) return (await terminal.write(STREAM, `${helpOf(command)}\n`)).ok ? EXIT.ok : EXIT.io;
  try {
    return await command.run(readArguments(command, rest), terminal);
  } catch (thrown) {
    if (!(thrown instanceof Stop)) throw thrown;
    terminal.note(thrown.message);
    return thrown.exitCode;
  }
}
