import { success } from '../../../protocol/result';
import type { HubImports } from '../../services/models/hub-imports';
import type { ModelShelf } from '../../services/models/model-shelf';
import type { CallRegistry } from '../call-registry';

export interface ModelsCallDependencies {
  readonly shelf: ModelShelf;
  readonly hub: HubImports;
  /** Opens the system's dialog; null when it was closed without a choice. */
  readonly pick: (what: 'file' | 'folder') => Promise<string | null>;
}

export function registerModelsCalls(calls: CallRegistry, { shelf, hub, pick }: ModelsCallDependencies): void {
  calls.registerCall('models:get', async () => success(await shelf.view()));
  calls.registerCall('models:refresh', async () => {
    await shelf.refresh();
    return success(await shelf.view());
  });
  calls.registerCall('models:choose-import', async ({ what }) => {
    const path = await pick(what);
    return path === null ? success(null) : shelf.importPaths([path]);
  });
  calls.registerCall('models:import-paths', ({ paths }) => shelf.importPaths(paths));
  calls.registerCall('models:cancel-import', () => {
    shelf.cancelImport();
    return success(null);
  });
  calls.registerCall('models:look-at-hub', (choice) => hub.look(choice));
  calls.registerCall('models:import-hub', (choice) => hub.import(choice));
  calls.registerCall('models:fit', ({ key, range }) => shelf.fit(key, range));
  calls.registerCall('models:serve', ({ key, range }) => shelf.serve(key, range));
  calls.registerCall('models:download', ({ key, range }) => shelf.download(key, range));
  calls.registerCall('models:pause-download', ({ key }) => shelf.pauseDownload(key));
  calls.registerCall('models:resume-download', ({ key }) => shelf.resumeDownload(key));
  calls.registerCall('models:remove', ({ key }) => shelf.remove(key));
  calls.registerCall('models:remove-shards', () => shelf.removeShards());
}
