import type { NodeSnapshot } from '../protocol/compute/node-snapshot';
import type { Failure } from '../protocol/result';
import type { ConversationSummary } from './chat';
import type { CoordinatorNotice } from './records';
import type { Settings } from './settings';

/** The coordinator this app runs itself. */
export type EmbeddedCoordinatorState =
  | { readonly kind: 'off' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly url: string }
  | { readonly kind: 'failed'; readonly error: Failure };

/** A model that can be asked or served, as the coordinator lists it. */
export interface ModelSummary {
  readonly modelId: string;
  readonly friendlyName: string;
  readonly totalLayers: number;
  readonly pipelineAvailable: boolean;
  readonly onlineShards: number;
}

/** Who holds which layers of a model, for the pipeline strip. */
export interface ModelCoverage {
  readonly modelId: string;
  readonly friendlyName: string;
  readonly totalLayers: number;
  readonly available: boolean;
  /** Plain sentence of the coordinator when no pipeline can be formed. */
  readonly reason: string | null;
  readonly layers: readonly {
    readonly index: number;
    readonly holder: 'mine' | 'others' | 'missing';
    readonly holders: number;
  }[];
}

/** One line of the ledger as the app shows it. */
export interface LedgerEntryView {
  readonly id: string;
  readonly eventType: 'issuance' | 'redemption' | 'purchase' | 'expiry' | 'penalty';
  readonly nodeId: string;
  /** Positive: received; negative: spent. */
  readonly microGft: number;
  readonly flops: number | null;
  readonly requestId: string | null;
  readonly taskId: string | null;
  readonly reason: string | null;
  readonly entryHash: string;
  readonly timestamp: string;
  readonly expiresAt: string | null;
}

export interface LedgerPage {
  readonly entries: readonly LedgerEntryView[];
  readonly balanceMicroGft: number;
  readonly totalEarnedMicroGft: number;
  readonly totalSpentMicroGft: number;
  /** What expires within 90 days unless it is spent before, by day (`2027-03-01`, UTC), soonest first. */
  readonly expiring: readonly { readonly microGft: number; readonly on: string }[];
}

/** Forms in which the own entries of the ledger can be written to a file. */
export type LedgerExportFormat = 'csv' | 'jsonl';

export interface LedgerVerification {
  readonly valid: boolean;
  readonly entriesChecked: number;
  readonly message: string;
}

/** How to let another computer or process join the embedded coordinator; the token is a secret, shown on request only. */
export interface JoinDetails {
  readonly url: string;
  readonly accessToken: string;
  readonly command: string;
}

/** One line of the recent-events list. */
export interface AppEvent {
  readonly id: string;
  readonly at: string;
  readonly kind: 'state' | 'earning' | 'spending' | 'challenge' | 'coverage' | 'notice' | 'error';
  readonly text: string;
}

/** Everything a window shows, owned by main. */
export interface AppSnapshot {
  readonly appVersion: string;
  readonly settings: Settings;
  /** Whether an access token for the remote coordinator is stored. */
  readonly hasRemoteAccessToken: boolean;
  /** Whether an invitation to the remote coordinator is stored. */
  readonly hasInvitation: boolean;
  /** Whether secrets are encrypted by the system's key store; false: kept in a file only this user can read. */
  readonly secretsEncrypted: boolean;
  readonly embeddedCoordinator: EmbeddedCoordinatorState;
  readonly node: NodeSnapshot;
  readonly models: readonly ModelSummary[];
  /** Coverage of the model this computer serves or would serve. */
  readonly coverage: ModelCoverage | null;
  readonly conversations: readonly ConversationSummary[];
  /** Newest first, at most 100. */
  readonly events: readonly AppEvent[];
  /** Word from the coordinator that was not read yet, newest first, at most 5. */
  readonly unreadNotices: readonly CoordinatorNotice[];
}

/** An ordered change; a renderer that sees a gap in `revision` asks for the whole snapshot again. */
export interface SnapshotUpdate {
  readonly revision: number;
  readonly changes: Partial<AppSnapshot>;
}
