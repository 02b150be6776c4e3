import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { ChatMessage, ModelManifest, Sampling } from '../../protocol/compute/model';
import type { NodeRegistration } from '../../protocol/compute/http/nodes';
import type { ShardRegistration } from '../../protocol/compute/http/shards';
import type { TaskResultBody } from '../../protocol/compute/http/tasks';
import type { CoordinatorTransport, MoveProposal } from '../../protocol/compute/node-snapshot';
import type { Failure, Result } from '../../protocol/result';
import type {
  CoordinatorMessage,
  GenerateOutcome,
  MessageOf,
  NodeMessage,
  PipelineHop,
} from '../../protocol/wire/messages';
import type { NodeRecord, ReadTask, ReadVerdict } from './reading';

/** Who answers at an address. */
export interface CoordinatorInfo {
  readonly baseUrl: string;
  readonly name: string;
  readonly version: string;
  readonly tokenMode: boolean | null;
  /** What requests are bound to that have to be signed; absent where none is, as in the baseline. */
  readonly signFor?: string;
}

/** What a coordinator tells a node without being asked. */
export type CoordinatorEvent =
  | { readonly kind: 'task'; readonly task: ReadTask }
  | {
      readonly kind: 'balance';
      readonly balanceMicroGft: number;
      /** The change behind it; null when only the balance is known. */
      readonly amountMicroGft: number | null;
      readonly eventType: string | null;
      readonly ledgerRef: string | null;
    }
  | {
      readonly kind: 'node-status';
      readonly status: string;
      readonly reliability: number | null;
      readonly message: string;
      readonly taskId: string | null;
      readonly passed: boolean | null;
    }
  | {
      readonly kind: 'coverage';
      readonly modelId: string;
      readonly available: boolean;
      readonly layersMissing: readonly number[];
    }
  | { readonly kind: 'notice'; readonly text: string }
  | { readonly kind: 'move-proposed'; readonly proposal: MoveProposal }
  | { readonly kind: 'pipeline'; readonly message: PipelineMessage }
  | { readonly kind: 'activation'; readonly bytes: Uint8Array }
  /** The coordinator no longer knows our shard (it restarted): register it again. */
  | { readonly kind: 'shard-lost' };

export type PipelineMessage = MessageOf<
  CoordinatorMessage,
  'pipeline-open' | 'pipeline-begin' | 'pipeline-route' | 'pipeline-expect' | 'pipeline-step' | 'pipeline-close'
>;
export type PipelineReport = MessageOf<
  NodeMessage,
  'pipeline-opened' | 'pipeline-token' | 'pipeline-progress' | 'pipeline-unlinked' | 'pipeline-failed'
>;

/** A request for an answer. Exactly one of `prompt` (taken as it is) and `messages` (through the chat template) is given. */
export interface GenerateRequest {
  /** UUID chosen by the requester. */
  readonly requestId: string;
  readonly modelId: string;
  readonly prompt?: string;
  readonly messages?: readonly ChatMessage[];
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  /** Nodes alone, or the fallback server of the operator alone; absent: nodes, else what the operator set. */
  readonly backend?: 'distributed' | 'fallback' | undefined;
  /** The group session the answer is for, kept with the settled request so that its cost can be checked. */
  readonly session?: { readonly sessionId: string; readonly participantId: string };
}

/** The answer begins. */
export interface GenerateStart {
  readonly pipeline: readonly PipelineHop[];
  readonly inputTokens: number;
  /** It goes on where a lost connection left it; otherwise it begins anew, and text from before is void. */
  readonly isResumed?: boolean;
}

/** A token of the answer. */
export interface ArrivedToken {
  readonly index: number;
  readonly tokenId: number;
  /** Text that became certain with it. */
  readonly text: string;
  /** Where the request asks for them and whoever answers gives them. */
  readonly logProbabilities?: TokenLogProbabilities | undefined;
}

export interface GenerateOptions {
  /** The same request was under way over a lost connection, which brought tokens up to this index. */
  readonly resumeFrom?: number | undefined;
  readonly onStarted?: ((started: GenerateStart) => void) | undefined;
  readonly onToken?: ((token: ArrivedToken) => void) | undefined;
  /** The request waits for its turn; `position` 1 is next. */
  readonly onQueued?: ((place: { position: number; waiting: number }) => void) | undefined;
  /** The answer pauses because nobody serves these layers; it waits this long for somebody. */
  readonly onWaiting?: ((waiting: { layersMissing: readonly number[]; seconds: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ShardOffer {
  readonly shard: ShardRegistration;
  readonly manifestHash: string;
  /** Introduces the model where the coordinator does not know it yet. */
  readonly manifest: ModelManifest;
}

/** One connection to one coordinator, over either transport. A closed connection is never opened again. */
export interface CoordinatorConnection {
  readonly transport: CoordinatorTransport;
  readonly info: CoordinatorInfo;
  /** The node this key registered here earlier; null: register now. */
  readonly knownNode: NodeRecord | null;
  /** Resolves once, with what ended the connection. */
  readonly closed: Promise<Failure>;
  /** Where to continue after the connection is lost; null where the transport has no such thing. */
  resumePoint(): ResumePoint | null;
  registerNode(registration: NodeRegistration): Promise<Result<NodeRecord>>;
  updateHardware(registration: NodeRegistration): Promise<Result<void>>;
  registerShard(offer: ShardOffer): Promise<Result<void>>;
  removeShard(modelId: string): Promise<Result<void>>;
  /** Says whether this node moves as it was asked to. Fails when the move is no longer wanted. */
  answerMove(proposalId: string, accepted: boolean): Promise<Result<void>>;
  submitTaskResult(result: TaskResultBody): Promise<Result<ReadVerdict>>;
  generate(request: GenerateRequest, options: GenerateOptions): Promise<Result<GenerateOutcome>>;
  /** Sends a report of a pipeline job; dropped when the connection is closed, since nobody waits for it any more. */
  report(message: PipelineReport): void;
  /** Resolves when there is room for the next one. */
  sendActivation(bytes: Uint8Array): Promise<void>;
  close(): void;
}

export interface ResumePoint {
  readonly connectionId: string;
  readonly lastEvent: number;
}
