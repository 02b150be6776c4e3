import { Type, type Static } from 'typebox';
import { FailureDocument } from '../failure-document';
import { LayerRange } from './model';
import { PauseReason } from './pause-reason';
import type { HeldPrecision } from './run-preferences';

export type { PauseReason } from './pause-reason';

const Fraction = Type.Number({ minimum: 0, maximum: 1 });
const ModelName = Type.String({ maxLength: 400 });

/**
 * Lifecycle of a contributing node.
 *
 *   off ──start──▶ preparing ──▶ connecting ──▶ registering ──▶ loading ──▶ serving
 *    ▲                 │             ▲  │            │             │          │
 *    │                 ▼             │  ▼            ▼             ▼          ▼
 *    └───stop──── failed ◀───────── waiting (lost connection or refused; tries again at `retryAt`)
 *                                     paused (connected, holds no work; says why)
 */
export const NodeState = Type.Union([
  Type.Object({ kind: Type.Literal('off') }),
  Type.Object({
    kind: Type.Literal('preparing'),
    step: Type.Enum(['identity', 'hardware', 'benchmark', 'model']),
    fraction: Fraction,
  }),
  Type.Object({ kind: Type.Literal('connecting'), attempt: Type.Integer() }),
  Type.Object({ kind: Type.Literal('registering') }),
  Type.Object({ kind: Type.Literal('loading'), modelId: ModelName, range: LayerRange, fraction: Fraction }),
  Type.Object({ kind: Type.Literal('serving'), modelId: ModelName, range: LayerRange }),
  Type.Object({ kind: Type.Literal('paused'), reason: PauseReason }),
  Type.Object({ kind: Type.Literal('waiting'), error: FailureDocument, retryAt: Type.String({ maxLength: 40 }) }),
  Type.Object({ kind: Type.Literal('failed'), error: FailureDocument }),
]);
export type NodeState = Static<typeof NodeState>;

/** How the node reaches its coordinator: one WebSocket, or the HTTP baseline where there is no `/ws`. */
export type CoordinatorTransport = 'websocket' | 'http';

/** One challenge as the node saw it. */
export interface ChallengeRecord {
  readonly taskId: string;
  readonly modelId: string;
  readonly range: LayerRange;
  readonly receivedAt: string;
  /** Time from receipt to the coordinator's verdict. */
  readonly durationMs: number | null;
  readonly verdict: 'waiting' | 'passed' | 'failed' | 'error';
  readonly message: string;
}

/** An execution provider of the engine as this machine measured it. */
export interface ProviderReport {
  readonly name: string;
  /** The card, where a provider drives several and this is not the one it takes by itself. */
  readonly deviceId?: number;
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason: string | null;
  /** Decode speed of the reference transformer; null where it is not available. */
  readonly tokensPerSecond: number | null;
}

/** Hardware as measured here; the scores are those sent at registration. */
export interface HardwareReport {
  readonly cpuModel: string;
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly freeMemoryBytes: number;
  readonly gpus: readonly { readonly vendor: string; readonly model: string; readonly memoryBytes: number | null }[];
  /** Those that run, fastest first, then those that do not. */
  readonly providers: readonly ProviderReport[];
  readonly matmulGflops: number;
  readonly memoryGigabytesPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly matmulScore: number;
  readonly memoryScore: number;
  readonly latencyScore: number;
  readonly measuredAt: string;
}

/** Neighbouring layers of a shard and the device that runs them. */
export interface SegmentReport {
  /** Execution provider and, where it was told one, the number of a card: `cpu`, `cuda:1`. */
  readonly device: string;
  readonly range: LayerRange;
  readonly memoryBytes: number;
}

/** The shard in memory. */
export interface ShardReport {
  readonly modelId: string;
  readonly friendlyName: string;
  readonly manifestHash: string;
  readonly range: LayerRange;
  readonly totalLayers: number;
  /** How its weights are held. */
  readonly precision: HeldPrecision;
  readonly provider: string;
  /** Why other devices run nothing, one sentence each. */
  readonly providerReasons: readonly string[];
  /** In the order of the layers; one where a device runs all. */
  readonly segments: readonly SegmentReport[];
  readonly weightBytes: number;
  readonly cacheBytesPerPosition: number;
  readonly memoryBytes: number;
  /** Why these layers: the coordinator's suggestion, or the user's own choice. */
  readonly chosenBy: 'coordinator' | 'user';
}

/** A coordinator's wish that this node holds other layers of the same model, in the same memory. */
export interface MoveProposal {
  readonly proposalId: string;
  readonly modelId: string;
  readonly range: LayerRange;
  /** How many times as strong the weakest layer becomes; null: layers that nobody serves are served. */
  readonly gain: number | null;
  readonly expiresAt: string;
}

/** Everything about the node that a person may want to see; main sends it whole whenever it changes. */
export interface NodeSnapshot {
  readonly state: NodeState;
  readonly nodeId: string | null;
  readonly publicKey: string | null;
  readonly hardwareClass: string | null;
  readonly multiplier: number | null;
  readonly reliability: number | null;
  readonly balanceMicroGft: number | null;
  readonly coordinator: {
    readonly url: string;
    readonly name: string | null;
    readonly version: string | null;
    readonly transport: CoordinatorTransport | null;
    readonly tokenMode: boolean | null;
  };
  readonly hardware: HardwareReport | null;
  readonly shard: ShardReport | null;
  /** Waits for the person's answer; null when nothing is asked. */
  readonly moveProposal: MoveProposal | null;
  readonly challenges: readonly ChallengeRecord[];
  readonly requestsServed: number;
  readonly requestsFailed: number;
  readonly tokensServed: number;
  /** Floating-point operations of the passes run here for others, counted from shapes by `countFlops`. */
  readonly flopsServed: number;
  /** Requests whose pipeline this node is part of right now. */
  readonly requestsActive: number;
  /** Decode steps per second over the last seconds of work, null while idle. */
  readonly tokensPerSecond: number | null;
}

/** What is known of a node beside its state and its speed of the moment. */
export type NodeFacts = Omit<NodeSnapshot, 'state' | 'tokensPerSecond'>;

/** A node of which nothing is known yet. */
export const NO_NODE_FACTS: NodeFacts = {
  nodeId: null,
  publicKey: null,
  hardwareClass: null,
  multiplier: null,
  reliability: null,
  balanceMicroGft: null,
  coordinator: { url: '', name: null, version: null, transport: null, tokenMode: null },
  hardware: null,
  shard: null,
  moveProposal: null,
  challenges: [],
  requestsServed: 0,
  requestsFailed: 0,
  tokensServed: 0,
  flopsServed: 0,
  requestsActive: 0,
};
