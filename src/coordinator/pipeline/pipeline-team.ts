import type { ChatMessage, Sampling } from '../../protocol/compute/model';
import type { DirectPeer } from '../../protocol/wire/pipeline-messages';
import type { Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import type { KnownModel } from '../models/model-catalogue';
import type { NodePerformance } from '../scheduling/node-performance';
import type { PipelineKind, PipelinePlan, PlannedHop, Scheduler } from '../scheduling/scheduler';
import type { ActivationDtype } from '../../protocol/wire/activation-frame';
import type { Crossing } from './crossing';
import type { ChainHop } from './hop-chain';
import type { HopContext, HopFailure } from './hop-driver';
import { HttpHop } from './http-driver';
import type { RepairSources } from './pipeline-repair';
import { RelayHop } from './relay-driver';
import type { NodeLinks, RelayRouter } from './relay-router';
import { WatchedHop, type WatchedPlace } from './watched-hop';

const LINK_SECRET_BYTES = 32;

/** What all hops of one attempt share. */
export interface TeamRequest {
  readonly pipelineId: string;
  readonly model: KnownModel;
  readonly maxNewTokens: number;
  readonly text: { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };
  readonly sampling: Sampling;
  readonly isRepeatable: boolean;
  /** Stands for the requester towards nodes; null: nothing may be kept for another request. */
  readonly reuseScope: string | null;
  /** A hop somebody looks at; its activations go over the coordinator. */
  readonly watched: WatchedPlace | null;
}

/** Neighbouring layers of somebody else's pipeline. */
export interface SpanRequest extends Omit<TeamRequest, 'watched' | 'reuseScope'> {
  readonly kind: PipelineKind;
  readonly dtype: ActivationDtype;
  readonly takesOver: boolean;
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
    private readonly performance: NodePerformance,
    private readonly links: NodeLinks,
    private readonly router: RelayRouter,
    private readonly random: Random,
  ) {}

  /** @param crossing - the coordinator that has some of the hops, where there is one */
  assemble(
    request: TeamRequest,
    plan: PipelinePlan,
    failed: (planned: PlannedHop, failure: HopFailure) => void,
    crossing: Crossing | null = null,
  ): Team {
    const scheduler = crossing?.scheduler ?? this.scheduler;
    const modelId = request.model.manifest.model_id;
    const finishers = [scheduler.allocations.begin(plan.hops.map((hop) => hop.nodeId))];
    const { watched } = request;
    const peers = plan.hops.map((planned, index) =>
      watched !== null && (index === watched.hop || index + 1 === watched.hop)
        ? null
        : this.peerAfter(planned, plan.hops[index + 1]),
    );
    const hopOf = (planned: PlannedHop, hop: number, hops: number, takesOver: boolean): ChainHop => {
      const next = takesOver ? null : (peers[hop] ?? null);
      const previousSecret = takesOver ? null : (peers[hop - 1]?.secret ?? null);
      const context = this.contextOf(request, plan, planned, { hop, hops, takesOver, links: { next, previousSecret } });
      const worked = this.driverOf(context, planned, crossing);
      const isWatched = !takesOver && hop === watched?.hop;
      const driver = isWatched ? new WatchedHop(worked, watched.watch(context)) : worked;
      const shown = previousSecret === null ? planned : { ...planned, isDirect: true };
      const chained: ChainHop = { planned: shown, driver, isLinked: next !== null };
      if (driver instanceof RelayHop) {
        driver.unlinkedListeners.add(() => {
          chained.isLinked = false;
        });
      }
      return chained;
    };
    return {
      hops: plan.hops.map((planned, index) => hopOf(planned, index, plan.hops.length, false)),
      repairs: {
        cover: (lost, excluded) => scheduler.cover(modelId, plan, lost, excluded),
        plan: async (excluded) => {
          const other = await scheduler.plan(modelId, { excluded, precision: plan.precision, kind: plan });
          return other === null ? null : other.hops;
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

  /**
   * Drivers for neighbouring layers whose neighbours are elsewhere. The nodes are told places in the pipeline by which they
   * know whether they are its first or its last; nothing else about the pipeline around them.
   */
  assembleSpan(request: SpanRequest, planned: readonly PlannedHop[]): Pick<Team, 'hops' | 'dismiss'> {
    const { model, kind, takesOver } = request;
    const offset = planned[0]?.range.layer_start === 0 ? 0 : 1;
    const isLast = planned.at(-1)?.range.layer_end === model.manifest.total_layers - 1;
    const hops = offset + planned.length + (isLast ? 0 : 1);
    const dismiss = this.scheduler.allocations.begin(planned.map(({ nodeId }) => nodeId));
    const links = { next: null, previousSecret: null };
    const team = { ...request, watched: null, reuseScope: null };
    return {
      dismiss,
      hops: planned.map((one, index): ChainHop => {
        const place = { hop: offset + index, hops, takesOver, links };
        const context = { ...this.contextOf(team, kind, one, place), dtype: request.dtype };
        return { planned: one, driver: this.driverOf(context, one, null), isLinked: false };
      }),
    };
  }

  /** How a node reaches the next one by itself; null unless both offer that. The secret is for this link alone. */
  private peerAfter({ transport }: PlannedHop, next: PlannedHop | undefined): DirectPeer | null {
    if (transport.kind !== 'ws-relay' || transport.direct === undefined) return null;
    if (next?.transport.kind !== 'ws-relay' || next.transport.direct === undefined) return null;
    const secret = Buffer.from(this.random.bytes(LINK_SECRET_BYTES)).toString('base64');
    return { node_id: next.nodeId, ...next.transport.direct, secret };
  }

  private contextOf(
    request: TeamRequest,
    kind: PipelineKind,
    planned: PlannedHop,
    place: Pick<HopContext, 'hop' | 'hops' | 'links'> & { readonly takesOver: boolean },
  ): HopContext {
    const { takesOver, ...rest } = place;
    const { nodeId, range } = planned;
    const { model_id: modelId } = request.model.manifest;
    return {
      ...rest,
      pipelineId: request.pipelineId,
      nodeId,
      model: request.model,
      manifestHash: kind.manifestHash,
      range,
      dtype: this.config.activationDtype,
      maxNewTokens: request.maxNewTokens,
      text: takesOver ? null : request.text,
      sampling: request.sampling,
      isRepeatable: request.isRepeatable,
      reuseScope: request.reuseScope,
      openTimeoutMs: this.config.openTimeoutSeconds * 1_000,
      stepTimeoutMs: this.config.stepTimeoutSeconds * 1_000,
      stepLimitMs: this.config.stepLimitSeconds * 1_000,
      timed: (positions, elapsedMs) =>
        this.performance.noteStep({
          nodeId,
          modelId,
          layers: range.layer_end - range.layer_start + 1,
          positions,
          elapsedMs,
          activeRequests: this.scheduler.allocations.activeRequests(nodeId),
        }),
    };
  }

  private driverOf(context: HopContext, { transport }: PlannedHop, crossing: Crossing | null): ChainHop['driver'] {
    switch (transport.kind) {
      case 'ws-relay':
        return new RelayHop(context, this.links, this.router);
      case 'http':
        return new HttpHop(context, transport);
      case 'federation':
        if (crossing === null) throw new Error('only a pipeline of both has hops at a peer');
        return crossing.driver(context, transport.offerId);
    }
  }
}
