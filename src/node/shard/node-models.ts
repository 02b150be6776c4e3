import type { ModelSource } from '../../inference';
import { success, type Result } from '../../protocol/result';
import { nodeFailure } from '../errors';
import { readOfferedModel, type OfferedModel } from './offered-model';
import type { ShardKeeper } from './shard-keeper';
import type { ShardService } from './shard-service';

/** What those who look after the models on this computer ask of its node. */
export class NodeModels {
  constructor(
    private readonly keeper: ShardKeeper,
    private readonly shards: ShardService,
    private readonly fetchJson: (path: string) => Promise<Result<unknown>>,
    private readonly source: () => Promise<Result<ModelSource>>,
  ) {}

  /** A model of the coordinator's list, and where its layers can be fetched. */
  async offered(modelId: string): Promise<Result<OfferedModel>> {
    const source = await this.source();
    return source.ok ? readOfferedModel(modelId, this.fetchJson, source.value) : source;
  }

  /** Whether layers are being fetched, cut or loaded. */
  get isLoading(): boolean {
    return this.shards.isLoading;
  }

  /** Removes cut shards that are not in memory; refused while one is made. They can be cut again. */
  async removeCutShards(): Promise<Result<void>> {
    if (this.isLoading) {
      return nodeFailure('not-serving', 'Layers are being loaded, and may be among them.', {
        retryable: true,
        suggestion: 'Wait until they are loaded, or pause.',
      });
    }
    await this.keeper.removeCutShards();
    return success(undefined);
  }

  /** The person's answer to the coordinator's proposal to hold other layers. */
  answerMove(accepted: boolean): Promise<Result<void>> {
    return this.shards.moves.answer(accepted);
  }
}
