import { join } from 'node:path';
import type { HubChoice, HubModelView, ModelsView } from '../../../contract/models';
import { DEFAULT_HUB, describeHubModel, hubFolderName, readHubName, type HubRequest } from '../../../node';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { SecretVault } from '../secret-vault';
import { freeDiskBytes, HUB_MODELS_FOLDER } from './fetched-models';
import type { ModelShelf } from './model-shelf';

const TOKEN_PREFIX = 'hub-token:';

export interface HubImportsOptions {
  readonly shelf: Pick<ModelShelf, 'take' | 'view'>;
  /** Folder of the node's own files. */
  readonly nodeFolder: string;
  readonly vault: Pick<SecretVault, 'has' | 'read' | 'write'>;
}

/** Models of a hub, fetched whole to this computer. A token for a hub is kept in the vault and sent to that hub alone. */
export class HubImports {
  constructor(private readonly options: HubImportsOptions) {}

  /** What the hub has under a name, and whether there is room for it. */
  async look(choice: HubChoice): Promise<Result<HubModelView>> {
    const request = await this.requestFor(choice);
    if (!request.ok) return request;
    const described = await describeHubModel(request.value);
    if (!described.ok) return described;
    const { repository, commit, licence, files, totalBytes, choices } = described.value;
    const freeBytes = await freeDiskBytes(this.options.nodeFolder);
    return success({ repository, commit, licence, files: files.length, totalBytes, choices, freeBytes });
  }

  /** Fetches a model and puts it on the shelf. */
  async import(choice: HubChoice): Promise<Result<ModelsView>> {
    const request = await this.requestFor(choice);
    if (!request.ok) return request;
    const { shelf, nodeFolder } = this.options;
    const folder = join(nodeFolder, HUB_MODELS_FOLDER, hubFolderName(request.value));
    const { repository } = request.value;
    const taken = await shelf.take(repository, folder, (engine, options) =>
      engine.importHubModel({ ...request.value, folder }, options),
    );
    return taken.ok ? success(await shelf.view()) : taken;
  }

  private async requestFor({ name, endpoint, accessToken }: HubChoice): Promise<Result<HubRequest>> {
    const typed = name.trim();
    const read = readHubName(typed.startsWith('hub:') ? typed : `hub:${typed}`);
    if (read === null) {
      return mainFailure('model-invalid', `“${typed}” does not name a model of a hub.`, {
        suggestion: 'Write OWNER/NAME, as in the address of the model’s page.',
      });
    }
    const { vault } = this.options;
    const secret = `${TOKEN_PREFIX}${new URL(endpoint ?? DEFAULT_HUB).origin}`;
    if (accessToken !== null) {
      const kept = await vault.write(secret, accessToken);
      if (!kept.ok) return kept;
    }
    const token = accessToken === null && vault.has(secret) ? vault.read(secret) : success(accessToken);
    if (!token.ok) return token;
    return success({
      ...read,
      ...(endpoint === null ? {} : { endpoint }),
      ...(token.value === null ? {} : { accessToken: token.value }),
    });
  }
}
