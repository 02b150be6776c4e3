import { join } from 'node:path';
import type { SettingsPatch } from '../../../contract/calls';
import type { Settings } from '../../../contract/settings';
import type { AppEvent, ModelCoverage, ModelSummary } from '../../../contract/snapshot';
import type { StartEngine } from '../../../node';
import type { Result } from '../../../protocol/result';
import type { CallRegistry } from '../../ipc/call-registry';
import { registerModelsCalls } from '../../ipc/calls/models-calls';
import type { SendEvent } from '../../ipc/send-event';
import { openElectronDocumentStore } from '../../storage/electron-document-store';
import type { Texts } from '../../texts/texts';
import type { FileDialogs } from '../../windows/file-dialogs';
import type { DataFolders } from '../folders';
import type { Log } from '../log';
import { ModelsService } from '../models-service';
import type { NodeService } from '../node-service';
import type { SecretVault } from '../secret-vault';
import type { Timers } from '../timers';
import { HubImports } from './hub-imports';
import { ModelShelf } from './model-shelf';
import type { ShelfDocument } from './shelf-document';

export interface ModelsOptions {
  readonly folders: DataFolders;
  readonly document: ShelfDocument;
  readonly shippedFolder: string;
  readonly appVersion: string;
  readonly startEngine: StartEngine;
  readonly nodeService: NodeService;
  readonly vault: SecretVault;
  readonly isVisible: () => boolean;
  readonly onModels: (models: readonly ModelSummary[]) => void;
  readonly onCoverage: (coverage: ModelCoverage | null) => void;
  readonly settings: () => Settings;
  readonly saveSettings: (patch: SettingsPatch) => Result<void>;
  readonly dialogs: () => FileDialogs;
  readonly send: SendEvent;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly texts: () => Texts;
  readonly timers: Timers;
  readonly log: Log;
}

export interface Models {
  /** What the coordinator says of its models. */
  readonly service: ModelsService;
  readonly shelf: ModelShelf;
  registerCalls(calls: CallRegistry): void;
  close(): Promise<void>;
}

/** Starts what looks after models: the coordinator's list, and the shelf of those on this computer. */
export function startModels(options: ModelsOptions): Models {
  const { folders, nodeService, send, timers, log } = options;
  let listed: readonly ModelSummary[] = [];
  const shelf = new ModelShelf({
    document: options.document,
    store: openElectronDocumentStore('models', join(folders.models, '..'), 'The list of models'),
    shippedFolder: options.shippedFolder,
    appVersion: options.appVersion,
    nodeFolder: folders.node,
    startEngine: options.startEngine,
    node: nodeService.node,
    hardware: () => nodeService.snapshot().hardware,
    listed: () => listed,
    settings: options.settings,
    saveSettings: options.saveSettings,
    onChange: () => send('models-changed', null),
    addEvent: options.addEvent,
    texts: options.texts,
    timers,
    log: log.child({ part: 'models' }),
  });
  const service = new ModelsService({
    source: nodeService,
    ownModelId: () => nodeService.ownModelId,
    isVisible: options.isVisible,
    onModels: (models) => {
      listed = models;
      options.onModels(models);
      shelf.listChanged();
    },
    onCoverage: options.onCoverage,
    timers,
    log,
  });
  return {
    service,
    shelf,
    registerCalls: (calls) =>
      registerModelsCalls(calls, {
        shelf,
        hub: new HubImports({
          shelf,
          nodeFolder: folders.node,
          vault: options.vault,
        }),
        pick: async (what) => (await options.dialogs().open('model', what))[0] ?? null,
      }),
    close: async () => {
      service.close();
      await shelf.close();
    },
  };
}
