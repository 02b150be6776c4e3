import type { TaskView } from '../../protocol/compute/http/tasks';
import type { CoordinatorMessage, GenerateOutcome, MessageOf, PipelineHop } from '../../protocol/wire/messages';
import type { CoordinatorResult } from '../errors';
import type { BalanceChange, StandingChange } from '../notifications';
import type { QueuePlace } from '../pipeline/admission-queue';
import type { AnswerName } from '../pipeline/answer-desk';
import type { KeptAnswer, KeptToken } from '../pipeline/answer-record';
import type { PipelineCommand, RelayEvent } from '../pipeline/relay-router';
import type { RoomNews } from '../sessions/shared-rooms';
import type { RegisteredShard } from '../scheduling/shard-registry';

/** A shard on its way; times are ages, because the clocks of machines differ. */
export interface SharedShard {
  readonly shard: Omit<RegisteredShard, 'lastHeartbeatMs'>;
  readonly ageMs: number;
}

/** News for a key, whether it is a node's or not. */
export type KeyMessage = MessageOf<CoordinatorMessage, 'inbox-changed'>;

/** News for a node, as the method of NodeNotifications it is for. */
export type Notice =
  | { readonly method: 'task'; readonly value: TaskView }
  | { readonly method: 'balance'; readonly value: BalanceChange }
  | { readonly method: 'standing'; readonly value: StandingChange }
  | { readonly method: 'notice'; readonly value: string };

/** What happens to an answer, as the method of GenerateListener it is for, and its end; null: it is taken elsewhere. */
export type AnswerGrowth =
  | { readonly method: 'started'; readonly pipeline: readonly PipelineHop[]; readonly inputTokens: number }
  | ({ readonly method: 'token'; readonly index: number } & KeptToken)
  | { readonly method: 'queued'; readonly place: QueuePlace }
  | { readonly method: 'waiting'; readonly layersMissing: readonly number[]; readonly seconds: number }
  | { readonly method: 'ended'; readonly outcome: CoordinatorResult<GenerateOutcome> | null };

/** An event of a node without its bytes, which travel beside the message. */
export type SharedEvent =
  Exclude<RelayEvent, { kind: 'frame' }> | Omit<Extract<RelayEvent, { kind: 'frame' }>, 'bytes'>;

/**
 * What replicas tell each other.
 *
 *   everybody:  hello, beat, nodes, shards, standings-changed, grid-changed, room, tell-key, bye
 *   one:        state (answers hello), command and frame (for a node there), event (of a node, to who drives its
 *               pipeline), notice (for a node there); answer-wanted and answer-cancel (of an answer there), and while another
 *               replica takes it: answer-kept and answer-grew (of it), answer-left (nobody wants it any more)
 */
export type ReplicaMessage =
  | { readonly kind: 'hello' }
  | { readonly kind: 'beat'; readonly revision: number }
  | {
      readonly kind: 'state';
      readonly revision: number;
      readonly nodes: readonly string[];
      readonly shards: readonly SharedShard[];
    }
  | {
      readonly kind: 'nodes';
      readonly revision: number;
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | {
      readonly kind: 'shards';
      readonly put: readonly SharedShard[];
      readonly removed: readonly { readonly nodeId: string; readonly modelId: string }[];
      readonly alive: readonly string[];
    }
  | { readonly kind: 'standings-changed'; readonly nodeIds: readonly string[] }
  | { readonly kind: 'grid-changed' }
  | { readonly kind: 'room'; readonly news: RoomNews }
  | { readonly kind: 'tell-key'; readonly publicKey: string; readonly message: KeyMessage }
  | { readonly kind: 'bye' }
  | { readonly kind: 'command'; readonly nodeId: string; readonly message: PipelineCommand }
  | { readonly kind: 'frame'; readonly nodeId: string }
  | { readonly kind: 'event'; readonly nodeId: string; readonly pipelineId: string; readonly event: SharedEvent }
  | { readonly kind: 'notice'; readonly nodeId: string; readonly notice: Notice }
  | { readonly kind: 'answer-wanted'; readonly takingId: string; readonly name: AnswerName }
  | { readonly kind: 'answer-cancel'; readonly nodeId: string; readonly requestId: string }
  | { readonly kind: 'answer-kept'; readonly takingId: string; readonly kept: KeptAnswer }
  | { readonly kind: 'answer-grew'; readonly takingId: string; readonly growth: AnswerGrowth }
  | { readonly kind: 'answer-left'; readonly takingId: string };
