import { freemem } from 'node:os';
import { basename, join } from 'node:path';
import type { ModelFitView, ModelsView } from '../../../contract/models';
import type { SettingsPatch } from '../../../contract/calls';
import type { Settings } from '../../../contract/settings';
import type { AppEvent, ModelSummary } from '../../../contract/snapshot';
import {
  estimateFit,
  fetchedModelFolder,
  type ContributorNode,
  type DeviceMemory,
  type Engine,
  type StartEngine,
} from '../../../node';
import type { LayerRange, ModelManifest } from '../../../protocol/compute/model';
import type { HardwareReport } from '../../../protocol/compute/node-snapshot';
import { storedBytes } from '../../../protocol/compute/stored-bytes';
import { success, type Result } from '../../../protocol/result';
import { mainFailure } from '../../errors';
import type { DocumentStore } from '../../storage/electron-document-store';
import type { Texts } from '../../texts/texts';
import type { Log } from '../log';
import type { Timers } from '../timers';
import {
  folderBytes,
  freeDiskBytes,
  hubModelBytes,
  listFetchedModels,
  removeFetchedModel,
  removeHubModel,
  type FetchedModel,
} from './fetched-models';
import { ModelDownloads } from './model-downloads';
import { keptManifest, MAX_SHELF_MODELS, type DownloadRecord, type ShelfDocument } from './shelf-document';
import { diskView, fetchedKey, localKey, offeredKey, SHIPPED_KEY, shelfModels, type OfferedFact } from './shelf-view';

const BYTES_PER_MEBIBYTE = 1_048_576;
/** Progress comes far more often than anybody can read it. */
const TELL_MS = 300;
/** Manifests read for the sizes on the list; one asked for later is read then. */
const MAX_MANIFESTS_AHEAD = 30;

export interface ModelShelfOptions {
  readonly document: ShelfDocument;
  readonly store: DocumentStore;
  readonly shippedFolder: string;
  readonly appVersion: string;
  /** Folder of the node's own files. */
  readonly nodeFolder: string;
  readonly startEngine: StartEngine;
  readonly node: Pick<ContributorNode, 'models'>;
  readonly hardware: () => HardwareReport | null;
  /** The coordinator's list as it was last read. */
  readonly listed: () => readonly ModelSummary[];
  readonly settings: () => Settings;
  readonly saveSettings: (patch: SettingsPatch) => Result<void>;
  readonly onChange: () => void;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly texts: () => Texts;
  readonly timers: Timers;
  readonly log: Log;
}

/** Reads a model with an engine; its files may have to be fetched for it. */
export type ReadModel = (
  engine: Engine,
  options: Parameters<Engine['readModel']>[1],
) => Promise<Result<{ readonly manifest: ModelManifest; readonly manifestHash: string }>>;

/** A model and how it is served. */
interface Found {
  readonly manifest: ModelManifest;
  readonly source:
    { readonly kind: 'folder'; readonly path: string | null } | { readonly kind: 'offered'; readonly modelId: string };
}

/** The models this computer has or could have: shipped, imported, offered and fetched; and the disk they take. */
export class ModelShelf {
  readonly #options: ModelShelfOptions;
  readonly #downloads: ModelDownloads;
  #document: ShelfDocument;
  #fetched: readonly FetchedModel[] = [];
  #hubBytes: ReadonlyMap<string, number> = new Map();
  #shardBytes = 0;
  #freeBytes: number | null = null;
  #offered = new Map<string, OfferedFact>();
  #offeredProblem: string | null = null;
  #importing: { readonly name: string; readonly fraction: number; readonly controller: AbortController } | null = null;
  #cancelTell: (() => void) | null = null;
  #looked = false;
  /** Downloads whose end was told. */
  readonly #told = new Set<string>();

  constructor(options: ModelShelfOptions) {
    this.#options = options;
    this.#document = options.document;
    this.#downloads = new ModelDownloads({
      records: options.document.downloads,
      startEngine: options.startEngine,
      offered: (modelId) => options.node.models.offered(modelId),
      folderOf: (hash) => fetchedModelFolder(options.nodeFolder, hash),
      isNodeFetching: (modelId) => this.#isNodeFetching(modelId),
      onRecords: (downloads) => {
        this.#save({ downloads: [...downloads] });
        this.#tellFinished(downloads);
        void this.#lookAtDisk().then(() => this.#tell());
      },
      onProgress: () => this.#tell(),
      timers: options.timers,
      log: options.log,
    });
  }

  /** Goes on with downloads of the last start. */
  start(): void {
    this.#downloads.start();
  }

  async view(): Promise<ModelsView> {
    if (!this.#looked) {
      this.#looked = true;
      void this.refresh();
    }
    const { shippedFolder, settings, listed } = this.#options;
    const { shipped, locals } = this.#document;
    const models = shelfModels({
      shipped: shipped === null ? null : { folder: shippedFolder, ...shipped },
      locals,
      listed: listed(),
      offered: this.#offered,
      downloads: this.#downloads.records,
      downloadOf: (modelId) => this.#downloads.viewOf(modelId),
      fetched: this.#fetched,
      hubBytes: this.#hubBytes,
      contribution: settings().contribution,
    });
    const importing = this.#importing;
    return {
      models,
      importing: importing === null ? null : { name: importing.name, fraction: importing.fraction },
      disk: diskView({ fetched: this.#fetched, hubBytes: this.#hubBytes }, this.#shardBytes, this.#freeBytes),
      offeredProblem: this.#offeredProblem,
    };
  }

  /** Looks at the disk and at what the coordinator offers. */
  async refresh(): Promise<void> {
    this.#looked = true;
    await Promise.all([this.#lookAtDisk(), this.#readShipped(), this.#readOffered()]);
    this.#tell();
  }

  /** The choice of what to serve may be another one. */
  settingsChanged(): void {
    this.#tell();
  }

  /** The coordinator's list is another one, or another coordinator's. */
  listChanged(): void {
    const ids = new Set(this.#options.listed().map(({ modelId }) => modelId));
    for (const modelId of this.#offered.keys()) if (!ids.has(modelId)) this.#offered.delete(modelId);
    if (this.#looked) void this.#readOffered().then(() => this.#tell());
  }

  /** Reads folders or GGUF files and puts them on the shelf; they stay where they are. */
  async importPaths(paths: readonly string[]): Promise<Result<ModelsView>> {
    for (const path of paths) {
      const imported = await this.take(basename(path), path, (engine, options) => engine.readModel(path, options));
      if (!imported.ok) return imported;
    }
    return success(await this.view());
  }

  /**
   * Puts a model on the shelf, or back on it; one at a time. Stopping it is no failure.
   *
   * @param name - for the progress on show
   * @param path - folder or file the model lies in when it has been read
   */
  async take(name: string, path: string, read: ReadModel): Promise<Result<void>> {
    if (this.#importing !== null)
      return mainFailure('model-in-use', 'Another model is being read.', { retryable: true });
    if (this.#document.locals.length >= MAX_SHELF_MODELS) {
      return mainFailure('model-invalid', `At most ${MAX_SHELF_MODELS} models of this computer are kept on the list.`);
    }
    const controller = new AbortController();
    this.#importing = { name, fraction: 0, controller };
    this.#tell();
    try {
      const done = await this.#read(read, controller.signal);
      if (!done.ok) return done.error.code === 'cancelled' ? success(undefined) : done;
      const { manifest, manifestHash } = done.value;
      const { locals, nextLocalId } = this.#document;
      const known = locals.find((one) => one.path === path);
      const model = { id: known?.id ?? nextLocalId, path, manifestHash, manifest: keptManifest(manifest) };
      this.#save({
        locals: [...locals.filter((one) => one !== known), model],
        nextLocalId: known === undefined ? nextLocalId + 1 : nextLocalId,
      });
      return success(undefined);
    } finally {
      this.#importing = null;
      await this.#lookAtDisk();
      this.#tell();
    }
  }

  cancelImport(): void {
    this.#importing?.controller.abort();
  }

  async fit(key: string, range: LayerRange | null): Promise<Result<ModelFitView>> {
    const found = await this.#find(key);
    if (!found.ok) return found;
    const { manifest, source } = found.value;
    const asked = rangeIn(manifest, range);
    if (!asked.ok) return asked;
    const fit = estimateFit(manifest, asked.value, this.#devices());
    return success({ ...fit, downloadBytes: source.kind === 'offered' ? storedBytes(manifest, asked.value) : 0 });
  }

  /** Makes this computer serve a model; the node loads it as its rules allow. */
  async serve(key: string, range: LayerRange | null): Promise<Result<null>> {
    const found = await this.#find(key);
    if (!found.ok) return found;
    const { manifest, source } = found.value;
    const asked = rangeIn(manifest, range);
    if (!asked.ok) return asked;
    // The node fetches into the same folder and goes on where the download stopped.
    if (source.kind === 'offered') await this.#downloads.pause(source.modelId);
    const saved = this.#options.saveSettings({
      contribution: {
        modelFolder: source.kind === 'folder' ? source.path : null,
        modelId: source.kind === 'offered' ? source.modelId : null,
        layerChoice:
          range === null
            ? { kind: 'automatic' }
            : { kind: 'range', start: asked.value.layer_start, end: asked.value.layer_end },
      },
    });
    this.#tell();
    return saved.ok ? success(null) : saved;
  }

  async download(key: string, range: LayerRange | null): Promise<Result<null>> {
    const modelId = modelIdOf(key);
    if (modelId === null) return mainFailure('model-invalid', 'This model is on this computer already.');
    if (this.#isNodeFetching(modelId)) return nodeFetches();
    const offered = await this.#options.node.models.offered(modelId);
    if (!offered.ok) return offered;
    const asked = rangeIn(offered.value.manifest, range);
    if (!asked.ok) return asked;
    if (this.#downloads.records.length >= MAX_SHELF_MODELS) {
      return mainFailure('model-invalid', `At most ${MAX_SHELF_MODELS} downloads are kept.`, {
        suggestion: 'Remove one first.',
      });
    }
    this.#downloads.add(offered.value, asked.value);
    return success(null);
  }

  async pauseDownload(key: string): Promise<Result<null>> {
    await this.#downloads.pause(modelIdOf(key) ?? '');
    return success(null);
  }

  resumeDownload(key: string): Result<null> {
    const modelId = modelIdOf(key) ?? '';
    if (this.#isNodeFetching(modelId)) return nodeFetches();
    this.#downloads.resume(modelId);
    return success(null);
  }

  async remove(key: string): Promise<Result<null>> {
    const { models } = await this.view();
    const model = models.find((one) => one.key === key);
    if (model === undefined || key === SHIPPED_KEY)
      return mainFailure('model-invalid', 'This model cannot be removed.');
    if (model.chosen) {
      return mainFailure('model-in-use', `This computer is to serve ${model.friendlyName}.`, {
        suggestion: 'Choose another model to serve first.',
      });
    }
    const local = this.#document.locals.find(({ id }) => localKey(id) === key);
    if (local !== undefined) {
      this.#save({ locals: this.#document.locals.filter((one) => one !== local) });
      // What the app fetched from a hub is the app's to delete; a person's own files stay.
      if (await removeHubModel(this.#options.nodeFolder, local.path)) await this.#lookAtDisk();
    } else {
      const hash = this.#hashOf(key);
      await this.#downloads.forget(model.modelId);
      if (hash !== null) await removeFetchedModel(join(this.#options.nodeFolder, 'models'), hash);
      await this.#lookAtDisk();
    }
    this.#tell();
    return success(null);
  }

  async removeShards(): Promise<Result<{ freedBytes: number }>> {
    await this.#lookAtDisk();
    const before = this.#shardBytes;
    const removed = await this.#options.node.models.removeCutShards();
    await this.#lookAtDisk();
    this.#tell();
    return removed.ok ? success({ freedBytes: Math.max(0, before - this.#shardBytes) }) : removed;
  }

  async close(): Promise<void> {
    this.#cancelTell?.();
    this.#importing?.controller.abort();
    await this.#downloads.close();
  }

  #isNodeFetching(modelId: string): boolean {
    const { settings, node } = this.#options;
    return settings().contribution.modelId === modelId && node.models.isLoading;
  }

  #devices(): DeviceMemory[] {
    const { hardware, settings } = this.#options;
    const { contribution, policy } = settings();
    const known = hardware();
    const limitBytes = contribution.memoryBudgetMb * BYTES_PER_MEBIBYTE;
    const graphics = (known?.gpus ?? []).flatMap(({ model, memoryBytes }, index) => {
      const { vramMb } = policy.idle;
      const limit = vramMb === null ? null : vramMb * BYTES_PER_MEBIBYTE;
      const budgetBytes = memoryBytes === null ? limit : Math.min(memoryBytes, limit ?? memoryBytes);
      return budgetBytes === null ? [] : [{ device: `gpu${index}`, name: model, budgetBytes }];
    });
    const cpu = { device: 'cpu', name: known?.cpuModel ?? 'CPU', budgetBytes: Math.min(limitBytes, freemem()) };
    return [cpu, ...graphics];
  }

  async #find(key: string): Promise<Result<Found>> {
    const { shipped, locals } = this.#document;
    if (key === SHIPPED_KEY && shipped !== null) {
      return success({ manifest: shipped.manifest, source: { kind: 'folder', path: null } });
    }
    const local = locals.find(({ id }) => localKey(id) === key);
    if (local !== undefined) return success({ manifest: local.manifest, source: { kind: 'folder', path: local.path } });
    const modelId = modelIdOf(key);
    if (modelId === null) return mainFailure('model-invalid', 'There is no such model any more.');
    const source = { kind: 'offered', modelId } as const;
    const known = this.#offered.get(modelId);
    if (known?.kind === 'known') return success({ manifest: known.manifest, source });
    const offered = await this.#options.node.models.offered(modelId);
    return offered.ok ? success({ manifest: offered.value.manifest, source }) : offered;
  }

  /** Hash of the manifest whose layers were fetched for a row of the list. */
  #hashOf(key: string): string | null {
    const stray = this.#fetched.find(({ manifestHash }) => fetchedKey(manifestHash) === key);
    if (stray !== undefined) return stray.manifestHash;
    const modelId = modelIdOf(key);
    if (modelId === null) return null;
    const record = this.#downloads.records.find((one) => one.modelId === modelId);
    const fact = this.#offered.get(modelId);
    return record?.manifestHash ?? (fact?.kind === 'known' ? fact.manifestHash : null);
  }

  /** Reads and checks a model in an engine of its own, which ends afterwards. */
  async #read(read: ReadModel, signal?: AbortSignal): ReturnType<ReadModel> {
    const started = await this.#options.startEngine();
    if (!started.ok) return started;
    const { engine } = started.value;
    const onProgress = (fraction: number): void => {
      if (this.#importing !== null) this.#importing = { ...this.#importing, fraction };
      this.#tell();
    };
    try {
      return await read(engine, signal === undefined ? {} : { signal, onProgress });
    } finally {
      await engine.close();
    }
  }

  async #readShipped(): Promise<void> {
    const { appVersion, shippedFolder, log } = this.#options;
    if (this.#document.shipped?.appVersion === appVersion) return;
    const read = await this.#read((engine) => engine.readModel(shippedFolder));
    if (!read.ok) return log.warn({ code: read.error.code }, 'the shipped model could not be read');
    const { manifest, manifestHash } = read.value;
    this.#save({ shipped: { appVersion, manifestHash, manifest: keptManifest(manifest) } });
  }

  async #readOffered(): Promise<void> {
    let problem: string | null = null;
    for (const { modelId } of this.#options.listed().slice(0, MAX_MANIFESTS_AHEAD)) {
      if (this.#offered.get(modelId)?.kind === 'known') continue;
      const offered = await this.#options.node.models.offered(modelId);
      if (offered.ok) {
        const { manifest, manifestHash } = offered.value;
        this.#offered.set(modelId, { kind: 'known', manifest: keptManifest(manifest), manifestHash });
        continue;
      }
      this.#offered.set(modelId, { kind: 'unknown', problem: offered.error.message });
      if (offered.error.retryable) problem = offered.error.message;
      if (offered.error.retryable) break;
    }
    this.#offeredProblem = problem;
  }

  async #lookAtDisk(): Promise<void> {
    const { nodeFolder } = this.#options;
    [this.#fetched, this.#hubBytes, this.#shardBytes, this.#freeBytes] = await Promise.all([
      listFetchedModels(join(nodeFolder, 'models')),
      hubModelBytes(nodeFolder),
      folderBytes(join(nodeFolder, 'shards')),
      freeDiskBytes(nodeFolder),
    ]);
  }

  #tellFinished(downloads: readonly DownloadRecord[]): void {
    for (const { modelId, state, manifest } of downloads) {
      const before = this.#options.document.downloads.find((one) => one.modelId === modelId)?.state.kind;
      if (state.kind === 'done' && before !== 'done' && !this.#told.has(modelId)) {
        this.#options.addEvent('notice', this.#options.texts().events.layersHere(manifest.friendly_name));
        this.#told.add(modelId);
      }
      if (state.kind !== 'done') this.#told.delete(modelId);
    }
  }

  #save(changes: Partial<ShelfDocument>): void {
    this.#document = { ...this.#document, ...changes };
    const saved = this.#options.store.write({ ...this.#document });
    if (!saved.ok) this.#options.log.warn({ code: saved.error.code }, 'the list of models could not be written');
  }

  #tell(): void {
    this.#cancelTell ??= this.#options.timers.after(TELL_MS, () => {
      this.#cancelTell = null;
      this.#options.onChange();
    });
  }
}

function nodeFetches(): Result<never> {
  return mainFailure('model-in-use', 'This computer is fetching layers of it already, in order to serve them.', {
    retryable: true,
  });
}

const OFFERED_PREFIX = offeredKey('');

function modelIdOf(key: string): string | null {
  return key.startsWith(OFFERED_PREFIX) ? key.slice(OFFERED_PREFIX.length) : null;
}

/** The range asked for, or the whole model. */
function rangeIn(manifest: ModelManifest, range: LayerRange | null): Result<LayerRange> {
  const last = manifest.total_layers - 1;
  if (range === null) return success({ layer_start: 0, layer_end: last });
  if (range.layer_start <= range.layer_end && range.layer_end <= last) return success(range);
  return mainFailure('model-invalid', `${manifest.friendly_name} has layers 0 to ${last}.`, {
    suggestion: 'Choose other layers.',
  });
}
