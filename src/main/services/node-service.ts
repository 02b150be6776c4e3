import { basename } from 'node:path';
import type { EmbeddedCoordinatorState } from '../../contract/snapshot';
import type { AppEvent } from '../../contract/snapshot';
import type { Settings } from '../../contract/settings';
import {
  type ContributorNode,
  DEFAULT_ACTIVATION_SERVER,
  DEFAULT_READINGS,
  isLoopbackUrl,
  type NodePreferences,
  type NodeReadings,
  type RunDecision,
} from '../../node';
import type { NodeSnapshot, NodeState } from '../../protocol/compute/node-snapshot';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import type { Result } from '../../protocol/result';
import type { Texts } from '../texts/texts';
import type { CoordinatorSource } from './coordinator-reader';
import { balanceText, challengeText, isLasting, joinLayers, stateKey } from './node-texts';
import type { PowerReadings } from './power';
import type { PauseMemory } from './requested-pause';
import type { Timers } from './timers';
import { buildTrayModel } from './tray-model';

const BYTES_PER_MEBIBYTE = 1_048_576;
/** After this long without a token the node is idle; it says nothing by itself when it becomes so. */
const IDLE_AFTER_MS = 4_000;

/** Direct links listen wherever this computer can be reached, on a port of the system's choice. */
const EVERY_ADDRESS = { host: '0.0.0.0', port: 0, announcedHost: null } as const;

/** Layers that come back within this time, as in a reconnection, are not worth a line. */
const COVERAGE_CALM_MS = 3_000;
/** Models whose layers are watched; of more, what was heard longest ago is forgotten. */
const MAX_WATCHED_MODELS = 1_000;

/** Where the node's coordinator is, as far as it is known. */
export type CoordinatorTarget =
  | {
      readonly kind: 'known';
      readonly url: string;
      readonly accessToken: string | null;
      /** Lets this computer in where members alone may connect. */
      readonly invitation?: string | null;
      /** The embedded coordinator: its address is another one after each start, and its id says which it is. */
      readonly isOwn?: true;
    }
  /** The embedded coordinator is starting. */
  | { readonly kind: 'starting' }
  | { readonly kind: 'unavailable'; readonly error: Extract<EmbeddedCoordinatorState, { kind: 'failed' }>['error'] };

/** The part of the contributing node that this service uses. */
export type ContributorPort = Pick<
  ContributorNode,
  | 'snapshot'
  | 'onSnapshot'
  | 'on'
  | 'start'
  | 'stop'
  | 'retry'
  | 'updatePreferences'
  | 'updateReadings'
  | 'measureHardware'
  | 'generate'
  | 'fetchJson'
  | 'download'
  | 'previewRun'
  | 'trafficBytes'
  | 'finishBeforeNextPause'
  | 'models'
>;

export interface NodeServiceOptions {
  readonly createNode: (preferences: NodePreferences, readings: NodeReadings) => ContributorPort;
  readonly shippedModelFolder: string;
  readonly settings: Settings;
  readonly power: PowerReadings;
  readonly pauses: PauseMemory;
  readonly onSnapshot: (snapshot: NodeSnapshot) => void;
  readonly onCoverageChanged: () => void;
  readonly addEvent: (kind: AppEvent['kind'], text: string) => void;
  readonly formatClock: (time: string) => string;
  readonly texts: () => Texts;
  readonly timers: Timers;
}

/** Runs the contributing node as settings, power and the user's pauses say, and tells what happens to it. */
export class NodeService implements CoordinatorSource {
  readonly node: ContributorPort;
  readonly #options: NodeServiceOptions;
  #target: CoordinatorTarget = { kind: 'starting' };
  /** The coordinator the node was last pointed at; it stays with it while that one restarts. */
  #known: Extract<CoordinatorTarget, { kind: 'known' }> | null = null;
  #settings: Settings;
  #power: PowerReadings;
  #surroundings: Partial<NodeReadings> = {};
  #wanted = false;
  #started = false;
  /** Starting and stopping happen one after the other. */
  #lifecycle: Promise<void> = Promise.resolve();
  #lastStateKey = '';
  #lastVerdict = '';
  /** The last sentence told about each model, and how to take back the one that waits. */
  readonly #coverage = new Map<string, { readonly told: string; readonly cancel: () => void }>();
  #cancelIdle: (() => void) | null = null;

  constructor(options: NodeServiceOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#power = options.power;
    this.node = options.createNode(this.#preferences(), this.#readings());
    this.node.onSnapshot(() => this.#publish());
    this.node.on('balance', (event) => {
      const told = balanceText(event, options.texts());
      if (told !== null) options.addEvent(told.kind, told.text);
    });
    this.node.on('challenge', (record) => {
      const text = challengeText(record, options.texts());
      // The verdict may come twice: as the answer to the result and as word about the node's standing.
      if (text === null || this.#lastVerdict === `${record.taskId} ${record.verdict}`) return;
      this.#lastVerdict = `${record.taskId} ${record.verdict}`;
      options.addEvent('challenge', text);
    });
    this.node.on('coverage', (event) => this.#coverageChanged(event));
    this.node.on('notice', ({ text }) => options.addEvent('notice', text));
  }

  /** The node as it is, or what stands in its way before it can start. */
  snapshot(): NodeSnapshot {
    const snapshot = this.node.snapshot();
    if (snapshot.state.kind !== 'off') return snapshot;
    return { ...snapshot, state: this.#stateBeforeStart() };
  }

  download(path: string, file: string): Promise<Result<void>> {
    return this.node.download(path, file);
  }

  fetchJson(path: string): Promise<Result<unknown>> {
    return this.node.fetchJson(path);
  }

  /** The model this computer serves or would serve. */
  get ownModelId(): string {
    const { modelId } = this.#settings.contribution;
    return this.node.snapshot().shard?.modelId ?? modelId ?? basename(this.#modelFolder());
  }

  /** Points the node at its coordinator; a change is made while it runs. */
  setTarget(target: CoordinatorTarget): void {
    this.#target = target;
    if (target.kind === 'known') {
      this.#known = target;
      const { url, accessToken, invitation = null } = target;
      this.node.updatePreferences({ coordinatorUrl: url, accessToken, invitation });
      this.#run(true);
      // It may be waiting for its next attempt at a coordinator that has just come back.
      this.wokeUp();
    }
    // While its coordinator restarts the node keeps trying; without one it must not stay with the one before.
    if (target.kind === 'unavailable') this.#run(false);
    this.#publish();
  }

  applySettings(settings: Settings): void {
    this.#settings = settings;
    this.node.updatePreferences(this.#preferences());
    this.node.updateReadings(this.#readings());
    this.#publish();
  }

  applyPower(power: PowerReadings): void {
    this.#power = power;
    this.node.updateReadings(this.#readings());
  }

  /** Passes on what was read of this computer. */
  applySurroundings(readings: Partial<NodeReadings>): void {
    const next = { ...this.#surroundings, ...readings };
    if (JSON.stringify(next) === JSON.stringify(this.#surroundings)) return;
    this.#surroundings = next;
    this.node.updateReadings(this.#readings());
  }

  /** Whether the coordinator is on this computer, so that its traffic costs nothing. */
  get coordinatorIsLocal(): boolean {
    return isLoopbackUrl(this.#known?.url ?? '');
  }

  /** What the run policy says now, with other preferences where they are given. */
  previewRun(changes: Partial<NodePreferences>): RunDecision {
    return this.node.previewRun(changes);
  }

  /** @param minutes - null pauses the device until resumed */
  pauseDevice(device: DeviceId, minutes: number | null): void {
    this.#options.pauses.pauseDevice(device, minutes);
    this.node.updateReadings(this.#readings());
  }

  resumeDevice(device: DeviceId): void {
    this.#options.pauses.resumeDevice(device);
    this.node.updateReadings(this.#readings());
  }

  /** @param minutes - null pauses until resumed */
  pause(minutes: number | null): void {
    this.#options.pauses.pause(minutes);
    this.node.updateReadings(this.#readings());
  }

  resume(): void {
    this.#options.pauses.resume();
    this.node.updateReadings(this.#readings());
  }

  retry(): void {
    if (this.#started) this.node.retry();
  }

  /** After a sleep of the computer, or of its coordinator, there is no sense in waiting for the next attempt. */
  wokeUp(): void {
    const { kind } = this.node.snapshot().state;
    if (kind === 'waiting' || kind === 'failed') this.retry();
  }

  async close(): Promise<void> {
    this.#cancelIdle?.();
    for (const { cancel } of this.#coverage.values()) cancel();
    this.#run(false);
    await this.#lifecycle;
  }

  #modelFolder(): string {
    return this.#settings.contribution.modelFolder ?? this.#options.shippedModelFolder;
  }

  #preferences(): NodePreferences {
    const { contribution, region } = this.#settings;
    return {
      coordinatorUrl: this.#known?.url ?? '',
      accessToken: this.#known?.accessToken ?? null,
      invitation: this.#known?.invitation ?? null,
      modelFolder: contribution.modelId === null ? this.#modelFolder() : null,
      modelId: contribution.modelId,
      activationServer: DEFAULT_ACTIVATION_SERVER,
      directLinks: contribution.directLinks ? EVERY_ADDRESS : null,
      policy: this.#settings.policy,
      pauseOnBattery: contribution.pauseOnBattery,
      cpuThreads: contribution.cpuThreads,
      memoryBudgetBytes: contribution.memoryBudgetMb * BYTES_PER_MEBIBYTE,
      layerChoice: contribution.layerChoice,
      precision: contribution.precision,
      moveConsent: contribution.moveConsent,
      region,
    };
  }

  #readings(): NodeReadings {
    const pause = this.#options.pauses.current;
    return {
      ...DEFAULT_READINGS,
      idleSeconds: null,
      ...this.#surroundings,
      deviceSnoozes: this.#options.pauses.devices,
      consent: this.#settings.consentAt !== null,
      pausedByUser: pause?.kind === 'user',
      snoozedUntil: pause?.kind === 'snoozed' ? pause.until : null,
      onBattery: this.#power.onBattery,
      batteryPercent: this.#power.batteryPercent,
    };
  }

  #run(wanted: boolean): void {
    this.#wanted = wanted;
    this.#lifecycle = this.#lifecycle.then(async () => {
      if (this.#wanted === this.#started) return;
      this.#started = this.#wanted;
      if (this.#started) this.node.start();
      else await this.node.stop();
    });
  }

  #stateBeforeStart(): NodeState {
    if (this.#settings.consentAt === null) return { kind: 'paused', reason: { kind: 'no-consent' } };
    switch (this.#target.kind) {
      case 'starting':
        return { kind: 'connecting', attempt: 1 };
      case 'unavailable':
        return { kind: 'failed', error: this.#target.error };
      case 'known':
        return { kind: 'off' };
    }
  }

  #publish(): void {
    const snapshot = this.snapshot();
    this.#cancelIdle?.();
    this.#cancelIdle =
      snapshot.tokensPerSecond === null ? null : this.#options.timers.after(IDLE_AFTER_MS, () => this.#publish());
    this.#tellState(snapshot);
    this.#options.onSnapshot(snapshot);
  }

  #tellState({ state }: NodeSnapshot): void {
    const key = stateKey(state);
    if (!isLasting(state) || key === this.#lastStateKey) return;
    this.#lastStateKey = key;
    const quiet = { state, balanceMicroGft: null, tokensPerSecond: null, requestsActive: 0, requestsServed: 0 };
    const { stateLine } = buildTrayModel(quiet, this.#options.formatClock, this.#options.texts());
    this.#options.addEvent(
      state.kind === 'failed' ? 'error' : 'state',
      /[.!?]$/.test(stateLine) ? stateLine : `${stateLine}.`,
    );
  }

  #coverageChanged(event: { modelId: string; available: boolean; layersMissing: readonly number[] }): void {
    const { modelId, available, layersMissing } = event;
    const { covered, uncovered } = this.#options.texts().events;
    const text = available ? covered(modelId) : uncovered(modelId, joinLayers(layersMissing), layersMissing.length);
    const last = this.#coverage.get(modelId);
    last?.cancel();
    // The first word about a model is no news: it comes with every first connection.
    const told = last?.told ?? text;
    const cancel = this.#options.timers.after(COVERAGE_CALM_MS, () => {
      this.#coverage.set(modelId, { told: text, cancel: () => undefined });
      if (told !== text) this.#options.addEvent('coverage', text);
    });
    this.#coverage.delete(modelId);
    this.#coverage.set(modelId, { told, cancel });
    const [oldest] = this.#coverage;
    if (this.#coverage.size > MAX_WATCHED_MODELS && oldest !== undefined) {
      oldest[1].cancel();
      this.#coverage.delete(oldest[0]);
    }
    this.#options.onCoverageChanged();
  }
}
