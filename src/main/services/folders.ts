import { join } from 'node:path';

/** Where the app keeps what it owns; all below the user data folder. */
export interface DataFolders {
  readonly log: string;
  readonly settings: string;
  readonly memory: string;
  readonly secrets: string;
  /** Statistics, event log and notices. */
  readonly records: string;
  /** Conversations of earlier versions, one file each; the library has them now. */
  readonly conversations: string;
  readonly library: string;
  /** Attached files of the library by their hash. */
  readonly libraryFiles: string;
  /** Handshakes, agreements and the own record. */
  readonly trust: string;
  readonly sessions: string;
  readonly ownModels: string;
  /** The list of imported and fetched models. */
  readonly models: string;
  /** The list of paired computers. */
  readonly hosts: string;
  readonly node: string;
  readonly coordinatorFolder: string;
  readonly coordinatorDatabase: string;
}

export function dataFolders(userData: string): DataFolders {
  return {
    log: join(userData, 'logs', 'main.log'),
    settings: join(userData, 'settings.json'),
    memory: join(userData, 'state.json'),
    secrets: join(userData, 'secrets.json'),
    records: join(userData, 'records', 'records.sqlite'),
    conversations: join(userData, 'conversations'),
    library: join(userData, 'library'),
    libraryFiles: join(userData, 'library', 'files'),
    trust: join(userData, 'trust'),
    sessions: join(userData, 'sessions'),
    ownModels: join(userData, 'own-models.json'),
    models: join(userData, 'models.json'),
    hosts: join(userData, 'hosts.json'),
    node: join(userData, 'node'),
    coordinatorFolder: join(userData, 'coordinator'),
    coordinatorDatabase: join(userData, 'coordinator', 'coordinator.sqlite'),
  };
}

/** Files that come with the app. */
export interface ShippedFiles {
  readonly icons: string;
  readonly model: string;
}

/** @param resources - the system's folder of a packaged app, or the repository's `resources` */
export function shippedFiles(resources: string): ShippedFiles {
  return { icons: join(resources, 'icons'), model: join(resources, 'models', 'tore-tiny') };
}
