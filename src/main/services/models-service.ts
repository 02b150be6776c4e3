import type { ModelCoverage, ModelSummary } from '../../contract/snapshot';
import { modelPath } from '../../node';
import { ModelsAnswer, PipelineAnswer, RegistryAnswer } from './coordinator-answers';
import { readFromCoordinator, type CoordinatorSource } from './coordinator-reader';
import type { Log } from './log';
import { buildCoverage, summarizeModels } from './model-coverage';
import type { Timers } from './timers';

/** How often the lists are read while somebody looks; coverage events come in between. */
const VISIBLE_INTERVAL_MS = 30_000;
/** Events of a pipeline that forms come in a burst; one reading covers them. */
const BURST_MS = 300;

export interface ModelsServiceOptions {
  readonly source: CoordinatorSource;
  /** The model this computer serves or would serve, as far as it is known. */
  readonly ownModelId: () => string | null;
  readonly isVisible: () => boolean;
  readonly onModels: (models: readonly ModelSummary[]) => void;
  readonly onCoverage: (coverage: ModelCoverage | null) => void;
  readonly timers: Timers;
  readonly log: Log;
}

/** Keeps the list of models and the coverage of the own one current. */
export class ModelsService {
  readonly #options: ModelsServiceOptions;
  readonly #endInterval: () => void;
  #cancelBurst: (() => void) | null = null;
  #refreshing: Promise<void> | null = null;
  #again = false;
  #models: readonly ModelSummary[] = [];
  #contextLengths = new Map<string, number>();
  #coverage: ModelCoverage | null = null;

  constructor(options: ModelsServiceOptions) {
    this.#options = options;
    this.#endInterval = options.timers.every(VISIBLE_INTERVAL_MS, () => {
      if (options.isVisible()) this.refreshSoon();
    });
  }

  /** Positions of a model's context, where the coordinator says it. */
  contextLengthOf(modelId: string): number | null {
    return this.#contextLengths.get(modelId) ?? null;
  }

  /** Reads everything again shortly; calls in the meantime are one. */
  refreshSoon(): void {
    this.#cancelBurst ??= this.#options.timers.after(BURST_MS, () => {
      this.#cancelBurst = null;
      void this.refresh();
    });
  }

  /** Reads everything now; a call during a reading is answered by one more reading after it. */
  async refresh(): Promise<void> {
    if (this.#refreshing !== null) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
    if (this.#again) {
      this.#again = false;
      await this.refresh();
    }
  }

  /** Forgets what another coordinator said. */
  clear(): void {
    this.#contextLengths.clear();
    this.#setModels([]);
    this.#setCoverage(null);
  }

  close(): void {
    this.#endInterval();
    this.#cancelBurst?.();
  }

  async #read(): Promise<void> {
    const { source, ownModelId, log } = this.#options;
    const models = await readFromCoordinator(source, '/inference/models', ModelsAnswer);
    if (!models.ok) {
      // The node's own state says why the coordinator cannot be asked; old lists would claim that it can.
      log.debug({ code: models.error.code }, 'the models could not be read');
      this.clear();
      return;
    }
    this.#contextLengths = new Map(
      models.value.models.flatMap(({ model_id, context_length }) =>
        context_length === undefined ? [] : [[model_id, context_length] as const],
      ),
    );
    this.#setModels(summarizeModels(models.value));
    const modelId = ownModelId();
    if (modelId === null || !models.value.models.some(({ model_id }) => model_id === modelId)) {
      this.#setCoverage(null);
      return;
    }
    const [pipeline, registry] = await Promise.all([
      readFromCoordinator(source, `/inference/pipeline/${modelPath(modelId)}`, PipelineAnswer),
      readFromCoordinator(source, '/inference/shards/registry', RegistryAnswer),
    ]);
    if (pipeline.ok && registry.ok) {
      this.#setCoverage(buildCoverage(modelId, pipeline.value, registry.value, source.snapshot().nodeId));
    } else {
      log.warn({ pipeline: pipeline.ok, registry: registry.ok }, 'the coverage could not be read');
    }
  }

  #setModels(models: readonly ModelSummary[]): void {
    if (JSON.stringify(models) === JSON.stringify(this.#models)) return;
    this.#models = models;
    this.#options.onModels(models);
  }

  #setCoverage(coverage: ModelCoverage | null): void {
    if (JSON.stringify(coverage) === JSON.stringify(this.#coverage)) return;
    this.#coverage = coverage;
    this.#options.onCoverage(coverage);
  }
}
