import type { Engine } from '../../inference';
import { runProof } from '../../inference/proof/run-proof';
import type { ProofAnswer } from '../../protocol/compute/http/proofs';
import { success, type Result } from '../../protocol/result';
import type { ReadTask } from '../coordinator-client/reading';
import { nodeFailure } from '../errors';
import type { ServedShard } from '../shard/served-shard';

/**
 * Runs a proof of work done on the shard this node serves. Fails with `shard-mismatch` when it serves other layers, and
 * with the engine's codes.
 */
export async function proveWork(
  engine: Engine | null,
  served: ServedShard | null,
  task: ReadTask,
): Promise<Result<ProofAnswer>> {
  if (engine === null || served === null || task.proof === null) {
    return nodeFailure('not-serving', 'This node serves no layers at the moment.', { retryable: true });
  }
  const { handle, manifest } = served;
  const isSame =
    task.modelId === manifest.model_id &&
    task.proof.manifest_hash === handle.manifestHash &&
    task.range.layer_start === handle.range.layer_start &&
    task.range.layer_end === handle.range.layer_end;
  if (!isSame) {
    return nodeFailure('shard-mismatch', 'The coordinator asked for a proof of other layers than this node serves.');
  }
  const rows = await runProof(engine, handle, manifest, task.proof.seed);
  if (!rows.ok) return rows;
  const copied = rows.value.map(({ indexes, values }) => ({ indexes: [...indexes], values: [...values] }));
  return success({ precision: handle.precision ?? 'fp32', rows: copied });
}
