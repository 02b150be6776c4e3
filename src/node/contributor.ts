import { ForwardGate } from './activation-server/forward-gate';
import type { GenerateOutcome } from '../protocol/wire/messages';
import type { NodeSnapshot, PauseReason } from '../protocol/compute/node-snapshot';
import { success, type Failure, type Result } from '../protocol/result';
import { systemClock, type Clock } from './clock';
import { BackOff } from './coordinator-client/back-off';
import type {
  CoordinatorConnection,
  CoordinatorEvent,
  GenerateOptions,
  GenerateRequest,
  ResumePoint,
} from './coordinator-client/coordinator-client';
import { connectToCoordinator } from './coordinator-client/connect';
import { parseCoordinatorUrl } from './coordinator-client/coordinator-url';
import { TrafficMeter } from './coordinator-client/traffic-meter';
import type { ContributorEvents, ContributorOptions, NodePreferences } from './contributor-options';
import { EarlyEvents } from './early-events';
import { nodeFailure } from './errors';
import { ChallengeHistory } from './jobs/challenge-history';
import { ChallengeDuty } from './jobs/challenge-duty';
import { Pacer } from './jobs/pacer';
import { Listeners } from './listeners';
import { silentLogger, type NodeLogger } from './logger';
import { NodeDoors } from './node-doors';
import { failureEvent } from './node-lifecycle';
import { NodeView } from './node-view';
import { PauseProgress } from './policy/pause-progress';
import { PolicyKeeper } from './policy/policy-keeper';
import type { NodeReadings } from './policy/readings';
import type { RunDecision } from './policy/run-policy';
import { passShareOf, shardWish } from './policy/work-level';
import { NodePreparation, type PreparedNode } from './preparation';
import { Registration } from './registration';
import { Requester } from './requester';
import { NodeModels } from './shard/node-models';
import { ShardKeeper } from './shard/shard-keeper';
import { ShardService } from './shard/shard-service';
import { Wake } from './wake';

const NO_COORDINATOR = { name: null, version: null, transport: null, tokenMode: null } as const;

/** How long stopping waits for the coordinator to hear of it. */
const GOODBYE_TIMEOUT_MS = 3_000;

/** How long a question waits for a connection that is being made; short losses then cost a moment, not the question. */
const CONNECTION_WAIT_MS = 10_000;

/** The policy is asked again after this time even where nothing announces itself sooner. */
const MAX_POLICY_WAIT_MS = 3_600_000;
/** How long an answer waits for the next connection; coordinators keep the rest of it for about as long. */
const RECONNECTION_WAIT_MS = 60_000;

type EventListeners = { readonly [Name in keyof ContributorEvents]: Listeners<ContributorEvents[Name]> };

/**
 * A contributing node: prepares itself, connects, registers, serves a shard, answers challenges, and asks for answers on
 * behalf of its person. One loop owns the state; everything that happens only wakes it.
 *
 * It never throws for what the world does: failures show in the state and come as `Result` values.
 */
export class ContributorNode {
  readonly models: NodeModels;
  private readonly clock: Clock;
  private readonly logger: NodeLogger;
  private readonly view: NodeView;
  private readonly wake: Wake;
  private readonly keeper: ShardKeeper;
  private readonly shards: ShardService;
  private readonly duty: ChallengeDuty;
  private readonly preparation: NodePreparation;
  private readonly registration: Registration;
  private readonly doors: NodeDoors;
  private readonly backOff: BackOff;
  private readonly requester = new Requester(() => this.preferences);
  private readonly connected = new Listeners<null>();
  private readonly events: EventListeners = {
    balance: new Listeners(),
    challenge: new Listeners(),
    coverage: new Listeners(),
    notice: new Listeners(),
  };
  private preferences: NodePreferences;
  private readonly policy: PolicyKeeper;
  private readonly pausing: PauseProgress;
  private readonly pacer: Pacer;
  private readonly traffic: TrafficMeter;
  /** Questions of this person under way: the own computer answers those at full speed. */
  private ownRequests = 0;
  private running: Promise<void> | null = null;
  private stopping: AbortController | null = null;
  private connection: CoordinatorConnection | null = null;
  private nodeId: string | null = null;
  private resumeFrom: { readonly url: string; readonly point: ResumePoint } | null = null;
  /** Counts wishes to try again now, so that a waiting loop notices one. */
  private retries = 0;

  constructor(options: ContributorOptions) {
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.preferences = options.preferences;
    this.view = new NodeView(this.clock, this.logger);
    this.policy = new PolicyKeeper(
      options.readings ?? {},
      () => this.clock.now(),
      () => this.view.snapshot().hardware,
    );
    this.pausing = new PauseProgress(this.clock);
    this.pacer = new Pacer(this.clock);
    this.traffic = new TrafficMeter(this.clock);
    this.wake = new Wake(this.clock);
    this.backOff = new BackOff(this.clock);
    this.keeper = new ShardKeeper(options.startEngine, options.dataFolder, this.logger, (reason) => {
      this.shards.engineGone(reason);
      this.wake.signal();
    });
    const gate = new ForwardGate(() => this.shards.activeChanged());
    this.doors = new NodeDoors(
      this.keeper,
      this.view,
      this.logger,
      {
        onFrame: (requestId, bytes) => this.shards.handleActivation(bytes, requestId),
        onLinkLost: (requestId) => this.shards.linkLost(requestId),
        gate,
      },
      this.traffic,
      this.pacer,
    );
    this.shards = new ShardService({
      links: this.doors.direct,
      gate,
      keeper: this.keeper,
      hardwareReader: options.hardwareReader,
      view: this.view,
      clock: this.clock,
      logger: this.logger,
      fetchJson: (path) => this.fetchJson(path),
      coordinator: () => this.requester.modelSource(),
      onNotice: (text) => this.notice(text),
      pacer: this.pacer,
      moveConsent: () => this.preferences.moveConsent ?? 'never',
      onChanged: () => this.wake.signal(),
    });
    this.models = new NodeModels(
      this.keeper,
      this.shards,
      (path) => this.fetchJson(path),
      () => this.requester.modelSource(),
    );
    const history = new ChallengeHistory(options.dataFolder, this.logger);
    this.duty = new ChallengeDuty(this.clock, this.view, history, this.keeper, this.logger, (record) =>
      this.events.challenge.emit(record),
    );
    this.preparation = new NodePreparation(options, this.keeper, this.view, this.clock, this.logger);
    this.registration = new Registration(options.dataFolder, this.view, this.logger);
    this.view.set({ coordinator: { ...this.snapshot().coordinator, url: this.preferences.coordinatorUrl } });
  }

  /** The node as it is now. */
  snapshot(): NodeSnapshot {
    return this.view.snapshot();
  }

  /** Calls a listener with the whole snapshot when something changed, at most ten times a second. */
  onSnapshot(listener: (snapshot: NodeSnapshot) => void): () => void {
    return this.view.changed.add(listener);
  }

  /** Calls a listener for one kind of event; returns a function that ends it. */
  on<Name extends keyof ContributorEvents>(name: Name, listener: (event: ContributorEvents[Name]) => void): () => void {
    return (this.events[name] as Listeners<ContributorEvents[Name]>).add(listener);
  }

  /** Begins to work, as far as the run policy allows. Does nothing when it runs already. */
  start(): void {
    if (this.running !== null) return this.retry();
    const stopping = new AbortController();
    this.stopping = stopping;
    this.view.apply({ type: 'started' });
    this.running = this.run(stopping.signal);
  }

  /** Ends all work, tells the coordinator, frees the engine. Resolves when everything is closed. */
  async stop(): Promise<void> {
    const { running } = this;
    if (running === null) return;
    this.stopping?.abort();
    this.shards.abandonUnless(null);
    this.wake.signal();
    await running;
    this.running = null;
  }

  /** Pauses by the person's wish, for good or until a time. */
  pause(reason: Extract<PauseReason, { kind: 'user' | 'snoozed' }> = { kind: 'user' }): void {
    this.updateReadings(reason.kind === 'user' ? { pausedByUser: true } : { snoozedUntil: reason.until });
  }

  /** Lifts the person's own pause or snooze; other reasons stay. */
  resume(): void {
    this.updateReadings({ pausedByUser: false, snoozedUntil: null });
  }

  /** Tries again now what waits or has failed. */
  retry(): void {
    this.retries += 1;
    this.shards.tryAgain();
    if (this.preferences.modelFolder !== null) this.keeper.forgetModel(this.preferences.modelFolder);
    this.view.apply({ type: 'started' });
    this.wake.signal();
  }

  updatePreferences(changes: Partial<NodePreferences>): void {
    const before = this.preferences;
    this.preferences = { ...before, ...changes };
    const keys = ['coordinatorUrl', 'accessToken', 'invitation'] as const;
    if (keys.some((key) => this.preferences[key] !== before[key])) {
      this.retries += 1;
      this.backOff.reset();
      this.view.set({ coordinator: { ...NO_COORDINATOR, url: this.preferences.coordinatorUrl } });
    }
    this.policyChanged();
  }

  updateReadings(changes: Partial<NodeReadings>): void {
    this.policy.readings = { ...this.policy.readings, ...changes };
    this.policyChanged();
  }

  /** What the run policy says now, and what it would say with other preferences. */
  previewRun(changes: Partial<NodePreferences> = {}): RunDecision {
    const asked = { ...this.preferences, ...changes };
    return this.policy.preview(asked, JSON.stringify(asked) !== JSON.stringify(this.preferences));
  }

  /** Bytes sent to and received from coordinators since the start of the program. */
  get trafficBytes(): { readonly sent: number; readonly received: number } {
    return this.traffic.total;
  }

  /** Finishes running requests before the person's next pause, instead of handing them over. */
  finishBeforeNextPause(): void {
    this.pausing.finishFirst = true;
  }

  /** Measures the hardware anew. The coordinator is told only when it is other hardware: each report counts as a change. */
  async measureHardware(signal?: AbortSignal): Promise<Result<void>> {
    const measured = await this.preparation.measureAgain(signal);
    return measured.ok ? success(undefined) : measured;
  }

  /**
   * Asks the coordinator for an answer, streamed where it can stream. Waits a moment for a connection under way, and goes
   * on over the next one when it is lost.
   */
  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<Result<GenerateOutcome>> {
    this.ownRequests += 1;
    this.applyLevel(this.decide());
    try {
      return await this.requester.generate((lost) => this.usableConnection(options.signal, lost), request, options);
    } finally {
      this.ownRequests -= 1;
      this.applyLevel(this.decide());
    }
  }

  /**
   * The connection, once there is one and a node id with it: without that nobody could be charged.
   *
   * @param lost - one that is known to be gone
   */
  private async usableConnection(
    signal: AbortSignal | undefined,
    lost: CoordinatorConnection | null,
  ): Promise<CoordinatorConnection | null> {
    const isUsable = (): boolean => this.connection !== null && this.connection !== lost;
    if (!isUsable() && this.running !== null && this.policy.readings.consent) {
      await this.connected.next(lost === null ? CONNECTION_WAIT_MS : RECONNECTION_WAIT_MS, signal);
    }
    return this.nodeId !== null && isUsable() ? this.connection : null;
  }

  /** Reads a JSON document of the coordinator, for screens that show its models, pipelines or ledger. */
  fetchJson(path: string, signal?: AbortSignal): Promise<Result<unknown>> {
    return this.requester.fetchJson(path, signal);
  }

  /** Writes an answer of the coordinator of any size, such as an export, to a file. */
  download(path: string, file: string): Promise<Result<void>> {
    return this.requester.download(path, file);
  }

  /** Asks the coordinator to lift a suspension. */
  async requestUnsuspension(): Promise<Result<void>> {
    if (this.nodeId === null) return nodeFailure('not-connected', 'This node is not registered yet.');
    const lifted = await this.requester.requestUnsuspension(this.nodeId);
    if (!lifted.ok) return lifted;
    this.policy.suspended = null;
    this.policyChanged();
    return success(undefined);
  }

  private notice(text: string): void {
    this.logger.info(text);
    this.events.notice.emit({ text, from: 'node' });
  }

  private decide(): RunDecision {
    return this.policy.decide(this.preferences);
  }

  private wishOf(decision: RunDecision): ReturnType<typeof shardWish> | null {
    return decision.run ? shardWish(this.preferences, decision.level, this.snapshot().hardware) : null;
  }

  private policyChanged(): void {
    const decision = this.decide();
    this.applyLevel(decision);
    this.shards.abandonUnless(this.wishOf(decision));
    this.wake.signal();
  }

  /** Passes on what takes effect at once, with or without a coordinator: speeds, and that nothing new is taken. */
  private applyLevel(decision: RunDecision): void {
    if (!decision.run) return this.shards.accept(false);
    const { level } = decision;
    const { hardware } = this.snapshot();
    const provider = this.keeper.served?.handle.provider ?? 'cpu';
    this.pacer.setShare(this.ownRequests > 0 ? 1 : passShareOf(level, provider, hardware?.cpuCores ?? 1));
    this.traffic.setLimits({ upload: level.uploadBytesPerSecond, download: level.downloadBytesPerSecond });
  }

  /** The loop of the node's life: prepare, connect, work until the connection ends, again. */
  private async run(signal: AbortSignal): Promise<void> {
    await this.duty.restore();
    while (!signal.aborted) {
      const decision = this.decide();
      if (!decision.run && (decision.reason.kind === 'no-consent' || !decision.online)) {
        this.view.apply({ type: 'paused', reason: decision.reason });
        await this.shards.release();
        await this.wake.wait(this.nextWorkInMs());
        continue;
      }
      const before = this.retries;
      const prepared = await this.preparation.prepare(signal);
      const ended = prepared.ok ? await this.connectAndWork(prepared.value, signal) : prepared.error;
      if (signal.aborted) break;
      if (ended === null) continue;
      const isKnown = prepared.ok && (await this.registration.isKnown(this.preferences.coordinatorUrl, prepared.value));
      const delayMs = this.backOff.delayAfter(ended, isKnown);
      if (this.retries === before) await this.pauseAfter(ended, delayMs, signal);
    }
    await this.doors.close();
    await this.shards.release();
    await this.duty.settled();
    this.view.apply({ type: 'stopped' });
  }

  /** Shows a failure and waits: for a time, or where that is null until the person changes something. */
  private async pauseAfter(error: Failure, delayMs: number | null, signal: AbortSignal): Promise<void> {
    const before = this.retries;
    const atMs = delayMs === null ? null : this.clock.monotonicMs() + delayMs;
    this.view.apply(failureEvent(error, delayMs, this.clock));
    this.logger.warn('The node waits', { code: error.code, reason: error.message, retry: delayMs !== null });
    while (!signal.aborted && this.retries === before) {
      const remainingMs = atMs === null ? null : atMs - this.clock.monotonicMs();
      if (remainingMs !== null && remainingMs <= 0) return;
      const decision = this.decide();
      if (!decision.run && (decision.reason.kind === 'no-consent' || !decision.online)) return;
      await this.wake.wait(remainingMs);
    }
  }

  private async connectAndWork(prepared: PreparedNode, signal: AbortSignal): Promise<Failure | null> {
    const { coordinatorUrl, accessToken } = this.preferences;
    const url = parseCoordinatorUrl(coordinatorUrl);
    if (!url.ok) return url.error;
    this.view.apply({ type: 'connecting', attempt: this.backOff.attempt + 1 });
    const record = await this.registration.find(url.value.base, prepared);
    if (!record.ok) return record.error;
    // Events may come before `connectToCoordinator` returns; they wait for the connection.
    const early = new EarlyEvents();
    const connected = await connectToCoordinator({
      url: coordinatorUrl,
      accessToken,
      invitation: this.preferences.invitation ?? null,
      identity: prepared.identity,
      clock: this.clock,
      logger: this.logger,
      resume: this.resumeFrom?.url === url.value.base ? this.resumeFrom.point : null,
      storedNodeId: record.value?.nodeId ?? null,
      onEvent: (event) => early.take(event),
      traffic: this.traffic,
      signal,
    });
    if (!connected.ok) return signal.aborted ? null : connected.error;
    const connection = connected.value;
    const link: { lost: Failure | null } = { lost: null };
    const noticeLoss = async (): Promise<void> => {
      link.lost = await connection.closed;
      this.wake.signal();
    };
    void noticeLoss();
    this.view.apply({ type: 'connected' });
    this.showCoordinator(connection, coordinatorUrl);
    const registered = await this.registration.register(connection, prepared, record.value);
    if (!registered.ok) connection.close();
    if (!registered.ok) return registered.error;
    this.requester.speakAs(prepared.identity, connection.info);
    this.nodeId = registered.value.nodeId;
    this.noteStatus(registered.value.status, null);
    this.connection = connection;
    this.connected.emit(null);
    early.passTo((event) => this.receive(connection, event));
    // What ended the connection; leaving of our own accord closes it too, which is no loss.
    let lost: Failure | null = null;
    try {
      while (link.lost === null && !signal.aborted && this.belongsAt(coordinatorUrl, accessToken)) {
        await this.work(connection, registered.value.nodeId);
        if (link.lost === null && !signal.aborted) await this.wake.wait(this.nextWorkInMs());
      }
    } finally {
      lost = link.lost;
      await this.leave(connection, url.value.base, lost !== null);
    }
    return lost;
  }

  /** Whether the person still wants to be connected, and to this coordinator. */
  private belongsAt(url: string, accessToken: string | null): boolean {
    const { coordinatorUrl, accessToken: token } = this.preferences;
    const wanted = this.policy.readings.consent && this.policy.preview(this.preferences).online;
    return wanted && coordinatorUrl === url && token === accessToken;
  }

  private async leave(connection: CoordinatorConnection, baseUrl: string, lost: boolean): Promise<void> {
    const point = connection.resumePoint();
    this.resumeFrom = point === null ? null : { url: baseUrl, point };
    if (!lost) {
      const leaving = nodeFailure('not-serving', 'This node is leaving.', { retryable: true });
      await Promise.race([
        this.shards.standBy(leaving.error),
        new Promise<void>((resolve) => void setTimeout(resolve, GOODBYE_TIMEOUT_MS).unref()),
      ]);
    }
    this.shards.connectionLost();
    this.connection = null;
    connection.close();
    this.view.set({
      requestsActive: this.shards.active,
      coordinator: { ...this.snapshot().coordinator, transport: null },
    });
    if (!lost) await this.shards.keepOnly(this.stopping?.signal.aborted === true ? null : this.wishOf(this.decide()));
  }

  private showCoordinator(connection: CoordinatorConnection, url: string): void {
    const { name, version, tokenMode } = connection.info;
    this.view.set({ coordinator: { url, name, version, tokenMode, transport: connection.transport } });
  }

  /** Brings the node in line with what the policy decides now. Called after every change; does only what is missing. */
  private async work(connection: CoordinatorConnection, nodeId: string): Promise<void> {
    const decision = this.decide();
    if (!decision.run) return this.takeRest(decision.reason);
    this.pausing.ended();
    this.shards.accept(true);
    const wish = this.wishOf(decision);
    if (wish === null) return;
    const reach = await this.doors.open(connection, this.preferences, nodeId);
    if (!reach.ok) {
      this.view.apply({ type: 'failed', error: reach.error });
      return;
    }
    await this.shards.reconcile(connection, wish, reach.value);
    this.applyLevel(decision);
  }

  /** Ends the work as the person wishes: after the running requests or at once, with or without the layers in memory. */
  private async takeRest(reason: PauseReason): Promise<void> {
    this.view.apply({ type: 'paused', reason });
    this.shards.abandonUnless(null);
    const { finishBeforePausing, freeMemoryWhenPaused } = this.preferences.policy;
    const mayFinish = this.pausing.mayFinish(reason, finishBeforePausing);
    if (mayFinish && this.shards.active > 0) return this.shards.accept(false);
    const paused: Failure = { code: 'not-serving', message: 'This node is paused.', retryable: true };
    await this.shards.standBy(paused);
    if (freeMemoryWhenPaused) await this.shards.release();
  }

  private nextWorkInMs(): number | null {
    const { run, recheckAtMs } = this.decide();
    const waits = [run ? this.shards.retryInMs : this.shards.active > 0 ? this.pausing.remainingMs : null];
    // An hour at most: a clock that was set, or a change of daylight saving, must not make a plan late for long.
    if (recheckAtMs !== null) waits.push(Math.min(Math.max(1, recheckAtMs - this.clock.now()), MAX_POLICY_WAIT_MS));
    const known = waits.filter((wait) => wait !== null);
    return known.length === 0 ? null : Math.min(...known);
  }

  private noteStatus(status: string | null, message: string | null): void {
    if (status === null) return;
    const suspended = status === 'suspended' ? (message ?? 'The coordinator says this node is suspended.') : null;
    const changed = (suspended === null) !== (this.policy.suspended === null);
    this.policy.suspended = suspended;
    if (changed) this.policyChanged();
  }

  private receive(connection: CoordinatorConnection, event: CoordinatorEvent): void {
    switch (event.kind) {
      case 'pipeline':
        return this.shards.handlePipeline(connection, event.message);
      case 'activation':
        return this.shards.handleActivation(event.bytes);
      case 'task':
        void this.duty.answer(connection, event.task, this.nodeId ?? '');
        return;
      case 'shard-lost':
        this.notice('The coordinator no longer knows this shard; it is registered again.');
        this.shards.registrationLost();
        return this.wake.signal();
      case 'balance':
        this.view.set({ balanceMicroGft: event.balanceMicroGft });
        return this.events.balance.emit(event);
      case 'node-status':
        if (event.reliability !== null) this.view.set({ reliability: event.reliability });
        if (event.taskId !== null) this.duty.judgeLater(event.taskId, event.passed, event.message);
        return this.noteStatus(event.status, event.message);
      case 'coverage':
        return this.events.coverage.emit(event);
      case 'move-proposed':
        return this.shards.moves.proposed(connection, event.proposal);
      case 'notice':
        return this.events.notice.emit({ text: event.text, from: 'coordinator' });
    }
  }
}
