import { parseArgs, type ParseArgsConfig } from 'node:util';
import { verifyAttachments } from '../../library/documents/attachments';
import type { DocumentFailure } from '../../protocol/documents/errors';
import type { Problem } from '../../protocol/documents/problems';
import { readDocument, type ToreDocument } from '../../protocol/documents/read-document';
import { EXIT, STREAM, type ExitCode, type Terminal, type WriteOptions } from './terminal';

/** What a command was given. */
export interface Arguments {
  readonly files: readonly string[];
  /** `--json`: one JSON value on the standard output instead of sentences. */
  readonly json: boolean;
  readonly text: (name: string) => string | null;
}

/** One word behind `tore`. */
export interface Command {
  /** As shown by `--help`: `inspect FILE`. */
  readonly usage: string;
  readonly summary: string;
  /** Options with a value, besides `--json`. */
  readonly options: readonly string[];
  /** Fewest and most files. */
  readonly files: readonly [number, number];
  run(given: Arguments, terminal: Terminal): Promise<ExitCode>;
}

/** Ends a command early with a sentence and an exit code. Thrown inside commands and caught by the program alone. */
export class Stop extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Whether a command is asked to explain itself; behind `--` everything is a file. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).some((word) => word === '--help' || word === '-h');
}

/** Reads the arguments of a command. */
export function readArguments(command: Command, args: readonly string[]): Arguments {
  const options: NonNullable<ParseArgsConfig['options']> = { json: { type: 'boolean' } };
  for (const name of command.options) options[name] = { type: 'string' };
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (thrown) {
    throw new Stop(EXIT.usage, thrown instanceof Error ? thrown.message : String(thrown));
  }
  const files = parsed.positionals;
  const [fewest, most] = command.files;
  if (files.length < fewest || files.length > most) throw new Stop(EXIT.usage, `Usage: tore ${command.usage}`);
  return {
    files,
    json: parsed.values['json'] === true,
    text: (name) => {
      const value = parsed.values[name];
      return typeof value === 'string' ? value : null;
    },
  };
}

/** What a file is called in a message. */
export function nameOf(path: string): string {
  return path === STREAM ? 'The standard input' : path;
}

/** The bytes of a file; stops with exit code 3 when there are none. */
export async function readBytes(path: string, terminal: Terminal): Promise<Uint8Array> {
  const bytes = await terminal.read(path);
  if (!bytes.ok) throw new Stop(EXIT.io, `${nameOf(path)}: ${bytes.error.message}`);
  return bytes.value;
}

/** The lines for one problem after another. */
export function problemLines(problems: readonly Problem[]): string[] {
  return problems.map(({ pointer, message }) => `  ${pointer === '' ? '(document)' : pointer}: ${message}`);
}

function explained(path: string, error: DocumentFailure): string {
  const suggestion = error.suggestion === undefined ? '' : ` ${error.suggestion}`;
  return [`${nameOf(path)}: ${error.message}${suggestion}`, ...problemLines(error.problems)].join('\n');
}

/** Hands out a value, or stops with exit code 1 and everything that is wrong. */
export function valid<Value>(
  path: string,
  result: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: DocumentFailure },
): Value {
  if (!result.ok) throw new Stop(EXIT.invalid, explained(path, result.error));
  return result.value;
}

/** A valid document with its attachments verified; stops otherwise. */
export async function readValid(path: string, terminal: Terminal): Promise<ToreDocument> {
  return validBytes(path, await readBytes(path, terminal));
}

/** The same for bytes that were read already. */
export function validBytes(path: string, bytes: Uint8Array | string): ToreDocument {
  const read = valid(path, readDocument(bytes));
  const problems = verifyAttachments(read);
  if (problems.length > 0) {
    throw new Stop(EXIT.invalid, [`${nameOf(path)}: An attachment is damaged.`, ...problemLines(problems)].join('\n'));
  }
  return read;
}

/** Writes the result of a command; stops with exit code 3 when that fails. */
export async function writeResult(
  path: string,
  text: string,
  terminal: Terminal,
  options: WriteOptions = {},
): Promise<void> {
  const written = await terminal.write(path, text, options);
  if (!written.ok) throw new Stop(EXIT.io, written.error.message);
}
