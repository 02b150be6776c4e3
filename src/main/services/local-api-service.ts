import { join } from 'node:path';
import type { LocalApiSettings, LocalApiView } from '../../contract/local-api-calls';
import { ApiKeys, LocalApi, type ContributorNode, type NodeLogger } from '../../node';
import { success, type Failure, type Result } from '../../protocol/result';

export interface LocalApiDependencies {
  readonly node: Pick<ContributorNode, 'generate' | 'fetchJson'>;
  /** Folder of the node; the keys' file lies there, as `tore-node` has it. */
  readonly folder: string;
  readonly settings: () => LocalApiSettings;
  readonly saveSettings: (settings: LocalApiSettings) => Result<void>;
  readonly now: () => number;
  readonly logger: NodeLogger;
}

/** The endpoint for other programs of this computer, as the settings ask for it. */
export class LocalApiService {
  readonly #dependencies: LocalApiDependencies;
  readonly #api: LocalApi;
  #keys: ApiKeys | null = null;
  #baseUrl: string | null = null;
  #error: Failure | null = null;
  /** Openings and closings happen one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(dependencies: LocalApiDependencies) {
    this.#dependencies = dependencies;
    const { node, now, logger } = dependencies;
    this.#api = new LocalApi(
      {
        generate: (request, options) => node.generate(request, options),
        fetchJson: (path) => node.fetchJson(path),
        acceptsKey: (key) => this.#keys?.accepts(key) ?? false,
        nowMs: now,
      },
      logger,
    );
  }

  /** Opens the endpoint where the settings say so. What hinders it shows in the view. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#apply());
  }

  view(): LocalApiView {
    return {
      settings: this.#dependencies.settings(),
      baseUrl: this.#baseUrl,
      error: this.#error,
      keys: this.#keys?.list() ?? [],
    };
  }

  configure(settings: LocalApiSettings): Promise<Result<LocalApiView>> {
    return this.#inTurn(async () => {
      const saved = this.#dependencies.saveSettings(settings);
      if (!saved.ok) return saved;
      await this.#apply();
      return success(this.view());
    });
  }

  async createKey(name: string): Promise<Result<{ key: string; view: LocalApiView }>> {
    const keys = await this.#openKeys();
    const made = keys.ok ? await keys.value.create(name, this.#dependencies.now()) : keys;
    return made.ok ? success({ key: made.value.key, view: this.view() }) : made;
  }

  async removeKey(id: string): Promise<Result<LocalApiView>> {
    const keys = await this.#openKeys();
    const removed = keys.ok ? await keys.value.remove(id) : keys;
    return removed.ok ? success(this.view()) : removed;
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#api.close());
  }

  async #apply(): Promise<void> {
    await this.#api.close();
    this.#baseUrl = null;
    const keys = await this.#openKeys();
    this.#error = keys.ok ? null : keys.error;
    const { enabled, port } = this.#dependencies.settings();
    if (!enabled || !keys.ok) return;
    const opened = await this.#api.open(port);
    if (opened.ok) this.#baseUrl = opened.value.baseUrl;
    else this.#error = opened.error;
  }

  async #openKeys(): Promise<Result<ApiKeys>> {
    if (this.#keys !== null) return success(this.#keys);
    const opened = await ApiKeys.open(join(this.#dependencies.folder, 'api-keys.json'));
    if (opened.ok) this.#keys ??= opened.value;
    return opened.ok ? success(this.#keys ?? opened.value) : opened;
  }

  #inTurn<Value>(change: () => Promise<Value>): Promise<Value> {
    const changing = this.#lastChange.then(change);
    this.#lastChange = changing;
    return changing;
  }
}
