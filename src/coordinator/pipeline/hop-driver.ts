import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import type { ChatMessage, FinishReason, LayerRange, Sampling } from '../../protocol/compute/model';
import type { ActivationDtype, ActivationFrameHeader, StepPurpose } from '../../protocol/wire/activation-frame';
import type { DirectPeer } from '../../protocol/wire/pipeline-messages';
import type { CoordinatorFailure } from '../errors';
import type { KnownModel } from '../models/model-catalogue';

/** What a driver has to know of its hop and its request. */
export interface HopContext {
  /** UUID of this attempt; the same on every hop. */
  readonly pipelineId: string;
  readonly nodeId: string;
  readonly hop: number;
  readonly hops: number;
  readonly model: KnownModel;
  readonly manifestHash: string | null;
  readonly range: LayerRange;
  readonly dtype: ActivationDtype;
  readonly maxNewTokens: number;
  /** What the first shard tokenizes; null on a hop that takes over from a lost one. */
  readonly text: { readonly prompt: string } | { readonly messages: readonly ChatMessage[] } | null;
  readonly sampling: Sampling;
  /** Whether the same request gives the same answer again, as its sampling says. */
  readonly isRepeatable: boolean;
  /** Stands for the requester towards nodes; null: nothing may be kept for another request. */
  readonly reuseScope: string | null;
  readonly openTimeoutMs: number;
  /** Longest silence of a node that has a step to do. */
  readonly stepTimeoutMs: number;
  /** Longest time one step may take, signs of life or not. */
  readonly stepLimitMs: number;
  /** Told how long a step that succeeded took, from handing it over to having its answer. */
  readonly timed: (positions: number, elapsedMs: number) => void;
  /** How the activations leave the node and reach it: over links of the nodes' own, where they are given. */
  readonly links: { readonly next: DirectPeer | null; readonly previousSecret: string | null };
}

/** What one step is, whatever hop it is at. */
export interface StepFacts {
  /** Counted for each request, modulo 65,536; frames and answers carry it. */
  readonly step: number;
  readonly purpose: StepPurpose;
  /** Position of the first row. Lower than what a hop has cached: it goes back there first. */
  readonly position: number;
  readonly positions: number;
  /** Guesses the last shard verifies; empty but for `verify`. */
  readonly draftIds: readonly number[];
  /** Tokens the request may still produce. */
  readonly remainingTokens: number;
}

/** What goes into a hop: token ids for the first, hidden states `[positions, hidden]` in a frame for every other one. */
export type StepInput = StepFacts &
  (
    | { readonly kind: 'ids'; readonly inputIds: readonly number[] }
    | { readonly kind: 'activation'; readonly bytes: Uint8Array }
  );

/** A token of the answer and the text that became certain with it. */
export interface AnswerToken {
  readonly id: number;
  readonly text: string;
  /** Where the request asks for them and the node gave them; checked. */
  readonly logProbabilities?: TokenLogProbabilities;
}

/** What comes out: hidden states for the next hop, tokens of the last one, or nothing but that it is done. */
export type StepOutput =
  | { readonly kind: 'activation'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'tokens';
      readonly tokens: readonly AnswerToken[];
      readonly finishReason: 'stop' | 'length' | null;
    }
  | { readonly kind: 'done' };

/** What a last hop that takes over has to know of the answer so far. */
export interface Answered {
  readonly inputTokens: number;
  readonly tokenIds: readonly number[];
}

/** A failure with the node it happened at, and whether that node answered wrongly rather than not at all. */
export interface HopFailure extends CoordinatorFailure {
  readonly nodeId: string;
  readonly isWrongAnswer: boolean;
  /** The nodes are well, but a link between two of them failed with a step on its way. */
  readonly isLinkOnly?: boolean;
}

export type HopResult<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: HopFailure };

/**
 * One node's part in a pipeline, whatever the transport. Steps may be asked for while earlier ones are under way; they
 * are done in the order they were asked for.
 */
export interface HopDriver {
  readonly nodeId: string;
  readonly range: LayerRange;
  /** Whether several steps may be under way at once, and guesses verified. The baseline can do neither. */
  readonly isStreaming: boolean;
  /** Prepares the node; the first hop answers with the token ids of the prompt. */
  open(signal: AbortSignal): Promise<HopResult<{ readonly inputIds: readonly number[] | null }>>;
  /** Says how long prompt and answer can become, before the first step. */
  begin(positions: number, answered: Answered | null): void;
  /** The pipeline was repaired: the hop's place in it, and the first step that counts from now on. */
  route(hop: number, hops: number, firstStep: number): void;
  step(input: StepInput, signal: AbortSignal): Promise<HopResult<StepOutput>>;
  /** Always called, also after failures; never fails. */
  close(reason: FinishReason): void;
}

/** Builds a failure of one hop. */
export function hopFailure(
  nodeId: string,
  code: CoordinatorFailure['code'],
  message: string,
  options: { readonly retryable?: boolean; readonly isWrongAnswer?: boolean } = {},
): { readonly ok: false; readonly error: HopFailure } {
  return {
    ok: false,
    error: {
      code,
      message,
      retryable: options.retryable ?? true,
      nodeId,
      isWrongAnswer: options.isWrongAnswer ?? false,
    },
  };
}

/** Why a frame is not what this hop owes, or null. */
export function frameProblem(
  header: ActivationFrameHeader,
  expected: { position: number; positions: number; hiddenSize: number; dtype: ActivationDtype },
): string | null {
  if (header.hiddenSize !== expected.hiddenSize || header.positions !== expected.positions) {
    return `an activation of shape [${header.positions}, ${header.hiddenSize}] where [${expected.positions}, ${expected.hiddenSize}] was due`;
  }
  if (header.position !== expected.position) {
    return `an activation at position ${header.position} where position ${expected.position} was due`;
  }
  if (header.dtype !== expected.dtype) return `an activation in ${header.dtype} where ${expected.dtype} was due`;
  return null;
}
