import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { success, type Result } from '../../protocol/result';
import { readPrivateFile, writePrivateFile } from '../atomic-file';
import { nodeFailure, type NodeErrorCode } from '../errors';
import { REMOTE_LIMITS } from './remote-protocol';

const MAX_FILE_BYTES = 100_000;

const PairedController = Type.Object({
  key: Type.String({ minLength: 44, maxLength: 44 }),
  name: Type.String({ minLength: 1, maxLength: 80 }),
  pairedAt: Type.String({ maxLength: 40 }),
});
export type PairedController = Static<typeof PairedController>;
const PairedDocument = Type.Object({ paired: Type.Array(PairedController, { maxItems: REMOTE_LIMITS.maxPaired }) });

/** The apps that may steer this node, by their keys. */
export class PairedFile {
  private constructor(
    private readonly path: string,
    private controllers: readonly PairedController[],
  ) {}

  /** @returns `data-unreadable` for a damaged list: nobody is let in by guess, and nobody forgotten silently */
  static async open(path: string): Promise<Result<PairedFile, NodeErrorCode>> {
    const bytes = await readPrivateFile(path, MAX_FILE_BYTES);
    if (!bytes.ok) return bytes;
    if (bytes.value === null) return success(new PairedFile(path, []));
    try {
      const document: unknown = JSON.parse(Buffer.from(bytes.value).toString('utf8'));
      if (Value.Check(PairedDocument, document)) return success(new PairedFile(path, document.paired));
    } catch {
      // As damaged as one of another form.
    }
    return nodeFailure('data-unreadable', `The list of paired apps in ${path} is damaged.`, {
      suggestion: 'Move the file away and pair again.',
    });
  }

  get all(): readonly PairedController[] {
    return this.controllers;
  }

  find(key: string): PairedController | undefined {
    return this.controllers.find((one) => one.key === key);
  }

  async add(controller: PairedController): Promise<Result<void, NodeErrorCode>> {
    const others = this.controllers.filter(({ key }) => key !== controller.key);
    if (others.length >= REMOTE_LIMITS.maxPaired) {
      return nodeFailure('too-many-requests', `At most ${REMOTE_LIMITS.maxPaired} apps can be paired.`, {
        suggestion: 'Remove one of them first.',
      });
    }
    return this.write([...others, controller]);
  }

  remove(key: string): Promise<Result<void, NodeErrorCode>> {
    return this.write(this.controllers.filter((one) => one.key !== key));
  }

  private async write(paired: readonly PairedController[]): Promise<Result<void, NodeErrorCode>> {
    const written = await writePrivateFile(this.path, Buffer.from(JSON.stringify({ paired }, null, 2)));
    if (written.ok) this.controllers = paired;
    return written;
  }
}
