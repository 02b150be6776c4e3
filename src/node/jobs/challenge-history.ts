import { join } from 'node:path';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { LayerRange } from '../../protocol/compute/model';
import type { ChallengeRecord } from '../../protocol/compute/node-snapshot';
import { success, type Result } from '../../protocol/result';
import { readPrivateFile, writePrivateFile } from '../atomic-file';
import { nodeFailure, type NodeErrorCode } from '../errors';
import type { NodeLogger } from '../logger';

/** 200 records with the longest messages, each character written as six bytes. */
const MAX_FILE_BYTES = 16 * 1_048_576;

const StoredRecords = Compile(
  Type.Array(
    Type.Object({
      taskId: Type.String({ maxLength: 200 }),
      modelId: Type.String({ maxLength: 200 }),
      range: LayerRange,
      receivedAt: Type.String({ maxLength: 40 }),
      durationMs: Type.Union([Type.Number(), Type.Null()]),
      verdict: Type.Union([
        Type.Literal('waiting'),
        Type.Literal('passed'),
        Type.Literal('failed'),
        Type.Literal('error'),
      ]),
      message: Type.String({ maxLength: 10_000 }),
    }),
    { maxItems: 1_000 },
  ),
);

/** The challenges of earlier runs, in a file of the node's data folder. */
export class ChallengeHistory {
  private readonly path: string;
  private waiting: readonly ChallengeRecord[] | null = null;
  private writing: Promise<void> | null = null;

  constructor(
    dataFolder: string,
    private readonly logger: NodeLogger,
  ) {
    this.path = join(dataFolder, 'challenges.json');
  }

  /** What is kept, newest first. A damaged file is an error; the history then starts anew. */
  async read(): Promise<Result<readonly ChallengeRecord[], NodeErrorCode>> {
    const bytes = await readPrivateFile(this.path, MAX_FILE_BYTES);
    if (!bytes.ok) return bytes;
    if (bytes.value === null) return success([]);
    try {
      const parsed: unknown = JSON.parse(Buffer.from(bytes.value).toString('utf8'));
      if (StoredRecords.Check(parsed)) return success(parsed);
    } catch {
      // Falls through to the one message below: damaged either way.
    }
    return nodeFailure('data-unreadable', `${this.path} is damaged; the list of challenges starts anew.`);
  }

  /** Keeps these records. Calls that come while one is written are joined into the next write. */
  keep(records: readonly ChallengeRecord[]): void {
    this.waiting = records;
    this.writing ??= this.writeWaiting();
  }

  /** Resolves when everything kept is on disk, or could not be written. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async writeWaiting(): Promise<void> {
    while (this.waiting !== null) {
      const records = this.waiting;
      this.waiting = null;
      const written = await writePrivateFile(this.path, Buffer.from(JSON.stringify(records)));
      if (!written.ok) this.logger.warn('The list of challenges was not kept', { reason: written.error.message });
    }
    this.writing = null;
  }
}
