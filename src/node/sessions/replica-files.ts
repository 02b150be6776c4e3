import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { Turn } from '../../protocol/session/session';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { readPrivateFile, writePrivateFile } from '../atomic-file';
import { nodeFailure, reasonOf, systemCodeOf, type NodeErrorCode } from '../errors';
import { SessionRecord } from './session-record';

/*
 * One folder for each session: `session.json`, replaced whole and atomically, and `turns.jsonl`, to which turns are added in
 * the order of their numbers. A crash can leave half of a last line there; it is cut off when the file is read again, and
 * the host sends that turn once more.
 */

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Own waiting turns of 1 MiB each would fill it long before; a larger one was not written here. */
const MAX_RECORD_BYTES = 256 * 1_048_576;
/** Four times what a host takes into one session: a larger copy would fill the memory, and was written by something else. */
const MAX_TURNS_BYTES = 1_073_741_824;
/** A turn came in a message, so no line is longer. */
const MAX_LINE_BYTES = WIRE_LIMITS.maxTextBytes;
const LINE_END = 0x0a;

const storedRecord = Compile(SessionRecord);
const storedTurn = Compile(Turn);

export interface StoredSession {
  readonly record: SessionRecord;
  readonly turns: readonly Turn[];
  /** Of the turns in JSON. */
  readonly bytes: number;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The whole lines of a file up to one that is too long; the text of all of them may be longer than a string can be. */
async function* linesOf(path: string): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, end)]);
      [begun, begunBytes] = [[], 0];
      from = end + 1;
    }
    begun.push(chunk.subarray(from));
    begunBytes += chunk.byteLength - from;
    if (begunBytes > MAX_LINE_BYTES) return;
  }
}

/** The turns of a file up to the first line that is not the next turn, and the bytes they take. */
async function readLines(path: string): Promise<{ turns: Turn[]; bytes: number }> {
  const turns: Turn[] = [];
  let bytes = 0;
  for await (const line of linesOf(path)) {
    const turn = parse(line.toString('utf8'));
    if (!storedTurn.Check(turn) || turn.seq !== turns.length + 1) break;
    turns.push(turn);
    bytes += line.byteLength + 1;
  }
  return { turns, bytes };
}

/** The copies of sessions on this computer's disk. */
export class ReplicaFiles {
  constructor(private readonly folder: string) {}

  /** Every readable session; a damaged one is named in `damaged` and left as it is. */
  async readAll(): Promise<{ readonly sessions: StoredSession[]; readonly damaged: string[] }> {
    const names = await readdir(this.folder).catch((): string[] => []);
    const sessions: StoredSession[] = [];
    const damaged: string[] = [];
    for (const name of names.filter((each) => UUID_PATTERN.test(each))) {
      const stored = await this.read(name).catch(() => null);
      if (stored === null) damaged.push(join(this.folder, name));
      else sessions.push(stored);
    }
    return { sessions, damaged };
  }

  saveRecord(record: SessionRecord): Promise<Result<void, NodeErrorCode>> {
    return writePrivateFile(this.path(record.head.id, 'session.json'), Buffer.from(JSON.stringify(record)));
  }

  /** Adds turns behind those that are there; the first turn begins the file anew, whatever was in it. */
  async appendTurns(sessionId: string, turns: readonly Turn[]): Promise<Result<void, NodeErrorCode>> {
    const path = this.path(sessionId, 'turns.jsonl');
    try {
      await mkdir(join(this.folder, sessionId), { recursive: true, mode: 0o700 });
      const flag = turns[0]?.seq === 1 ? 'w' : 'a';
      await writeFile(path, turns.map((turn) => `${JSON.stringify(turn)}\n`).join(''), { mode: 0o600, flag });
      return success(undefined);
    } catch (thrown) {
      const full = systemCodeOf(thrown) === 'ENOSPC';
      return nodeFailure('data-unwritable', `${path} could not be written: ${reasonOf(thrown)}.`, {
        retryable: full,
        suggestion: full ? 'Free some disk space.' : 'Check that this folder belongs to you.',
      });
    }
  }

  /** Forgets a session on this computer; at its host it stays. */
  async remove(sessionId: string): Promise<void> {
    if (UUID_PATTERN.test(sessionId)) await rm(join(this.folder, sessionId), { recursive: true, force: true });
  }

  private path(sessionId: string, name: string): string {
    return join(this.folder, sessionId, name);
  }

  private async read(sessionId: string): Promise<StoredSession | null> {
    const bytes = await readPrivateFile(this.path(sessionId, 'session.json'), MAX_RECORD_BYTES);
    const record = bytes.ok && bytes.value !== null ? parse(Buffer.from(bytes.value).toString('utf8')) : undefined;
    if (!storedRecord.Check(record) || record.head.id !== sessionId) return null;
    const turns = await this.readTurns(this.path(sessionId, 'turns.jsonl'));
    // Each turn has a line of its own, whose end is not the turn's.
    return turns === null ? null : { record, turns: turns.turns, bytes: turns.bytes - turns.turns.length };
  }

  /** @returns null for a file that is too large to be a copy */
  private async readTurns(path: string): Promise<{ readonly turns: Turn[]; readonly bytes: number } | null> {
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size === 0) return { turns: [], bytes: 0 };
    if (size > MAX_TURNS_BYTES) return null;
    const { turns, bytes } = await readLines(path);
    if (bytes < size) {
      await truncate(path, bytes);
      const file = await open(path, 'r+');
      await file.sync().finally(() => file.close());
    }
    return { turns, bytes };
  }
}
