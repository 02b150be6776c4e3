import { fileURLToPath } from 'node:url';
import type { LayerRange, Sampling } from '../../protocol/compute/model';
import type { Result } from '../../protocol/result';
import type { Engine, EngineErrorCode, ForwardInput, ForwardOutput, ShardHandle } from '../engine/engine';
import golden from './golden.json';

/** For tests of this room: the shipped model, its recorded reference, and a pipeline of shards driven as a caller would. */
export const TORE_TINY = fileURLToPath(new URL('../../../resources/models/tore-tiny', import.meta.url));

export { golden };

/** Greedy, exact sampling. */
export const GREEDY: Sampling = { temperature: 0, top_k: 0, top_p: 1 };

/** Layers `[first, last]`, both inclusive. */
export function layers(first: number, last: number): LayerRange {
  return { layer_start: first, layer_end: last };
}

/** Little-endian floats of the reference file. */
export function decodeFloats(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** Largest difference of two lists; infinite when their lengths differ. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (b[index] ?? Number.NaN))), 0);
}

/** The value of a result that a test expects to be one. */
export function expectValue<Value>(result: Result<Value, EngineErrorCode>): Value {
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

/** The error code of a result, or `ok`. */
export function codeOf(result: Result<unknown, EngineErrorCode>): EngineErrorCode | 'ok' {
  return result.ok ? 'ok' : result.error.code;
}

/** One shard and the engine that holds it. */
export interface PipelineStage {
  readonly engine: Engine;
  readonly shard: ShardHandle;
}

/** Sends input through all stages of a pipeline. */
export async function forwardThrough(
  stages: readonly PipelineStage[],
  sequenceId: string,
  position: number,
  inputIds: readonly number[],
): Promise<ForwardOutput> {
  let input: ForwardInput = { inputIds };
  let output: ForwardOutput | undefined;
  for (const { engine, shard } of stages) {
    output = expectValue(await engine.forward({ shardKey: shard.shardKey, sequenceId, position, input }));
    if (output.kind === 'activation') input = { activation: output.activation, positions: output.positions };
  }
  if (output === undefined) throw new Error('a pipeline has at least one stage');
  return output;
}

/** Opens a sequence on all stages. */
export async function openThrough(
  stages: readonly PipelineStage[],
  sequenceId: string,
  options: { readonly maxPositions: number; readonly sampling?: Sampling; readonly maxNewTokens?: number },
): Promise<void> {
  for (const { engine, shard } of stages) {
    expectValue(await engine.openSequence({ shardKey: shard.shardKey, sequenceId, ...options }));
  }
}

/** Closes a sequence on all stages. */
export async function closeThrough(stages: readonly PipelineStage[], sequenceId: string): Promise<void> {
  for (const { engine, shard } of stages) expectValue(await engine.closeSequence(shard.shardKey, sequenceId));
}

/** A whole answer: prefill, then token by token until the last shard says it ends. */
export async function generate(
  stages: readonly PipelineStage[],
  inputIds: readonly number[],
  options: { readonly sampling?: Sampling; readonly maxNewTokens?: number } = {},
): Promise<{ ids: number[]; text: string; finishReason: string }> {
  const sequenceId = 'answer';
  await openThrough(stages, sequenceId, { maxPositions: 256, sampling: GREEDY, ...options });
  const ids: number[] = [];
  let text = '';
  let position = 0;
  let next: readonly number[] = inputIds;
  try {
    for (;;) {
      const output = await forwardThrough(stages, sequenceId, position, next);
      if (output.kind !== 'token') throw new Error('the last stage gave no token');
      position += next.length;
      for (const token of output.tokens) {
        ids.push(token.tokenId);
        text += token.text;
      }
      if (output.finishReason !== undefined) return { ids, text, finishReason: output.finishReason };
      next = ids.slice(-1);
    }
  } finally {
    await closeThrough(stages, sequenceId);
  }
}
