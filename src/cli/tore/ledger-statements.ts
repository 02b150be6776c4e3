import { createReadStream } from 'node:fs';
import { nodeCryptography } from '../../keys/ed25519';
import { readCheckpoints, type LedgerCheckpoint } from '../../protocol/compute/ledger-checkpoint';
import { LedgerWalk } from '../../protocol/compute/ledger-walk';
import type { Result } from '../../protocol/result';
import { nameOf, Stop } from './command';
import type { Statement } from './statement';
import { EXIT } from './terminal';

/*
 * Checkpoints a coordinator signed of its ledger, and the export of a ledger they are about. An export can have millions
 * of lines, so it is read line by line.
 */

/** A line of an export is an entry; this is many times the longest. */
const MAX_LINE_LENGTH = 64 * 1_024;

function isCheckpoint(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'ledger-checkpoint';
}

/** The checkpoints in a file: one, a list, or the answer of a coordinator. Null for a file of something else. */
export function checkpointsIn(value: unknown): readonly unknown[] | null {
  if (isCheckpoint(value)) return [value];
  const isAnswer = typeof value === 'object' && value !== null && 'checkpoints' in value;
  const list = isAnswer ? value.checkpoints : value;
  return Array.isArray(list) && list.length > 0 && list.every(isCheckpoint) ? list : null;
}

function accepted<Value>(path: string, result: Result<Value>): Value {
  if (!result.ok) throw new Stop(EXIT.invalid, `${nameOf(path)}: Not verified.\n  ${result.error.message}`);
  return result.value;
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE_LENGTH) throw new Stop(EXIT.invalid, `${path}: A line is too long for an entry.`);
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

function parsed(path: string, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new Stop(EXIT.invalid, `${path}: Not verified.\n  A line is not JSON; the export is one entry a line.`);
  }
}

/** Goes through an export with the checkpoints; returns how many entries it has. */
async function walk(path: string, checkpoints: readonly LedgerCheckpoint[]): Promise<number> {
  const ledger = new LedgerWalk(checkpoints, nodeCryptography);
  try {
    for await (const line of linesOf(path)) accepted(path, ledger.take(parsed(path, line)));
  } catch (thrown) {
    if (thrown instanceof Stop || !(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
    throw new Stop(EXIT.io, `${path}: This file cannot be read: ${thrown.message}.`);
  }
  return accepted(path, ledger.end());
}

/** Verifies checkpoints, and with the export of the ledger that it reaches each of them. */
export async function checkpointStatement(
  path: string,
  values: readonly unknown[],
  ledgerPath: string | null,
): Promise<Statement> {
  const checkpoints = accepted(path, readCheckpoints(values, nodeCryptography));
  const keys = [...new Set(checkpoints.map(({ public_key: key }) => nodeCryptography.keyIdOf(key)))];
  const last = checkpoints.at(-1) ?? checkpoints[0];
  const what =
    checkpoints.length === 1
      ? `Checkpoint ${last.number}`
      : `${checkpoints.length} checkpoints follow each other, and number ${last.number}`;
  const covers = `${last.entries} entries up to ${last.head_hash}, ${last.supply} GFT in all, at ${last.issued_at}`;
  const says = `${what} of coordinator ${last.coordinator_id} covers ${covers}. Signed by ${keys.join(', then ')}.`;
  const kind = 'ledger-checkpoints';
  if (ledgerPath === null) {
    return { kind, signedBy: keys, sentence: `${says} With --ledger FILE an export is checked against it.` };
  }
  const entries = await walk(ledgerPath, checkpoints);
  return {
    kind,
    signedBy: keys,
    sentence: `${says} The ${entries} entries of ${ledgerPath} hold, and reach ${checkpoints.length === 1 ? 'it' : 'each of them'} exactly.`,
  };
}
