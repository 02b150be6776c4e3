import type { ChatMessage, Sampling } from '../../protocol/compute/model';
import type { CoordinatorConfig } from '../config';
import type { KnownModel } from '../models/model-catalogue';
import type { PipelinePlan, PlannedHop, Scheduler } from '../scheduling/scheduler';
import type { ChainHop } from './hop-chain';
import type { HopContext, HopFailure } from './hop-driver';
import { HttpHop } from './http-driver';
import type { RepairSources } from './pipeline-repair';
import { RelayHop } from './relay-driver';
import type { NodeLinks, RelayRouter } from './relay-router';

/** What all hops of one attempt share. */
export interface TeamRequest {
  readonly pipelineId: string;
  readonly model: KnownModel;
  readonly maxNewTokens: number;
  readonly text: { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };
  readonly sampling: Sampling;
}

/** The nodes of one attempt, and where others come from when one of them is lost. */
export interface Team {
  readonly hops: readonly ChainHop[];
  readonly repairs: RepairSources;
  /** The attempt ended: its nodes are free for others. */
  dismiss(): void;
}

/** Makes drivers for planned hops, and counts the nodes as busy for as long as they are needed. */
export class PipelineTeams {
  constructor(
    private readonly config: CoordinatorConfig,
    private readonly scheduler: Scheduler,
    private readonly links: NodeLinks,
    private readonly router: RelayRouter,
  ) {}

  assemble(request: TeamRequest, plan: PipelinePlan, failed: (planned: PlannedHop, failure: HopFailure) => void): Team {
    const { scheduler } = this;
    const modelId = request.model.manifest.model_id;
    const finishers = [scheduler.allocations.begin(plan.hops.map((hop) => hop.nodeId))];
    const hopOf = (planned: PlannedHop, hop: number, hops: number, takesOver: boolean): ChainHop => {
      const context = this.contextOf(request, plan, planned, hop, hops, takesOver);
      return { planned, driver: this.driverOf(context, planned), isLinked: false };
    };
    return {
      hops: plan.hops.map((planned, index) => hopOf(planned, index, plan.hops.length, false)),
      repairs: {
        cover: (range, excluded) => scheduler.cover(modelId, plan.manifestHash, range, excluded),
        plan: async (excluded) => {
          const other = await scheduler.plan(modelId, excluded);
          return other === null || other.manifestHash !== plan.manifestHash ? null : other.hops;
        },
        layersMissing: async () => (await scheduler.coverage(modelId))?.report.layersMissing ?? [],
        takeOver: (planned, hop, hops) => {
          finishers.push(scheduler.allocations.begin([planned.nodeId]));
          return hopOf(planned, hop, hops, true);
        },
        failed,
        waitMs: this.config.replacementWaitSeconds * 1_000,
      },
      dismiss: () => {
        for (const finish of finishers) finish();
      },
    };
  }

  private contextOf(
    request: TeamRequest,
    plan: PipelinePlan,
    planned: PlannedHop,
    hop: number,
    hops: number,
    takesOver: boolean,
  ): HopContext {
    return {
      pipelineId: request.pipelineId,
      nodeId: planned.nodeId,
      hop,
      hops,
      model: request.model,
      manifestHash: plan.manifestHash,
      range: planned.range,
      dtype: this.config.activationDtype,
      maxNewTokens: request.maxNewTokens,
      text: takesOver ? null : request.text,
      sampling: request.sampling,
      openTimeoutMs: this.config.openTimeoutSeconds * 1_000,
      stepTimeoutMs: this.config.stepTimeoutSeconds * 1_000,
      stepLimitMs: this.config.stepLimitSeconds * 1_000,
      links: { next: null, previousSecret: null },
    };
  }

  private driverOf(context: HopContext, { transport }: PlannedHop): ChainHop['driver'] {
    return transport.kind === 'ws-relay'
      ? new RelayHop(context, this.links, this.router)
      : new HttpHop(context, transport);
  }
}
