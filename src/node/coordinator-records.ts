import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { Result } from '../protocol/result';
import { success } from '../protocol/result';
import { readPrivateFile, writePrivateFile } from './atomic-file';
import { nodeFailure, type NodeErrorCode } from './errors';

/** What this node must remember about a coordinator: baseline coordinators do not tell a known key its node id. */
const CoordinatorRecord = Type.Object({
  baseUrl: Type.String({ maxLength: 2_000 }),
  publicKey: Type.String({ maxLength: 200 }),
  nodeId: Type.String({ minLength: 1, maxLength: 200 }),
  /** Of the hardware it was last told. */
  fingerprint: Type.String({ maxLength: 200 }),
});
export type CoordinatorRecord = Static<typeof CoordinatorRecord>;

/** Coordinators remembered; the oldest is forgotten first. */
const MAX_RECORDS = 200;
const MAX_FILE_BYTES = 1_048_576;
const storedRecords = Compile(Type.Array(CoordinatorRecord, { maxItems: MAX_RECORDS }));

/** The coordinators this node registered with, in a file of its data folder. */
export class CoordinatorRecords {
  private readonly path: string;

  constructor(dataFolder: string) {
    this.path = join(dataFolder, 'coordinators.json');
  }

  async find(baseUrl: string, publicKey: string): Promise<Result<CoordinatorRecord | null, NodeErrorCode>> {
    const records = await this.read();
    if (!records.ok) return records;
    return success(
      records.value.find((record) => record.baseUrl === baseUrl && record.publicKey === publicKey) ?? null,
    );
  }

  async save(record: CoordinatorRecord): Promise<Result<void, NodeErrorCode>> {
    const records = await this.read();
    if (!records.ok) return records;
    const others = records.value.filter(
      ({ baseUrl, publicKey }) => baseUrl !== record.baseUrl || publicKey !== record.publicKey,
    );
    const kept = [record, ...others].slice(0, MAX_RECORDS);
    return writePrivateFile(this.path, Buffer.from(JSON.stringify(kept, null, 2)));
  }

  private async read(): Promise<Result<CoordinatorRecord[], NodeErrorCode>> {
    const bytes = await readPrivateFile(this.path, MAX_FILE_BYTES);
    if (!bytes.ok) return bytes;
    if (bytes.value === null) return success([]);
    try {
      const parsed: unknown = JSON.parse(Buffer.from(bytes.value).toString('utf8'));
      if (storedRecords.Check(parsed)) return success(parsed);
    } catch {
      // Falls through to the one message below: damaged either way.
    }
    return nodeFailure('data-unreadable', `${this.path} is damaged; it holds this node's ids at its coordinators.`, {
      suggestion:
        'Restore the file from a backup, or remove it; coordinators with a WebSocket know this node by its key.',
    });
  }
}
