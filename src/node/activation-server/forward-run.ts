import type { Engine, ForwardInput, OpenSequenceRequest } from '../../inference';
import { countFlops, countRangeRequestFlops } from '../../protocol/compute/flops';
import type { TokenLogProbabilities } from '../../protocol/compute/log-probabilities';
import { success, type Result } from '../../protocol/result';
import { nodeFailure } from '../errors';
import { wireLogProbabilitiesOf } from '../jobs/wire-token';
import type { ServedShard } from '../shard/served-shard';
import type { ForwardCall } from './forward-call';

/** What a forward call produced. */
export type ForwardResult =
  | { readonly kind: 'activation'; readonly activation: Float32Array; readonly flops: number }
  | {
      readonly kind: 'text';
      readonly outputIds: number[];
      readonly text: string;
      /** Null when the answer may go on in another call. */
      readonly finishReason: 'stop' | 'length' | null;
      /** Of each of `outputIds`, where the call asks for them. */
      readonly logProbabilities: TokenLogProbabilities[] | null;
      readonly flops: number;
    };

export interface ForwardRun {
  readonly engine: Engine;
  readonly shard: ServedShard;
  readonly sequenceId: string;
  readonly onStep: (flops: number) => void;
  /** The caller went away. */
  readonly signal: AbortSignal;
}

/**
 * Runs one forward call without keeping anything for the next one: one pass through the shard's own layers, or, where it
 * holds every layer and is asked for text, the whole answer.
 */
export async function runForward(call: ForwardCall, run: ForwardRun): Promise<Result<ForwardResult>> {
  const { engine, shard, sequenceId, signal } = run;
  const { shardKey, range, totalLayers } = shard.handle;
  const holdsFirst = range.layer_start === 0;
  const holdsLast = range.layer_end === totalLayers - 1;
  if (holdsFirst !== (call.inputIds !== null)) {
    const expected = holdsFirst ? 'input_ids' : 'activations';
    return nodeFailure(
      'input-invalid',
      `This node holds layers ${range.layer_start} to ${range.layer_end} of ${totalLayers} and needs ${expected}.`,
    );
  }
  if (call.positions <= call.answeredIds.length) {
    return nodeFailure('input-invalid', 'answered_ids: the input holds a prompt, and behind it these tokens.');
  }
  const wantedTokens = holdsFirst && holdsLast && call.isLastShard ? call.maxNewTokens : 1;
  const opened = await engine.openSequence({
    shardKey,
    sequenceId,
    maxPositions: Math.min(call.positions + wantedTokens, shard.manifest.context_length),
    ...(holdsLast ? answerOf(call, wantedTokens) : {}),
  });
  if (!opened.ok) return opened;
  const cancel = (): void => void engine.closeSequence(shardKey, sequenceId);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await pass(call, run, wantedTokens);
  } finally {
    signal.removeEventListener('abort', cancel);
    await engine.closeSequence(shardKey, sequenceId);
  }
}

/** Random numbers, penalties, stop strings and half characters go on where the calls before left them. */
function answerOf(
  { sampling, answeredIds, remainingTokens, positions }: ForwardCall,
  wantedTokens: number,
): Pick<OpenSequenceRequest, 'sampling' | 'maxNewTokens' | 'answered'> {
  const limits = { sampling, maxNewTokens: answeredIds.length + (remainingTokens ?? wantedTokens) };
  if (answeredIds.length === 0) return limits;
  return { ...limits, answered: { promptPositions: positions - answeredIds.length, tokenIds: answeredIds } };
}

/** Positions from one to another of what the call brought. */
function inputOf({ inputIds, activation, positions }: ForwardCall, from: number, to: number): ForwardInput {
  if (activation === null) return { inputIds: (inputIds ?? []).slice(from, to) };
  const width = activation.length / positions;
  return { activation: activation.slice(from * width, to * width), positions: to - from };
}

async function pass(call: ForwardCall, run: ForwardRun, wantedTokens: number): Promise<Result<ForwardResult>> {
  const { engine, shard, sequenceId } = run;
  const { shardKey, range, totalLayers } = shard.handle;
  const { shape } = shard.manifest;
  const outputIds: number[] = [];
  const logProbabilities: TokenLogProbabilities[] = [];
  let text = '';
  let finishReason: 'stop' | 'length' | null = null;
  // A pass that samples goes on with an answer only behind all of it.
  let position = call.answeredIds.length > 0 && range.layer_end === totalLayers - 1 ? call.positions - 1 : 0;
  if (position > 0) {
    const input = inputOf(call, 0, position);
    const filled = await engine.forward({ shardKey, sequenceId, position: 0, input, sample: false });
    if (!filled.ok) return filled;
    run.onStep(countFlops(shape, range, position, 0, 0));
  }
  let input = inputOf(call, position, call.positions);
  for (;;) {
    if (run.signal.aborted) return nodeFailure('cancelled', 'The caller went away.');
    const output = await engine.forward({ shardKey, sequenceId, position, input });
    if (!output.ok) return output;
    const positions = 'inputIds' in input ? input.inputIds.length : input.positions;
    run.onStep(countFlops(shape, range, positions, position, output.value.kind === 'activation' ? 0 : 1));
    if (output.value.kind === 'activation') {
      const flops = countFlops(shape, range, call.positions, 0, 0);
      return success({ kind: 'activation', activation: output.value.activation, flops });
    }
    const [token] = output.value.kind === 'token' ? output.value.tokens : [];
    if (token === undefined || output.value.kind === 'filled') {
      return nodeFailure('shard-mismatch', 'The engine returned no token where the model ends.');
    }
    outputIds.push(token.tokenId);
    text += token.text;
    const described = wireLogProbabilitiesOf(token);
    if (described !== undefined) logProbabilities.push(described);
    finishReason = output.value.finishReason ?? null;
    if (finishReason !== null || outputIds.length >= wantedTokens) break;
    position = call.positions + outputIds.length - 1;
    input = { inputIds: [token.tokenId] };
  }
  const flops = countRangeRequestFlops(shape, range, call.positions, outputIds.length);
  // A call for one token always ends with it; that is not the end of the answer.
  if (wantedTokens === 1 && finishReason === 'length') finishReason = null;
  return success({
    kind: 'text',
    outputIds,
    text,
    finishReason,
    logProbabilities: call.sampling.top_logprobs === undefined ? null : logProbabilities,
    flops,
  });
}
