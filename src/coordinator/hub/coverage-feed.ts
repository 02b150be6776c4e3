import type { CoordinatorMessage, MessageOf } from '../../protocol/wire/messages';
import type { Logger } from '../logger';
import type { ModelCatalogue } from '../models/model-catalogue';
import type { Scheduler } from '../scheduling/scheduler';

type CoverageMessage = MessageOf<CoordinatorMessage, 'coverage'>;

/** Looking takes no more than a fifth of the time. */
const RESTS_PER_LOOK = 4;
const MIN_REST_MS = 50;
const MAX_REST_MS = 5_000;

/** Tells connected nodes when the coverage of a model changed, once per change, however many causes came together. */
export class CoverageFeed {
  private readonly lastByModel = new Map<string, { readonly text: string; readonly message: CoverageMessage }>();
  private isWanted = false;
  private work: Promise<void> | null = null;

  constructor(
    private readonly catalogue: ModelCatalogue,
    private readonly scheduler: Scheduler,
    private readonly broadcast: (message: CoverageMessage) => void,
    private readonly logger: Logger,
  ) {}

  /** Has the coverage looked at soon. */
  request(): void {
    this.isWanted = true;
    this.work ??= this.run().finally(() => {
      this.work = null;
    });
  }

  /** Tells a new connection what is known. */
  greet(connection: { send(message: CoverageMessage): Promise<boolean> }): void {
    for (const { message } of this.lastByModel.values()) void connection.send(message);
  }

  /** Resolves when nothing is left to look at. */
  async settled(): Promise<void> {
    while (this.work !== null) await this.work;
  }

  private async run(): Promise<void> {
    while (this.isWanted) {
      this.isWanted = false;
      const startedMs = performance.now();
      try {
        await this.look();
        // With thousands of nodes there is always a cause, and looking takes a while; the rest of the work comes first.
        await this.rest(RESTS_PER_LOOK * (performance.now() - startedMs));
      } catch (thrown) {
        this.logger.warn({ err: thrown }, 'the coverage could not be read');
        return;
      }
    }
  }

  /** Short looks are not worth waiting for. */
  private rest(restMs: number): Promise<void> {
    if (restMs < MIN_REST_MS) return Promise.resolve();
    return new Promise((resolve) => {
      setTimeout(resolve, Math.min(restMs, MAX_REST_MS));
    });
  }

  private async look(): Promise<void> {
    for (const model of this.catalogue.all()) {
      const modelId = model.manifest.model_id;
      const coverage = await this.scheduler.coverage(modelId);
      if (coverage === null) continue;
      const message: CoverageMessage = {
        type: 'coverage',
        model_id: modelId,
        available: coverage.report.available,
        layers_missing: [...coverage.report.layersMissing],
      };
      const text = JSON.stringify(message);
      if (this.lastByModel.get(modelId)?.text === text) continue;
      this.lastByModel.set(modelId, { text, message });
      this.broadcast(message);
    }
  }
}
