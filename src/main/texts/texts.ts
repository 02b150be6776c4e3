import type { LayerRange } from '../../protocol/compute/model';
import type { Milestone } from '../../contract/records';
import type { ChallengeRecord, CoordinatorTransport } from '../../protocol/compute/node-snapshot';
import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { DeviceId } from '../../protocol/compute/run-preferences';

/** A range of layers of a model, both ends inclusive. */
export interface LayersOfModel {
  readonly start: number;
  readonly end: number;
  readonly model: string;
}

export function layersOf(range: LayerRange, model: string): LayersOfModel {
  return { start: range.layer_start, end: range.layer_end, model };
}

/** Every text main shows by itself: in the tray, in the list of events and over the system's file dialogs. */
export interface Texts {
  readonly tray: {
    readonly pauses: Readonly<Record<'minutes15' | 'hour' | 'hours4' | 'morning' | 'resumed', string>>;
    readonly finishFirst: string;
    readonly open: string;
    readonly quit: string;
    readonly retry: string;
    readonly resume: string;
    balance(gft: string): string;
    served(requests: number): string;
  };
  readonly state: {
    readonly off: string;
    readonly preparing: Readonly<Record<'identity' | 'hardware' | 'benchmark' | 'model', string>>;
    readonly connecting: string;
    readonly registering: string;
    loading(layers: LayersOfModel): string;
    serving(layers: LayersOfModel, isWorking: boolean, tokensPerSecond: number | null): string;
    waiting(message: string, time: string): string;
    readonly pausedUntilResumed: string;
    pausedUntil(time: string): string;
    readonly awaitingConsent: string;
    paused(reason: string): string;
  };
  /** One or two plain sentences: what holds, and what ends it. */
  pauseReason(reason: PauseReason, formatTime: (time: string) => string): string;
  readonly events: {
    earned(gft: string): string;
    received(gft: string): string;
    expired(gft: string): string;
    penalty(gft: string): string;
    spent(gft: string, tokens: number, model: string): string;
    challenge(layers: LayersOfModel, verdict: Exclude<ChallengeRecord['verdict'], 'waiting'>, message: string): string;
    covered(model: string): string;
    /** @param layers - as "4-6, 9" */
    uncovered(model: string, layers: string, count: number): string;
    layersHere(model: string): string;
  };
  readonly records: {
    newVersion(version: string): string;
    /** @param path - where the damaged file was put */
    damaged(path: string): string;
    connected(name: string, transport: CoordinatorTransport): string;
    served(requests: number, tokens: number): string;
    failed(requests: number): string;
    /** @param minutes - null lasts until resumed */
    deviceSnoozed(device: DeviceId, minutes: number | null): string;
    deviceResumed(device: DeviceId): string;
    /** Titles of notifications of the system. */
    readonly problem: string;
    readonly milestone: string;
    readonly milestones: Readonly<Record<Milestone['kind'], (count: number) => string>>;
  };
  /** Data that could not be removed. */
  readonly removal: {
    readonly title: string;
    /** @param names - what is left, one a line */
    left(folder: string, names: string): string;
  };
  readonly dialogs: {
    readonly export: string;
    readonly exportFolder: string;
    readonly import: string;
    readonly projectFiles: string;
    readonly model: string;
    readonly keyBackup: string;
    readonly record: string;
    readonly agreement: string;
    readonly statistics: string;
    readonly eventLog: string;
    readonly report: string;
  };
}

/** Which title a file dialog has. */
export type DialogTitle = keyof Texts['dialogs'];
