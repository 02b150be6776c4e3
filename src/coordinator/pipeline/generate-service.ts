import { isAsExact, type Precision } from '../../protocol/compute/formulas';
import type { LiveRequests } from '../../protocol/compute/http/admin';
import { toWireGft, type MicroGft } from '../../protocol/compute/micro-gft';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { ChatMessage, Sampling } from '../../protocol/compute/model';
import { success } from '../../protocol/result';
import type { GenerateOutcome, PipelineHop } from '../../protocol/wire/messages';
import type { ChallengeService } from '../challenges/challenge-service';
import type { WorkChecks } from '../challenges/work-checks';
import { timestampOf, type Clock, type Random } from '../clock';
import type { CoordinatorConfig } from '../config';
import { refuse, type CoordinatorResult } from '../errors';
import type { DeliveredWork } from '../ledger/settlement';
import type { Logger } from '../logger';
import { maximumInputTokens, type PromptText } from '../ledger/pricing';
import type { KnownModel } from '../models/model-catalogue';
import type { NodeStore } from '../nodes/node-store';
import { unknownNode } from '../nodes/node-service';
import type { PipelinePlan, Scheduler } from '../scheduling/scheduler';
import { isForeign, type Crossing, type FindCrossing } from './crossing';
import { AdmissionQueue, type QueuePlace } from './admission-queue';
import type { Cashier, Hold, RequestEnd, Settled } from './cashier';
import type { NodeFaults } from './node-faults';
import { PipelineRun, type PipelineEnd } from './pipeline-run';
import type { PipelineTeams } from './pipeline-team';
import { isRepeatable, refuseLogProbabilities, settledSampling } from './request-sampling';
import { shownHop, tellRequester } from './requester-listener';
import { ReuseScopes } from './reuse-scopes';
import { ReplayMemory, SpanRecorder } from './span-recorder';
import { turnedAway } from './turned-away';

/** A request as both borders hand it in. */
export interface GenerateRequest {
  readonly nodeId: string;
  /** The requester's own id of the request; unique per node. */
  readonly requestId: string;
  readonly modelId: string;
  readonly prompt?: string | undefined;
  readonly messages?: readonly ChatMessage[] | undefined;
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  readonly precision: Precision;
  /** `distributed`: the own nodes and those of peers; `fallback`: the operator's other server. */
  readonly backend?: 'distributed' | 'fallback' | undefined;
  readonly sessionId?: string | undefined;
  readonly participantId?: string | undefined;
  /** Who pays instead of a node's balance. Such a request is answered by the own nodes or not at all. */
  readonly account?: RequestAccount;
}

/** Who pays for a request: the balance of a node, or a coordinator under an agreement. */
export type RequestAccount = Pick<Cashier, 'hold'> & {
  settle(request: GenerateRequest, work: DeliveredWork, end: RequestEnd): Promise<CoordinatorResult<Settled>>;
};

/** Somebody who answers what the own nodes cannot. Null when nobody does. */
export type Elsewhere = (
  request: GenerateRequest,
) => ((listener: GenerateListener, signal: AbortSignal) => Promise<CoordinatorResult<GenerateOutcome>>) | null;

/** A server outside that answers instead of nodes: when it is asked for, or when nobody else can. */
export interface Fallback {
  readonly forced: Elsewhere;
  readonly whenUnavailable: Elsewhere;
}

/** Told as the answer grows. Slowness here holds the pipeline back. */
export interface GenerateListener {
  /** @param isResumed - the requester had lost its connection and takes the rest now */
  started(pipeline: readonly PipelineHop[], inputTokens: number, isResumed?: boolean): Promise<void>;
  /** @param logProbabilities - where the request asked for them and the node that sampled gave them */
  token(index: number, tokenId: number, text: string, logProbabilities?: TokenLogProbabilities): Promise<void>;
  /** The request waits for its turn; told whenever its place changes. */
  queued(place: QueuePlace): void;
  /** The answer pauses: nobody serves these layers now. */
  waiting(layersMissing: readonly number[], seconds: number): void;
}

/** Pipelines tried before the first token; a node that fails to open is left out of the next. */
const MAX_ATTEMPTS = 3;

/** Failures of the own nodes after which somebody else may be asked. */
const NOT_HERE: ReadonlySet<string> = new Set(['model-unknown', 'pipeline-unavailable']);

interface Running {
  readonly abort: AbortController;
  readonly nodeId: string;
  readonly requestId: string;
  readonly modelId: string;
  readonly startedAtMs: number;
  /** Null once it is its turn. */
  place: QueuePlace | null;
}

/** What holds a request together while it runs. */
interface Admitted {
  readonly request: GenerateRequest;
  readonly model: KnownModel;
  readonly text: PromptText;
  readonly maximumInput: number;
  readonly hold: Hold;
  readonly startedAtMs: number;
  /** The peer that has some of the layers; null where the own nodes have all of them. */
  readonly crossing: Crossing | null;
}

/** The refusal of a request for the fallback server where there is none. */
export function noFallback(modelId: string): ReturnType<typeof refuse> {
  return refuse('backend-unavailable', `This coordinator has no fallback for ${modelId}; its nodes alone answer.`, {
    suggestion: 'Leave force_backend out.',
  });
}

/** Takes generate requests from admission to settlement. */
export class GenerateService {
  private readonly running = new Map<string, Running>();
  private readonly queue: AdmissionQueue;
  private readonly replayMemory = new ReplayMemory();
  private isStopping = false;
  private elsewhere: Elsewhere = () => null;
  private fallback: Fallback | null = null;
  private findCrossing: FindCrossing = () => Promise.resolve(null);
  private onEnd: (result: CoordinatorResult<GenerateOutcome>) => void = () => undefined;

  private readonly reuseScopes: ReuseScopes;

  constructor(
    private readonly config: CoordinatorConfig,
    private readonly nodes: NodeStore,
    private readonly scheduler: Scheduler,
    private readonly cashier: Cashier,
    private readonly challenges: ChallengeService,
    private readonly workChecks: Pick<WorkChecks, 'choose'>,
    private readonly teams: PipelineTeams,
    private readonly faults: NodeFaults,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
  ) {
    this.queue = new AdmissionQueue(
      {
        running: config.maxRequests,
        runningPerNode: config.maxRequestsPerNode,
        waiting: config.maxWaitingRequests,
        waitingPerNode: config.maxWaitingRequestsPerNode,
        waitMs: config.queueWaitSeconds * 1_000,
      },
      () => clock.nowMs(),
    );
    this.reuseScopes = new ReuseScopes(random, clock);
  }

  /**
   * Answers a request. A cancelled one succeeds with what was produced, and is paid for that; a failed one costs
   * nothing. Fails with the codes of the groups `requests` and `pipelines` in errors.ts.
   */
  async generate(
    request: GenerateRequest,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const result = await this.run(request, listener, signal);
    this.onEnd(result);
    return result;
  }

  private async run(
    request: GenerateRequest,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const refused = this.refuse(request);
    if (refused !== null) return refused;
    const key = `${request.nodeId} ${request.requestId}`;
    const abort = new AbortController();
    const { nodeId, requestId, modelId } = request;
    const startedAtMs = this.clock.nowMs();
    const running: Running = { abort, nodeId, requestId, modelId, startedAtMs, place: null };
    this.running.set(key, running);
    const ended = AbortSignal.any([signal, abort.signal]);
    const isLimitedElsewhere = request.account !== undefined;
    const entry = await this.queue.enter(
      nodeId,
      ended,
      (place) => {
        running.place = place;
        listener.queued(place);
      },
      isLimitedElsewhere,
    );
    running.place = null;
    if (entry.kind !== 'admitted') {
      this.running.delete(key);
      return turnedAway(entry.kind, this.config, this);
    }
    try {
      if (request.backend === 'fallback' && request.account === undefined) {
        const forced = this.fallback?.forced(request) ?? null;
        return forced === null ? noFallback(modelId) : await forced(listener, ended);
      }
      const admitted = await this.admitAnywhere(request);
      if (!admitted.ok) {
        const other = NOT_HERE.has(admitted.error.code) ? this.otherFor(request) : null;
        return other === null ? admitted : await other(listener, ended);
      }
      try {
        return await this.answer(admitted.value, listener, ended);
      } finally {
        await admitted.value.hold.release();
      }
    } finally {
      this.running.delete(key);
      entry.leave();
    }
  }

  /** Stops a running request of a node. False when there is none. */
  cancel(nodeId: string, requestId: string): boolean {
    const running = this.running.get(`${nodeId} ${requestId}`);
    running?.abort.abort();
    return running !== undefined;
  }

  /** Somebody who counts how requests end. */
  watchEnds(onEnd: (result: CoordinatorResult<GenerateOutcome>) => void): void {
    this.onEnd = onEnd;
  }

  /** Whom to ask for what the own nodes cannot answer. */
  askElsewhere(elsewhere: Elsewhere): void {
    this.elsewhere = elsewhere;
  }

  /** Where layers are found that the own nodes lack, for one pipeline of both. */
  reachAcross(find: FindCrossing): void {
    this.findCrossing = find;
  }

  /** A server outside, where there is one. */
  fallBackTo(fallback: Fallback): void {
    this.fallback = fallback;
  }

  /** Takes no more; what runs goes on. */
  drain(): void {
    this.isStopping = true;
    this.queue.close();
  }

  /** Cancels everything and takes no more. */
  stop(): void {
    this.drain();
    for (const running of this.running.values()) running.abort.abort();
  }

  /** Requests under way, for whoever runs the coordinator; never their text. */
  live(): LiveRequests {
    const requests = [...this.running.values()].flatMap((running) =>
      running.place !== null
        ? []
        : {
            request_id: running.requestId,
            node_id: running.nodeId,
            model_id: running.modelId,
            started_at: timestampOf(running.startedAtMs),
          },
    );
    return { requests, waiting: this.waitingRequests };
  }

  /** Requests being answered. */
  get activeRequests(): number {
    return this.queue.runningRequests;
  }

  get waitingRequests(): number {
    return this.queue.waitingRequests;
  }

  /** Seconds after which somebody who was turned away may come back. */
  get retryAfterSeconds(): number {
    return this.queue.retryAfterSeconds;
  }

  /** Where a request is; null when there is none of this id. */
  stateOf(nodeId: string, requestId: string): { readonly place: QueuePlace | null } | null {
    const running = this.running.get(`${nodeId} ${requestId}`);
    return running === undefined ? null : { place: running.place };
  }

  /** Checks that need no waiting, so that two requests cannot both pass. */
  private refuse(request: GenerateRequest): ReturnType<typeof refuse> | null {
    if (this.isStopping)
      return refuse('coordinator-stopping', 'The coordinator is shutting down.', { retryable: true });
    if (this.running.has(`${request.nodeId} ${request.requestId}`)) {
      return refuse('request-id-used', 'A request with this id is running already.');
    }
    return refuseLogProbabilities(request);
  }

  /** Who answers what the own nodes cannot: a peer, else the fallback unless nodes alone are wanted. */
  private otherFor(request: GenerateRequest): ReturnType<Elsewhere> {
    if (request.account !== undefined) return null;
    const peer = this.elsewhere(request);
    if (peer !== null || request.backend === 'distributed') return peer;
    return this.fallback?.whenUnavailable(request) ?? null;
  }

  /** With the own nodes, else with those of a peer beside them. What came from a coordinator goes on to no other. */
  private async admitAnywhere(request: GenerateRequest): Promise<CoordinatorResult<Admitted>> {
    const own = await this.admit(request, null);
    if (own.ok || own.error.code !== 'pipeline-unavailable' || request.account !== undefined) return own;
    const crossing = await this.findCrossing(request);
    return crossing === null ? own : await this.admit(request, crossing);
  }

  private async admit(request: GenerateRequest, crossing: Crossing | null): Promise<CoordinatorResult<Admitted>> {
    const startedAtMs = this.clock.nowMs();
    if (request.account === undefined) {
      const node = await this.nodes.find(request.nodeId);
      if (node === undefined || node.status === 'deregistered') return unknownNode(request.nodeId);
    }
    const coverage = await (crossing?.scheduler ?? this.scheduler).coverage(request.modelId);
    if (coverage === null) return refuse('model-unknown', `The model ${request.modelId} is not known here.`);
    if (coverage.plan === null) {
      return refuse('pipeline-unavailable', `No pipeline is available: ${coverage.report.reason}`, {
        retryable: true,
        suggestion: 'Wait for nodes with the missing layers, or choose another model.',
      });
    }
    const { model } = coverage.plan;
    const text: PromptText | null =
      request.messages !== undefined
        ? { messages: request.messages, chatTemplate: model.manifest.chat_template }
        : request.prompt !== undefined && request.prompt !== ''
          ? { prompt: request.prompt }
          : null;
    if (text === null) return refuse('prompt-missing', 'The request has neither a prompt nor messages.');
    const maximumInput = maximumInputTokens(text);
    const hold = await (request.account ?? this.cashier).hold(request, model.manifest.shape, maximumInput);
    if (!hold.ok) return hold;
    return success({ request, model, text, maximumInput, hold: hold.value, startedAtMs, crossing });
  }

  private async answer(
    admitted: Admitted,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const excluded = new Set<string>();
    const scheduler = admitted.crossing?.scheduler ?? this.scheduler;
    let lastFailure: ReturnType<typeof refuse> | null = null;
    const noteFailure = this.failureNoter(admitted);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const plan = await scheduler.plan(admitted.request.modelId, {
        excluded,
        precision: admitted.request.precision,
      });
      // Prices were set aside for one manifest; a pipeline of another one would cost something else.
      if (plan === null || plan.model !== admitted.model) break;
      const end = await this.attempt(admitted, plan, listener, signal);
      if (end.state.kind === 'finished') return this.settle(admitted, end, plan.precision);
      const { failure } = end.state;
      lastFailure = { ok: false, error: failure };
      const { failedHop } = end;
      // What one node calls final may be so at that node alone.
      const isFinal = !failure.retryable && failure.code !== 'node-failed';
      if (end.hasStarted || failedHop === null || isFinal) break;
      const planned = plan.hops.find((hop) => hop.nodeId === failedHop.nodeId);
      if (planned !== undefined) noteFailure(planned, failedHop);
      excluded.add(failedHop.nodeId);
    }
    return (
      lastFailure ??
      refuse('pipeline-unavailable', 'The pipeline went away before the request began.', { retryable: true })
    );
  }

  private async attempt(
    admitted: Admitted,
    plan: PipelinePlan,
    listener: GenerateListener,
    signal: AbortSignal,
  ): Promise<PipelineEnd> {
    const { request, model } = admitted;
    const { manifest } = model;
    const maxNewTokens = Math.min(request.maxNewTokens, Math.max(1, manifest.context_length - 1));
    const sampled = await this.workChecks.choose(request, plan);
    const team = this.teams.assemble(
      {
        // Never the requester's own id: two requesters who chose the same one would meet in the same nodes, and a second
        // attempt would meet nodes that still close the first.
        pipelineId: this.random.uuid(),
        model,
        maxNewTokens,
        text: 'prompt' in admitted.text ? admitted.text : { messages: admitted.text.messages },
        reuseScope: this.reuseScopes.of(request),
        sampling: settledSampling(request, this.random),
        isRepeatable: isRepeatable(request),
        watched: sampled,
      },
      plan,
      this.failureNoter(admitted),
      admitted.crossing,
    );
    const recorder = new SpanRecorder(this.replayMemory, this.config.replayBytesPerRequest);
    const run = new PipelineRun({
      hops: team.hops,
      limits: {
        maximumInputTokens: admitted.maximumInput,
        contextLength: manifest.context_length,
        vocabularySize: manifest.vocab_size,
        maxNewTokens,
        modelName: manifest.friendly_name,
      },
      listener: tellRequester(listener),
      recorder,
      repairs: team.repairs,
      drafts: { maxDraftTokens: this.config.maxDraftTokens },
      stops: request.sampling.stop ?? [],
      signal,
    });
    let isWell = false;
    try {
      const end = await run.run();
      isWell = end.state.kind === 'finished';
      return end;
    } finally {
      team.dismiss();
      if (isWell) sampled?.check();
      else sampled?.drop();
    }
  }

  private async settle(
    admitted: Admitted,
    end: PipelineEnd,
    served: Precision,
  ): Promise<CoordinatorResult<GenerateOutcome>> {
    const { request, model } = admitted;
    const { state } = end;
    if (state.kind !== 'finished') throw new Error('only a finished request is settled');
    const settled = await (request.account ?? this.cashier).settle(
      request,
      {
        requesterId: request.nodeId,
        requestId: request.requestId,
        shape: model.manifest.shape,
        // Whoever asked for more exact weights than there were pays for those that there were.
        precision: isAsExact(served, request.precision) ? request.precision : served,
        inputTokens: state.inputTokens,
        outputTokens: state.outputTokens,
        served: end.hops.filter((hop) => !isForeign(hop)),
      },
      {
        reason: state.reason,
        pipeline: end.hops.map(shownHop),
        startedAtMs: admitted.startedAtMs,
        hold: admitted.hold,
      },
    );
    if (!settled.ok) return settled;
    this.checkSomeOf(end.hops.filter((hop) => !isForeign(hop)).map((hop) => hop.nodeId));
    return success({
      request_id: request.requestId,
      text: end.text,
      finish_reason: state.reason,
      tokens: state.outputTokens,
      input_tokens: state.inputTokens,
      gft_deducted: toWireGft(settled.value.priceMicroGft),
      new_balance: this.shownBalance(settled.value.balanceMicroGft),
      backend: 'distributed',
      pipeline: end.hops.map(shownHop),
      latency_ms: Math.max(0, this.clock.nowMs() - admitted.startedAtMs),
      model_id: request.modelId,
      ledger_ref: settled.value.ledgerRef,
      confirmed_at: settled.value.confirmedAt,
      ...(admitted.crossing === null ? {} : { federation: await admitted.crossing.settled() }),
    });
  }

  /** Proofs of the nodes that served; the requester does not wait for them. */
  private checkSomeOf(nodeIds: readonly string[]): void {
    void this.challenges
      .afterWork(nodeIds)
      .catch((thrown: unknown) => this.logger.warn({ err: thrown }, 'nodes could not be checked after their work'));
  }

  private shownBalance(balanceMicroGft: MicroGft | null): number | null {
    return balanceMicroGft === null ? null : toWireGft(balanceMicroGft);
  }

  private failureNoter({ crossing, request }: Admitted): Parameters<PipelineTeams['assemble']>[2] {
    return (planned, failure) => {
      if (isForeign(planned)) crossing?.failed(failure);
      else this.faults.note(request.modelId, planned, failure);
    };
  }
}
