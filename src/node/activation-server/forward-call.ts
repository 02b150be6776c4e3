import { asksForTooManyLogProbabilities, LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';
import { SAMPLING_LIMITS } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { readBoolean, readInteger, readNumber, readRecord, readText } from '../coordinator-client/reading';
import { nodeFailure, type NodeErrorCode } from '../errors';

/** Highest temperature the engine samples with. */
const MAX_TEMPERATURE = 5;

/** A checked `POST /shard/forward`. Exactly one of `inputIds` and `activation` is given. */
export interface ForwardCall {
  readonly inputIds: readonly number[] | null;
  /** `[positions, hidden]`. */
  readonly activation: Float32Array | null;
  readonly positions: number;
  readonly isLastShard: boolean;
  readonly maxNewTokens: number;
  readonly temperature: number;
  /** Log-probabilities of the tokens are wanted, and those of so many of the likeliest; null: none. */
  readonly topLogProbabilities: number | null;
  readonly modelId: string | null;
}

/** Flattens `[[[…]]]`, `[[…]]` or `[…]` of numbers into one row after another; null when it is something else. */
function flatten(value: unknown, maxValues: number, depth = 0): number[] | null {
  if (!Array.isArray(value) || depth > 2 || value.length > maxValues) return null;
  const flat: number[] = [];
  for (const entry of value) {
    if (typeof entry === 'number') {
      flat.push(entry);
      continue;
    }
    const inner = flatten(entry, maxValues, depth + 1);
    if (inner === null || flat.length + inner.length > maxValues) return null;
    // Not a spread: an activation has millions of values, and arguments live on the stack.
    for (const number of inner) flat.push(number);
  }
  return flat;
}

/** Rows of a nested activation all have to be this wide, and there is one sequence only. */
function shapeProblem(value: unknown, hiddenSize: number): string | null {
  if (!Array.isArray(value)) return 'it is no list';
  const [first] = value as unknown[];
  if (!Array.isArray(first)) return null;
  const rows: unknown[] = Array.isArray(first[0]) ? first : value;
  if (rows === first && value.length !== 1) return `it holds ${value.length} sequences; one is expected`;
  const bad = rows.findIndex((row) => !Array.isArray(row) || row.length !== hiddenSize);
  return bad === -1 ? null : `row ${bad} is not ${hiddenSize} wide`;
}

function isTopCount(count: number): boolean {
  return count >= 0 && count <= SAMPLING_LIMITS.maxTopLogProbabilities;
}

function refuse(field: string, reason: string): ReturnType<typeof nodeFailure> {
  return nodeFailure('input-invalid', `${field}: ${reason}`);
}

/**
 * Reads the body of a forward call. Absent fields may be null, ids and activations nested or flat.
 * @param hiddenSize - width of the model's hidden states
 * @param vocabularySize - ids are below it
 */
export function readForwardCall(
  body: unknown,
  hiddenSize: number,
  vocabularySize: number,
): Result<ForwardCall, NodeErrorCode> {
  const record = readRecord(body);
  if (record === null) return refuse('body', 'a JSON object is expected');
  const past = record['past_key_values'];
  if (past !== undefined && past !== null && !(Array.isArray(past) && past.length === 0)) {
    return refuse('past_key_values', 'this node keeps no state between calls; send the whole sequence');
  }
  const maxNewTokens = readInteger(record['max_new_tokens'] ?? 1);
  if (maxNewTokens === null || maxNewTokens < 1 || maxNewTokens > SAMPLING_LIMITS.maxNewTokens) {
    return refuse('max_new_tokens', `a whole number from 1 to ${SAMPLING_LIMITS.maxNewTokens} is expected`);
  }
  const temperature = readNumber(record['temperature'] ?? 0);
  if (temperature === null || temperature < 0 || temperature > MAX_TEMPERATURE) {
    return refuse('temperature', `a number from 0 to ${MAX_TEMPERATURE} is expected`);
  }
  const wanted = record['top_logprobs'] ?? null;
  const topLogProbabilities = readInteger(wanted);
  if (wanted !== null && !(topLogProbabilities !== null && isTopCount(topLogProbabilities))) {
    return refuse('top_logprobs', `a whole number from 0 to ${SAMPLING_LIMITS.maxTopLogProbabilities} is expected`);
  }
  if (topLogProbabilities !== null && asksForTooManyLogProbabilities(topLogProbabilities, maxNewTokens)) {
    return refuse('top_logprobs', `an answer carries at most ${LOG_PROBABILITY_LIMITS.maxPerAnswer} log-probabilities`);
  }
  const common = {
    isLastShard: readBoolean(record['is_last_shard']) ?? false,
    maxNewTokens,
    temperature,
    topLogProbabilities,
    modelId: readText(record['model_id'], 200),
  };
  const ids = record['input_ids'] ?? null;
  const hidden = record['activations'] ?? null;
  if ((ids === null) === (hidden === null)) return refuse('input_ids', 'either input_ids or activations is expected');
  if (ids !== null) {
    const inputIds = flatten(ids, WIRE_LIMITS.maxPositionsPerFrame);
    const valid =
      inputIds !== null &&
      inputIds.length > 0 &&
      inputIds.every((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize);
    if (!valid) return refuse('input_ids', `token ids from 0 to ${vocabularySize - 1} are expected, of one sequence`);
    return success({ ...common, inputIds, activation: null, positions: inputIds.length });
  }
  const problem = shapeProblem(hidden, hiddenSize);
  if (problem !== null) return refuse('activations', problem);
  const values = flatten(hidden, WIRE_LIMITS.maxFrameBytes / 4);
  if (values === null || values.length === 0 || values.length % hiddenSize !== 0) {
    return refuse('activations', `numbers in rows of ${hiddenSize} are expected`);
  }
  const activation = Float32Array.from(values);
  if (!activation.every((value) => Number.isFinite(value))) return refuse('activations', 'a value is not finite');
  return success({ ...common, inputIds: null, activation, positions: values.length / hiddenSize });
}

/** `[positions, hidden]` as the nested lists of the baseline, one sequence: `[[[…], …]]`. */
export function nestActivation(activation: Float32Array, hiddenSize: number): number[][][] {
  const rows: number[][] = [];
  for (let start = 0; start < activation.length; start += hiddenSize) {
    rows.push(Array.from(activation.subarray(start, start + hiddenSize)));
  }
  return [rows];
}
