import { randomUUID } from 'node:crypto';
import { fingerprintRow, type FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import { success, type Result } from '../../protocol/result';
import type { Engine, EngineErrorCode, ForwardInput, ShardHandle } from '../engine/engine';
import { engineFailure } from '../errors';
import { proofInputs } from './proof-input';

/** Sizes of the model a proof is run on. */
export interface ProofShape {
  readonly vocab_size: number;
  readonly hidden_size: number;
}

/**
 * Runs a proof on a loaded shard: random input through its layers, the last row of each pass fingerprinted. The last
 * shard answers with its logits. Fails with the engine's own codes; the sequence is closed in every case.
 */
export async function runProof(
  engine: Engine,
  shard: ShardHandle,
  shape: ProofShape,
  seed: string,
): Promise<Result<FingerprintRow[], EngineErrorCode>> {
  const takesTokens = shard.range.layer_start === 0;
  const inputs = proofInputs(seed, { takesTokens, vocabularySize: shape.vocab_size, hiddenSize: shape.hidden_size });
  let position = 0;
  const steps = inputs.map((input): RepeatedStep => {
    const step = { position, input };
    position += positionsOf(input);
    return step;
  });
  const width = shard.range.layer_end === shard.totalLayers - 1 ? shape.vocab_size : shape.hidden_size;
  return fingerprintSteps(engine, shard, steps, [...steps.keys()], width);
}

/** One pass of work that is done again. */
export interface RepeatedStep {
  readonly position: number;
  readonly input: ForwardInput;
}

/**
 * Does real work again on a shard that hands activations on, and fingerprints the last row of the compared passes. Fails
 * with the engine's own codes; the sequence is closed in every case.
 *
 * @param compared - indexes of the passes
 */
export async function repeatWork(
  engine: Engine,
  shard: ShardHandle,
  steps: readonly RepeatedStep[],
  compared: readonly number[],
): Promise<Result<FingerprintRow[], EngineErrorCode>> {
  return fingerprintSteps(engine, shard, steps, compared, null);
}

function positionsOf(input: ForwardInput): number {
  return 'inputIds' in input ? input.inputIds.length : input.positions;
}

/** @param width - length of an output row; null for that of the activation */
async function fingerprintSteps(
  engine: Engine,
  shard: ShardHandle,
  steps: readonly RepeatedStep[],
  compared: readonly number[],
  width: number | null,
): Promise<Result<FingerprintRow[], EngineErrorCode>> {
  const sequenceId = `proof-${randomUUID()}`;
  const { shardKey } = shard;
  const maxPositions = Math.max(...steps.map(({ position, input }) => position + positionsOf(input)));
  const opened = await engine.openSequence({ shardKey, sequenceId, maxPositions });
  if (!opened.ok) return opened;
  try {
    const rows: FingerprintRow[] = [];
    for (const [index, { position, input }] of steps.entries()) {
      const output = await engine.forward({ shardKey, sequenceId, position, input });
      if (!output.ok) return output;
      if (output.value.kind !== 'activation') return engineFailure('input-invalid', 'A proof is run without sampling.');
      if (!compared.includes(index)) continue;
      const { activation, positions } = output.value;
      rows.push(fingerprintRow(activation.subarray(activation.length - (width ?? activation.length / positions))));
    }
    return success(rows);
  } finally {
    await engine.closeSequence(shardKey, sequenceId);
  }
}
