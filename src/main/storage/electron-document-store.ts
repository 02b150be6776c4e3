import ElectronStore from 'electron-store';
import { success, type Result } from '../../protocol/result';
import type { MainErrorCode } from '../errors';
import { writeFailure } from './atomic-file';

/** A JSON object on disk that is replaced as a whole. */
export interface DocumentStore {
  write(document: Record<string, unknown>): Result<void, MainErrorCode>;
}

/**
 * The file `<name>.json` in the app's user data folder.
 * The file must be absent or JSON: electron-store refuses to open anything else.
 * @param what - the thing that is kept, for the message of a failure
 */
export function openElectronDocumentStore(name: string, folder: string, what: string): DocumentStore {
  const store = new ElectronStore<Record<string, unknown>>({ name, cwd: folder, accessPropertiesByDotNotation: false });
  return {
    write(document) {
      try {
        store.store = document;
        return success(undefined);
      } catch (thrown) {
        return writeFailure(what, thrown);
      }
    },
  };
}
