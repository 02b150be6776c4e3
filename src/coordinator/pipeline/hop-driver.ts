import type { ChatMessage, FinishReason, LayerRange, Sampling } from '../../protocol/compute/model';
import type { ActivationDtype, ActivationFrameHeader } from '../../protocol/wire/activation-frame';
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
  readonly text: { readonly prompt: string } | { readonly messages: readonly ChatMessage[] };
  readonly sampling: Sampling;
  readonly openTimeoutMs: number;
  readonly stepTimeoutMs: number;
}

/** What goes into a hop: token ids for the first, hidden states `[positions, hidden]` for every other one. */
export type StepInput =
  | {
      readonly kind: 'ids';
      readonly position: number;
      readonly inputIds: readonly number[];
      /** Tokens the request may still produce. */
      readonly remainingTokens: number;
    }
  | { readonly kind: 'activation'; readonly header: ActivationFrameHeader; readonly bytes: Uint8Array };

/** What comes out: hidden states for the next hop, or tokens of the last one. */
export type StepOutput =
  | { readonly kind: 'activation'; readonly header: ActivationFrameHeader; readonly bytes: Uint8Array }
  | {
      readonly kind: 'tokens';
      readonly tokenIds: readonly number[];
      /** Text of these tokens together. */
      readonly text: string;
      readonly finishReason: 'stop' | 'length' | null;
    };

/** A failure with the node it happened at, and whether that node answered wrongly rather than not at all. */
export interface HopFailure extends CoordinatorFailure {
  readonly nodeId: string;
  readonly isWrongAnswer: boolean;
}

export type HopResult<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: HopFailure };

/** One node's part in a pipeline, whatever the transport. Calls come one at a time. */
export interface HopDriver {
  readonly nodeId: string;
  /** Prepares the node; the first hop answers with the token ids of the prompt. */
  open(signal: AbortSignal): Promise<HopResult<{ readonly inputIds: readonly number[] | null }>>;
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
