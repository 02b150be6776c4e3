import {
  deviceName,
  type DeviceLimit,
  type DeviceLimits,
  type LoadedModel,
  type LongCallOptions,
  type ModelSource,
} from '../../inference';
import type { LayerRange, ModelManifest } from '../../protocol/compute/model';
import type { HeldPrecision } from '../../protocol/compute/run-preferences';
import { success, type Result } from '../../protocol/result';
import type { HubPreferences } from '../contributor-options';
import { modelPath } from '../coordinator-client/coordinator-url';
import { readSuggestion, type SuggestedLayers } from '../coordinator-client/reading';
import { nodeFailure } from '../errors';
import { readFreeMemoryBytes, type HardwareReader } from '../hardware/hardware-facts';
import type { NodeLogger } from '../logger';
import type { NodeView } from '../node-view';
import type { LayerChoice } from '../policy/policy-inputs';
import type { WorkDevice } from '../policy/work-devices';
import { readHubName } from './hub-model';
import { readOfferedModel, type OfferedModel } from './offered-model';
import { chooseRange, fitRange, fitTogether, memoryBudget, type ChosenRange } from './shard-choice';
import type { LoadPlan, ShardKeeper } from './shard-keeper';

const BYTES_PER_GIB = 1_073_741_824;

/** What shall be in memory, from the person's preferences. */
export interface ShardWish {
  /** The coordinator whose models or suggestions are meant; null where the person decided everything. */
  readonly coordinatorUrl: string | null;
  readonly modelFolder: string | null;
  /** A model of the coordinator's list, or `hub:OWNER/NAME` for one of a hub, where there is no folder. */
  readonly modelId: string | null;
  /** Which hub that is. */
  readonly hub?: HubPreferences | undefined;
  readonly layerChoice: LayerChoice;
  /** How weights are held; null: as the coordinator suggests. */
  readonly precision: HeldPrecision | null;
  readonly cpuThreads: number | null;
  readonly memoryBudgetBytes: number | null;
  /** Execution providers of which one may run it, best first; null leaves it to the engine. */
  readonly providers: readonly string[] | null;
  /** Devices that hold it together, in place of one provider; left out: one provider runs all layers. */
  readonly devices?: readonly WorkDevice[];
  /** Why other devices of this computer are not among them. */
  readonly deviceReasons?: readonly string[];
  /** Whether the processor may run it where no other provider can. */
  readonly mayUseCpu: boolean;
}

/** Layers the person and the coordinator agreed on. */
export interface AgreedLayers {
  readonly modelId: string;
  readonly range: LayerRange;
}

export interface ShardPlannerOptions {
  readonly keeper: ShardKeeper;
  readonly hardwareReader: HardwareReader;
  readonly view: NodeView;
  readonly logger: NodeLogger;
  /** Reads a JSON document of the coordinator. */
  readonly fetchJson: (path: string) => Promise<Result<unknown>>;
  /** Where the coordinator offers its models' files. */
  readonly coordinator: () => Promise<Result<ModelSource>>;
}

/** Finds out which layers to hold and how, and brings the model's files here. */
export class ShardPlanner {
  constructor(private readonly options: ShardPlannerOptions) {}

  /**
   * @param agreed - layers that come before what the coordinator would suggest, or null
   * @param options - `onProgress` hears how much of the model's files is here
   */
  async plan(
    wish: ShardWish,
    agreed: AgreedLayers | null,
    options: { readonly signal: AbortSignal; readonly onProgress: (fraction: number) => void },
  ): Promise<Result<LoadPlan>> {
    const { hardwareReader } = this.options;
    options.onProgress(0);
    const source = await this.openModel(wish, options);
    if (!source.ok) return source;
    const free = await readFreeMemoryBytes(hardwareReader);
    if (!free.ok) return free;
    const budgetBytes = memoryBudget(wish.memoryBudgetBytes, free.value);
    const devices = wish.devices?.map((device): DeviceLimit => ({
      ...device,
      memoryBudgetBytes: device.memoryBudgetBytes ?? budgetBytes,
    }));
    const { manifest } = source.value;
    const agreedRange = agreed?.modelId === manifest.model_id ? agreed.range : null;
    const mayShrink = wish.layerChoice.kind === 'automatic';
    const isOpen = wish.precision === null || (mayShrink && agreedRange === null);
    const roomBytes = devices?.reduce((sum, device) => sum + device.memoryBudgetBytes, 0) ?? budgetBytes;
    const suggestion = isOpen ? await this.askForSuggestion(manifest.model_id, roomBytes, wish.precision) : null;
    const precision = wish.precision ?? suggestion?.precision ?? 'fp32';
    const wished = chooseRange(wish.layerChoice, manifest, agreedRange ?? suggestion?.range ?? null);
    if (!wished.ok) return wished;
    const chosen =
      devices === undefined
        ? this.fit(wished.value, precision, manifest, budgetBytes, wish)
        : this.fitTogether(wished.value, precision, manifest, { devices, mainMemoryBytes: budgetBytes }, mayShrink);
    if (options.signal.aborted) return nodeFailure('cancelled', 'Loading was cancelled.');
    const model = await this.obtainLayers(source.value, chosen.range, options);
    if (!model.ok) return model;
    const { cpuThreads, providers, deviceReasons = [], mayUseCpu } = wish;
    const memory = { memoryBudgetBytes: budgetBytes, mayShrink };
    const where = { cpuThreads, providers, devices, deviceReasons, mayUseCpu };
    return success({ model: model.value, chosen, precision, ...memory, ...where });
  }

  /** As `fit`, over several devices. */
  private fitTogether(
    wished: ChosenRange,
    precision: HeldPrecision,
    manifest: ModelManifest,
    limits: DeviceLimits,
    mayShrink: boolean,
  ): ChosenRange {
    const range = mayShrink ? fitTogether(wished.range, manifest.shape, precision, limits) : wished.range;
    const budgets = limits.devices.map((device) => `${deviceName(device)}: ${device.memoryBudgetBytes}`);
    this.options.logger.info('Layers were chosen for several devices', {
      range: `${range.layer_start}-${range.layer_end}`,
      precision,
      budgetBytes: budgets.join(', '),
    });
    return { ...wished, range };
  }

  /** Fits the range into the memory before anything is fetched or cut for it, and writes down what is expected of it. */
  private fit(
    wished: ChosenRange,
    precision: HeldPrecision,
    manifest: ModelManifest,
    budgetBytes: number,
    wish: ShardWish,
  ): ChosenRange {
    const { hardware } = this.options.view.snapshot();
    const isMeasured = hardware !== null && hardware.memoryGigabytesPerSecond > 0 && hardware.matmulGflops > 0;
    const measured = isMeasured
      ? { memoryGigabytesPerSecond: hardware.memoryGigabytesPerSecond, matmulGflopsPerSecond: hardware.matmulGflops }
      : undefined;
    const device = { device: wish.providers?.[0] ?? 'cpu', budgetBytes, measured };
    const mayShrink = wish.layerChoice.kind === 'automatic';
    const { range, fit } = fitRange(wished.range, manifest.shape, precision, device, mayShrink);
    this.options.logger.info('Layers were chosen', {
      range: `${range.layer_start}-${range.layer_end}`,
      precision,
      budgetBytes,
      neededBytes: fit?.estimate.totalBytes,
      expectedTokensPerSecond: fit?.tokensPerSecond ?? undefined,
    });
    return { ...wished, range };
  }

  /** What is to be served: a folder that was read, or a model whose layers are still to be fetched. */
  private async openModel(wish: ShardWish, options: LongCallOptions): Promise<Result<LoadedModel | OfferedModel>> {
    const { keeper, fetchJson, coordinator } = this.options;
    if (wish.modelFolder !== null) return keeper.readModel(wish.modelFolder, options);
    if (wish.modelId !== null) {
      const source = await coordinator();
      if (!source.ok) return source;
      const hub = readHubName(wish.modelId);
      if (hub === null) return readOfferedModel(wish.modelId, fetchJson, source.value);
      // Where the coordinator knows the model, only the layers served are fetched, and no other file.
      const offered = hub.file === undefined ? await readOfferedModel(hub.repository, fetchJson, source.value) : null;
      if (offered?.ok === true) return offered;
      return keeper.importHubModel({ ...wish.hub, ...hub }, options);
    }
    return nodeFailure('model-unset', 'No model is chosen, so there is nothing to serve.', {
      suggestion: 'Choose a model of the coordinator, or a folder with one.',
    });
  }

  private async obtainLayers(
    model: LoadedModel | OfferedModel,
    range: LayerRange,
    options: LongCallOptions,
  ): Promise<Result<LoadedModel>> {
    if ('folder' in model) return success(model);
    return this.options.keeper.fetchLayers(model, range, options);
  }

  private async askForSuggestion(
    modelId: string,
    budgetBytes: number,
    precision: HeldPrecision | null,
  ): Promise<SuggestedLayers | null> {
    const gib = Math.round((budgetBytes / BYTES_PER_GIB) * 1_000) / 1_000;
    const held = precision === null ? '' : `&precision=${precision}`;
    const answer = await this.options.fetchJson(`/inference/suggest/${modelPath(modelId)}?vram_gb=${gib}${held}`);
    if (answer.ok) return readSuggestion(answer.value);
    this.options.logger.info('The coordinator suggested nothing; this node chooses itself', {
      reason: answer.error.message,
    });
    return null;
  }
}
