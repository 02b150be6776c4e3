import type { FinishReason } from '../../protocol/compute/model';
import { frameByteLength } from '../../protocol/wire/activation-frame';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { refuse } from '../errors';
import type { HopContext, HopDriver, HopFailure, HopResult, StepInput } from './hop-driver';
import { nextRequestState, type RequestEvent, type RequestState } from './request-state';

/** Told while a pipeline runs. A slow listener slows the pipeline down. */
export interface PipelineListener {
  started(inputTokens: number): Promise<void>;
  tokens(tokenIds: readonly number[], text: string, firstIndex: number): Promise<void>;
}

export interface PipelineLimits {
  /** Most tokens the prompt can honestly become. */
  readonly maximumInputTokens: number;
  readonly contextLength: number;
  readonly maxNewTokens: number;
}

/** How a pipeline ended. `failedHop` says where, when it failed. */
export interface PipelineEnd {
  readonly state: Extract<RequestState, { kind: 'finished' | 'failed' }>;
  readonly text: string;
  readonly failedHop: HopFailure | null;
  /** The listener heard of this run, so it must not be tried again elsewhere. */
  readonly hasStarted: boolean;
}

/** Opens every hop at once; the first failure ends the others. */
async function openHops(
  hops: readonly HopDriver[],
  signal: AbortSignal,
): Promise<HopResult<{ inputIds: readonly number[] }>> {
  const stopOthers = new AbortController();
  const both = AbortSignal.any([signal, stopOthers.signal]);
  const failures: HopFailure[] = [];
  const opened = await Promise.all(
    hops.map(async (hop) => {
      const result = await hop.open(both);
      if (!result.ok) {
        failures.push(result.error);
        stopOthers.abort();
      }
      return result;
    }),
  );
  const [failure] = failures;
  if (failure !== undefined) return { ok: false, error: failure };
  const [first] = opened;
  return { ok: true, value: { inputIds: first?.ok === true ? (first.value.inputIds ?? []) : [] } };
}

/** What the prompt may cost this pipeline: more positions than these cannot be sent in one activation frame. */
function positionsPerFrame(context: HopContext): number {
  const headerBytes = frameByteLength(0, 0, context.dtype);
  const bytesPerPosition = frameByteLength(1, context.model.manifest.hidden_size, context.dtype) - headerBytes;
  return Math.min(
    WIRE_LIMITS.maxPositionsPerFrame,
    Math.floor((WIRE_LIMITS.maxFrameBytes - headerBytes) / bytesPerPosition),
  );
}

function openedEvent(inputIds: readonly number[], context: HopContext, limits: PipelineLimits): RequestEvent {
  const { manifest } = context.model;
  const room = context.hops > 1 ? Math.min(limits.contextLength, positionsPerFrame(context) + 1) : limits.contextLength;
  if (inputIds.length >= room) {
    const { error } = refuse(
      'prompt-too-long',
      `The prompt has ${inputIds.length} tokens; with room for an answer ${manifest.friendly_name} takes ${room - 1} here.`,
      { suggestion: 'Shorten the prompt or begin a new conversation.' },
    );
    return { kind: 'failed', failure: error };
  }
  if (inputIds.length === 0 || inputIds.length > limits.maximumInputTokens) {
    const { error } = refuse(
      'answer-invalid',
      `Node ${context.nodeId} turned the prompt into ${inputIds.length} tokens, where ${limits.maximumInputTokens} are possible at most.`,
      { retryable: true },
    );
    return { kind: 'failed', failure: error };
  }
  if (inputIds.some((token) => token >= manifest.vocab_size)) {
    const { error } = refuse('answer-invalid', `Node ${context.nodeId} sent a token the vocabulary does not have.`);
    return { kind: 'failed', failure: error };
  }
  return { kind: 'opened', inputIds, limit: Math.min(limits.maxNewTokens, limits.contextLength - inputIds.length) };
}

function failedEvent(error: HopFailure): RequestEvent {
  return error.code === 'cancelled' ? { kind: 'cancelled' } : { kind: 'failed', failure: error };
}

/** Sends one step through all hops. */
async function passThrough(
  hops: readonly HopDriver[],
  first: StepInput,
  signal: AbortSignal,
): Promise<HopResult<{ tokenIds: readonly number[]; text: string; finishReason: 'stop' | 'length' | null }>> {
  let input = first;
  for (const hop of hops) {
    const output = await hop.step(input, signal);
    if (!output.ok) return output;
    if (output.value.kind === 'tokens') return { ok: true, value: output.value };
    input = output.value;
  }
  throw new Error('the last hop of a pipeline answers with tokens');
}

/**
 * Runs one request over its hops until the last token, a cancellation or a failure. Every hop is closed in every case.
 *
 * @param hops - drivers, first layer first
 * @param context - of the first hop
 */
export async function runPipeline(
  hops: readonly HopDriver[],
  context: HopContext,
  limits: PipelineLimits,
  listener: PipelineListener,
  signal: AbortSignal,
): Promise<PipelineEnd> {
  let state: RequestState = { kind: 'opening' };
  let text = '';
  let failedHop: HopFailure | null = null;
  let hasStarted = false;
  let closeReason: FinishReason = 'error';
  try {
    const opened = await openHops(hops, signal);
    if (!opened.ok) failedHop = opened.error;
    state = nextRequestState(
      state,
      opened.ok ? openedEvent(opened.value.inputIds, context, limits) : failedEvent(opened.error),
    );
    if (state.kind === 'running') {
      hasStarted = true;
      await listener.started(state.inputTokens);
    }
    while (state.kind === 'running') {
      if (signal.aborted) {
        state = nextRequestState(state, { kind: 'cancelled' });
        break;
      }
      const remainingTokens = state.limit - state.outputTokens;
      const output = await passThrough(hops, { kind: 'ids', ...state.feed, remainingTokens }, signal);
      if (!output.ok) {
        failedHop = output.error;
        state = nextRequestState(state, failedEvent(output.error));
        continue;
      }
      const firstIndex: number = state.outputTokens;
      const { tokenIds, finishReason } = output.value;
      state = nextRequestState(state, { kind: 'tokens', tokenIds, finishReason });
      text += output.value.text;
      await listener.tokens(tokenIds, output.value.text, firstIndex);
    }
    if (state.kind === 'finished') closeReason = state.reason;
    if (state.kind === 'opening' || state.kind === 'running') throw new Error('a pipeline ended without an end');
    return { state, text, failedHop, hasStarted };
  } finally {
    for (const hop of hops) hop.close(closeReason);
  }
}
