import { join } from 'node:path';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { storageErrorOf } from './storage-error';

const HOLD_FILE = 'import.lock';
/** Whoever only looks whether an import runs lets go within this. */
const PATIENCE_MS = 200;

/**
 * Keeps other processes from importing into a library, and from clearing away what an import has not ended yet. The system
 * lets go of it with the process.
 *
 * @returns what lets others in again; null while another has it.
 */
export function holdImports(folder: string): (() => void) | null {
  let connection: DatabaseSyncInstance | null = null;
  try {
    const held = new DatabaseSync(join(folder, HOLD_FILE), { timeout: PATIENCE_MS });
    connection = held;
    held.exec('begin exclusive');
    return () => held.close();
  } catch (thrown) {
    connection?.close();
    const known = storageErrorOf(thrown);
    if (known?.failure.code === 'storage-busy') return null;
    throw known ?? thrown;
  }
}

/** The same for all work of one process on a library. */
export class ImportHold {
  readonly #folder: string;
  #count = 0;
  #letGo: (() => void) | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs work while no other process imports, or says that one does. */
  async during<Value, Refused>(work: () => Promise<Value>, refused: () => Refused): Promise<Value | Refused> {
    if (this.#count === 0) this.#letGo = holdImports(this.#folder);
    if (this.#letGo === null) return refused();
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) {
        this.#letGo();
        this.#letGo = null;
      }
    }
  }
}
