import { appendFile, mkdir, open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { Compile } from 'typebox/compile';
import { success, type Result } from '../../protocol/result';
import { Turn } from '../../protocol/session/session';
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
/** A million turns do not fit into memory at their largest; real ones are a hundredth of this. */
const MAX_TURNS_BYTES = 1_073_741_824;

const storedRecord = Compile(SessionRecord);
const storedTurn = Compile(Turn);

export interface StoredSession {
  readonly record: SessionRecord;
  readonly turns: readonly Turn[];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The turns of a file up to the first line that is not the next turn, and the bytes they take. */
function readLines(text: string): { turns: Turn[]; bytes: number } {
  const turns: Turn[] = [];
  let bytes = 0;
  let from = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
    const line = text.slice(from, end);
    const turn = parse(line);
    if (!storedTurn.Check(turn) || turn.seq !== turns.length + 1) break;
    turns.push(turn);
    bytes += Buffer.byteLength(line, 'utf8') + 1;
    from = end + 1;
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
      const stored = await this.read(name);
      if (stored === null) damaged.push(join(this.folder, name));
      else sessions.push(stored);
    }
    return { sessions, damaged };
  }

  saveRecord(record: SessionRecord): Promise<Result<void, NodeErrorCode>> {
    return writePrivateFile(this.path(record.head.id, 'session.json'), Buffer.from(JSON.stringify(record)));
  }

  /** Adds turns behind those that are there. */
  async appendTurns(sessionId: string, turns: readonly Turn[]): Promise<Result<void, NodeErrorCode>> {
    const path = this.path(sessionId, 'turns.jsonl');
    try {
      await mkdir(join(this.folder, sessionId), { recursive: true, mode: 0o700 });
      await appendFile(path, turns.map((turn) => `${JSON.stringify(turn)}\n`).join(''), { mode: 0o600 });
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
    return { record, turns: await this.readTurns(this.path(sessionId, 'turns.jsonl')) };
  }

  private async readTurns(path: string): Promise<Turn[]> {
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size === 0 || size > MAX_TURNS_BYTES) return [];
    const text = await readFile(path, 'utf8');
    const { turns, bytes } = readLines(text);
    if (bytes < size) {
      await truncate(path, bytes);
      const file = await open(path, 'r+');
      await file.sync().finally(() => file.close());
    }
    return turns;
  }
}
