import { randomUUID } from 'node:crypto';
import { fingerprintRow, type FingerprintRow } from '../../protocol/compute/activation-fingerprint';
import { success, type Result } from '../../protocol/result';
import type { Engine, EngineErrorCode, ShardHandle } from '../engine/engine';
import { engineFailure } from '../errors';
import { PROOF_POSITIONS, proofInputs } from './proof-input';

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
  const sequenceId = `proof-${randomUUID()}`;
  const { shardKey } = shard;
  const opened = await engine.openSequence({ shardKey, sequenceId, maxPositions: PROOF_POSITIONS });
  if (!opened.ok) return opened;
  try {
    const takesTokens = shard.range.layer_start === 0;
    const inputs = proofInputs(seed, { takesTokens, vocabularySize: shape.vocab_size, hiddenSize: shape.hidden_size });
    const rows: FingerprintRow[] = [];
    let position = 0;
    for (const input of inputs) {
      const output = await engine.forward({ shardKey, sequenceId, position, input });
      if (!output.ok) return output;
      if (output.value.kind !== 'activation') return engineFailure('input-invalid', 'A proof is run without sampling.');
      const { activation } = output.value;
      const width = shard.range.layer_end === shard.totalLayers - 1 ? shape.vocab_size : shape.hidden_size;
      rows.push(fingerprintRow(activation.subarray(activation.length - width)));
      position += 'inputIds' in input ? input.inputIds.length : input.positions;
    }
    return success(rows);
  } finally {
    await engine.closeSequence(shardKey, sequenceId);
  }
}
