import type { ChallengeService } from '../challenges/challenge-service';
import type { Logger } from '../logger';
import type { PlannedHop } from '../scheduling/scheduler';
import type { HopFailure } from './hop-driver';

/** Writes down what nodes did wrong in pipelines. */
export class NodeFaults {
  constructor(
    private readonly challenges: Pick<ChallengeService, 'recordFault'>,
    private readonly logger: Logger,
  ) {}

  /** A hop of an own node failed: logged, and where it answered wrongly held against it. */
  note(modelId: string, planned: PlannedHop, failure: HopFailure): void {
    this.logger.info({ code: failure.code, nodeId: failure.nodeId, modelId }, 'a node of a pipeline failed');
    if (!failure.isWrongAnswer) return;
    const blame = this.challenges.recordFault({
      nodeId: failure.nodeId,
      modelId,
      layerStart: planned.range.layer_start,
      layerEnd: planned.range.layer_end,
      what: failure.message,
    });
    void blame.catch((thrown: unknown) => this.logger.error({ err: thrown }, 'a fault could not be recorded'));
  }
}
