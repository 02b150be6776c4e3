import type { TransportOffer } from '../../protocol/compute/http/shards';
import type { MoveConsentChoice } from '../../protocol/compute/run-preferences';
import type { Failure, Result } from '../../protocol/result';
import { success } from '../../protocol/result';
import type { ForwardGate } from '../activation-server/forward-gate';
import type { Clock } from '../clock';
import { BackOff } from '../coordinator-client/back-off';
import type { CoordinatorConnection, PipelineMessage } from '../coordinator-client/coordinator-client';
import { readModelIds } from '../coordinator-client/reading';
import { nodeFailure, type NodeErrorCode } from '../errors';
import { pacedEngine, type Pacer } from '../jobs/pacer';
import { PipelineJobs, type JobLinks } from '../jobs/pipeline-jobs';
import { failureEvent, type NodeEvent } from '../node-lifecycle';
import { MoveConsent } from './move-consent';
import type { ShardKeeper } from './shard-keeper';
import { ShardPlanner, type AgreedLayers, type ShardPlannerOptions, type ShardWish } from './shard-planner';
import { reportShard, type ServedShard } from './served-shard';

const BYTES_PER_GIB = 1_073_741_824;
/** Other programs may let go of memory at any time, and nothing tells of it. */
const MEMORY_RETRY_MS = 180_000;
/** Characters the wire takes of an execution provider's name. */
const MAX_PROVIDER_NAME = 40;

/** How others reach the shard. */
export interface ShardReach {
  readonly nodeId: string;
  readonly region: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly transports: readonly TransportOffer[];
}

export interface ShardServiceOptions extends ShardPlannerOptions {
  readonly clock: Clock;
  readonly onNotice: (text: string) => void;
  /** The node's own links to its neighbours in pipelines. */
  readonly links: JobLinks;
  /** Of calls over HTTP. */
  readonly gate: ForwardGate;
  readonly pacer: Pacer;
  /** Whether the coordinator may have other layers held here, where it chooses them. */
  readonly moveConsent: () => MoveConsentChoice;
  /** Something happened that the next `reconcile` deals with. */
  readonly onChanged: () => void;
}

/** Layers on their way into memory. */
interface Loading {
  readonly wish: string;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** Why the shard is not as wished. */
interface Setback {
  /** Another wish is tried at once; null: none is. */
  readonly wish: string | null;
  /** On the monotonic clock; null: not before something changes. */
  readonly retryAtMs: number | null;
  readonly shown: NodeEvent;
}

/**
 * Brings the shard in memory and its registration in line with what is wished, again and again: `reconcile` may be
 * called at any time, one call after the other, and does only what is missing. It does not wait for layers to load: they
 * go on loading while connections come and go, and the next `reconcile` for the same wish takes up what became of them.
 */
export class ShardService {
  /** Proposals of the coordinator to hold other layers. */
  readonly moves: MoveConsent;
  private readonly backOff: BackOff;
  private readonly planner: ShardPlanner;
  private jobs: PipelineJobs | null = null;
  /** The wish the loaded shard was made from. */
  private loadedFor: string | null = null;
  /** Connection and reach the shard is registered with. */
  private registered: {
    readonly connection: CoordinatorConnection;
    readonly key: string;
    readonly modelId: string;
  } | null = null;
  /** Layers the person and the coordinator agreed on, until the next `reconcile` has loaded them. */
  private agreed: AgreedLayers | null = null;
  private setback: Setback | null = null;
  private loading: Loading | null = null;
  /** What was last told of loading; shown while the node is connected. */
  private progress: readonly NodeEvent[] = [];
  private isConnected = false;
  /** A load that came to nothing, for the next `reconcile`. */
  private failedLoad: { readonly wish: string; readonly error: Failure } | null = null;

  constructor(private readonly options: ShardServiceOptions) {
    this.backOff = new BackOff(options.clock);
    this.planner = new ShardPlanner(options);
    this.moves = new MoveConsent(options.view, options.clock, options.logger, options.moveConsent, (proposal) => {
      this.agreed = { modelId: proposal.modelId, range: proposal.range };
      this.loadedFor = null;
      options.onChanged();
    });
  }

  /** Milliseconds until `reconcile` has something to do without anything else happening, or null. */
  get retryInMs(): number | null {
    const atMs = this.setback?.retryAtMs ?? null;
    // The end of a load brings the next `reconcile`.
    return atMs === null || this.loading !== null ? null : Math.max(0, atMs - this.options.clock.monotonicMs());
  }

  /** Forgets earlier failures, so that the next `reconcile` tries at once. */
  tryAgain(): void {
    this.setback = null;
    this.backOff.reset();
  }

  /** Whether layers are being fetched, cut or loaded. */
  get isLoading(): boolean {
    return this.loading !== null;
  }

  /** Stops loading something that is no longer wished; null means that nothing is. */
  abandonUnless(wish: ShardWish | null): void {
    if (this.loading !== null && (wish === null || keyOf(wish) !== this.loading.wish)) this.loading.controller.abort();
  }

  async reconcile(connection: CoordinatorConnection, wish: ShardWish, reach: ShardReach): Promise<void> {
    const { view, keeper } = this.options;
    const key = keyOf(wish);
    this.isConnected = true;
    this.abandonUnless(wish);
    if (this.loading !== null) {
      // Abandoned layers are on their way until the engine has let them go.
      if (!this.loading.controller.signal.aborted) for (const event of this.progress) view.apply(event);
      return;
    }
    const failed = this.failedLoad;
    this.failedLoad = null;
    if (failed?.wish === key) await this.planAfter(failed.error, key);
    const { setback } = this;
    if (setback !== null && setback.wish !== null && setback.wish !== key) this.tryAgain();
    else if (setback !== null && this.retryInMs !== 0) return view.apply(setback.shown);
    this.setback = null;
    if (keeper.served === null || this.loadedFor !== key) {
      await this.retire({
        code: 'not-serving',
        message: 'This node is changing the layers it serves.',
        retryable: true,
      });
      return this.beginLoad(wish, key);
    }
    const shard = keeper.served;
    const registered = await this.register(connection, shard, reach);
    if (!registered.ok) return this.planAfter(registered.error, key);
    view.apply({ type: 'shard-registered', modelId: shard.handle.modelId, range: shard.handle.range });
  }

  private async planAfter(error: Failure, key: string): Promise<void> {
    // A cancelled load makes room for another one; a lost connection is dealt with by the connection's own loop.
    if (error.code === 'cancelled' || error.code === 'connection-lost') return;
    // The engine's end has planned its retry already.
    if (this.setback !== null) return;
    if (error.retryable) return this.setBack(error, key, this.backOff.nextDelayMs());
    if (error.code === 'memory-insufficient') return this.setBack(error, key, MEMORY_RETRY_MS);
    this.setBack(error, key, null);
    await this.retire(error);
  }

  private setBack(error: Failure, wish: string | null, delayMs: number | null): void {
    const { clock, view } = this.options;
    const retryAtMs = delayMs === null ? null : clock.monotonicMs() + delayMs;
    this.setback = { wish, retryAtMs, shown: failureEvent(error, delayMs, clock) };
    view.apply(this.setback.shown);
  }

  private beginLoad(wish: ShardWish, key: string): void {
    const controller = new AbortController();
    this.progress = [];
    const run = async (): Promise<void> => {
      const loaded = await this.load(wish, controller.signal);
      this.loading = null;
      if (loaded.ok) {
        this.loadedFor = key;
        this.agreed = null;
        this.options.view.set({ shard: reportShard(loaded.value) });
      } else this.failedLoad = { wish: key, error: loaded.error };
      this.options.onChanged();
    };
    this.loading = { wish: key, controller, ended: run() };
  }

  private async load(wish: ShardWish, signal: AbortSignal): Promise<Result<ServedShard>> {
    const tell = (...progress: NodeEvent[]): void => {
      this.progress = progress;
      const newest = progress.at(-1);
      if (this.isConnected && !signal.aborted && newest !== undefined) this.options.view.apply(newest);
    };
    const plan = await this.planner.plan(wish, this.agreed, {
      signal,
      onProgress: (fraction) => tell({ type: 'preparing', step: 'model', fraction }),
    });
    if (!plan.ok) return plan;
    const { model, chosen } = plan.value;
    const started: NodeEvent = { type: 'load-started', modelId: model.manifest.model_id, range: chosen.range };
    tell(started);
    return this.options.keeper.load(plan.value, {
      signal,
      onProgress: (fraction) => tell(started, { type: 'load-progressed', fraction }),
    });
  }

  private async register(
    connection: CoordinatorConnection,
    shard: ServedShard,
    reach: ShardReach,
  ): Promise<Result<void, string>> {
    const { handle, manifest } = shard;
    const key = JSON.stringify([handle.shardKey, reach]);
    if (this.registered?.connection === connection && this.registered.key === key) return success(undefined);
    const engine = this.options.keeper.engine;
    if (engine === null) return nodeFailure('engine-gone', 'The engine process ended.', { retryable: true });
    if (this.jobs === null) this.jobs = this.openJobs(connection, shard, engine);
    const registered = await connection.registerShard({
      shard: {
        node_id: reach.nodeId,
        model_id: handle.modelId,
        layer_start: handle.range.layer_start,
        layer_end: handle.range.layer_end,
        vram_gb: Math.round((handle.memoryBytes / BYTES_PER_GIB) * 1_000) / 1_000,
        region: reach.region,
        host: reach.host,
        port: reach.port,
        transports: [...reach.transports],
        manifest_hash: handle.manifestHash,
        precision: handle.precision ?? 'fp32',
        provider: handle.provider.slice(0, MAX_PROVIDER_NAME),
      },
      manifestHash: handle.manifestHash,
      manifest,
    });
    if (!registered.ok) return this.explainRefusal(manifest.model_id, registered.error);
    this.registered = { connection, key, modelId: handle.modelId };
    return success(undefined);
  }

  /** Finds out whether a refusal means that the coordinator does not take this model at all. */
  private async explainRefusal(modelId: string, error: Failure): Promise<Result<void, NodeErrorCode | string>> {
    if (error.retryable || error.code === 'connection-lost') return { ok: false, error };
    const models = await this.options.fetchJson('/inference/models');
    const ids = models.ok ? readModelIds(models.value) : null;
    if (ids === null || ids.includes(modelId)) return { ok: false, error };
    const offered = ids.length === 0 ? 'It lists no model.' : `It lists ${ids.slice(0, 10).join(', ')}.`;
    return nodeFailure(
      'model-unknown',
      `The coordinator does not take the model ${modelId}. ${offered} It says: ${error.message}`,
      {
        suggestion: 'Choose a model the coordinator lists, or ask its operator to add this one.',
      },
    );
  }

  private openJobs(
    connection: CoordinatorConnection,
    shard: ServedShard,
    engine: NonNullable<ShardKeeper['engine']>,
  ): PipelineJobs {
    const { view, logger } = this.options;
    return new PipelineJobs(
      pacedEngine(engine, this.options.pacer),
      shard,
      connection,
      {
        onActiveChanged: () => this.activeChanged(),
        onStep: (flops) => view.countStep(flops),
        onServed: () => view.countServed(),
        onFailed: () => view.countFailed(),
      },
      logger,
      this.options.links,
    );
  }

  handlePipeline(connection: CoordinatorConnection, message: PipelineMessage): void {
    if (this.jobs !== null) return this.jobs.handle(message);
    if (message.type !== 'pipeline-open') return;
    connection.report({
      type: 'pipeline-failed',
      request_id: message.request_id,
      hop: message.hop,
      code: 'not-serving',
      message: 'This node serves no layers at the moment.',
      retryable: true,
    });
  }

  /** @param onlyOf - the one request whose frames may come this way */
  handleActivation(bytes: Uint8Array, onlyOf: string | null = null): void {
    this.jobs?.handleActivation(bytes, onlyOf);
  }

  /** The node's own link to the next hop of a request failed. */
  linkLost(requestId: string): void {
    this.jobs?.linkLost(requestId);
  }

  /** The coordinator forgot the shard; the next `reconcile` registers it again. */
  registrationLost(): void {
    this.registered = null;
  }

  /** The connection is gone: requests end, the shard stays for the next connection, in memory or on its way there. */
  connectionLost(): void {
    this.isConnected = false;
    this.moves.forget();
    this.jobs?.closeAll(null);
    this.jobs = null;
    this.registered = null;
  }

  /** The engine process ended by itself: requests fail, and the shard is loaded again after a pause. */
  engineGone(reason: string): void {
    const error: Failure = {
      code: 'engine-gone',
      message: `The engine process ended unexpectedly (${reason}).`,
      retryable: true,
    };
    this.jobs?.closeAll(error);
    this.jobs = null;
    this.loadedFor = null;
    this.options.view.set({ shard: null });
    const delayMs = this.backOff.nextDelayMs();
    this.setBack(error, null, delayMs);
    this.options.onNotice(`${error.message} The shard is loaded again in ${Math.ceil(delayMs / 1_000)} s.`);
    void this.unregister();
  }

  /** Requests this node works on right now: as part of a pipeline, or called over HTTP. */
  get active(): number {
    return (this.jobs?.active ?? 0) + this.options.gate.active;
  }

  /** To be called when `active` changed. */
  activeChanged(): void {
    this.options.view.set({ requestsActive: this.active });
    this.options.onChanged();
  }

  /** Refuses new requests while those that are open are finished, or takes them again. */
  accept(accepting: boolean): void {
    this.jobs?.accept(accepting);
    this.options.gate.accept(accepting);
  }

  /** Ends the work but keeps the layers in memory, ready for the next `reconcile`. */
  async standBy(reason: Failure): Promise<void> {
    this.options.gate.accept(false);
    this.endRequests(reason);
    await this.unregister();
  }

  private async retire(reason: Failure): Promise<void> {
    this.endRequests(reason);
    await this.unregister();
    await this.unload();
  }

  /** Frees layers that are no longer wished; null means that none are. Those on their way are abandoned. */
  async keepOnly(wish: ShardWish | null): Promise<void> {
    this.abandonUnless(wish);
    const isWished = wish !== null && keyOf(wish) === this.loadedFor;
    if (this.options.keeper.served !== null && !isWished) await this.unload();
  }

  /** Ends the engine process, with the layers in it and those on their way. */
  async release(): Promise<void> {
    await this.unload();
    await this.options.keeper.release();
  }

  private async unload(): Promise<void> {
    this.abandonUnless(null);
    await this.loading?.ended;
    this.loadedFor = null;
    // A benchmark or a model just read may have left an engine without a shard: that one is still fresh.
    if (this.options.keeper.served !== null) await this.options.keeper.release();
    this.options.view.set({ shard: null });
  }

  private endRequests(reason: Failure): void {
    this.jobs?.closeAll(reason);
    this.jobs = null;
    this.options.gate.abandon(reason);
    this.options.view.set({ requestsActive: this.active });
  }

  private async unregister(): Promise<void> {
    const { registered } = this;
    this.registered = null;
    if (registered === null) return;
    const removed = await registered.connection.removeShard(registered.modelId);
    if (!removed.ok) {
      this.options.logger.info('The shard registration was not removed', { reason: removed.error.message });
    }
  }
}

function keyOf(wish: ShardWish): string {
  const { coordinatorUrl, modelFolder, modelId, hub, layerChoice, precision } = wish;
  const { cpuThreads, memoryBudgetBytes, providers, devices, mayUseCpu } = wish;
  const what = [coordinatorUrl, modelFolder, modelId, hub, layerChoice, precision];
  return JSON.stringify([...what, cpuThreads, memoryBudgetBytes, providers, devices, mayUseCpu]);
}
