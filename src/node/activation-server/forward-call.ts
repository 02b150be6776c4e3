import { Compile } from 'typebox/compile';
import { asksForTooManyLogProbabilities, LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';
import { Sampling, SAMPLING_LIMITS } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { WIRE_LIMITS } from '../../protocol/wire/limits';
import { readBoolean, readInteger, readNumber, readRecord, readText } from '../coordinator-client/reading';
import { nodeFailure, type NodeErrorCode } from '../errors';

/** Highest temperature the engine samples with. */
const MAX_TEMPERATURE = 5;

const samplingCheck = Compile(Sampling);

/** A checked `POST /shard/forward`. Exactly one of `inputIds` and `activation` is given. */
export interface ForwardCall {
  readonly inputIds: readonly number[] | null;
  /** `[positions, hidden]`. */
  readonly activation: Float32Array | null;
  readonly positions: number;
  readonly isLastShard: boolean;
  readonly maxNewTokens: number;
  readonly sampling: Sampling;
  /** Tokens of the answer that earlier calls gave; the input ends with them. */
  readonly answeredIds: readonly number[];
  /** Tokens the answer may still get, in this call and later ones; null where the caller does not tell. */
  readonly remainingTokens: number | null;
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

function isWithin(value: number | null, least: number, most: number): boolean {
  return value !== null && value >= least && value <= most;
}

function refuse(field: string, reason: string): ReturnType<typeof nodeFailure> {
  return nodeFailure('input-invalid', `${field}: ${reason}`);
}

function isIdList(value: unknown, vocabularySize: number): value is number[] {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id) && id >= 0 && id < vocabularySize);
}

/** `sampling` where the caller sends it; else the baseline's temperature, and `top_logprobs` beside it. */
function readSampling(
  record: Readonly<Record<string, unknown>>,
  maxNewTokens: number,
): Result<Sampling, NodeErrorCode> {
  const whole = record['sampling'] ?? null;
  if (whole !== null && !samplingCheck.Check(whole)) return refuse('sampling', 'settings out of range');
  const temperature = readNumber(record['temperature'] ?? 0);
  if (temperature === null || !isWithin(temperature, 0, MAX_TEMPERATURE)) {
    return refuse('temperature', `a number from 0 to ${MAX_TEMPERATURE} is expected`);
  }
  const wanted = record['top_logprobs'] ?? null;
  const topCount = readInteger(wanted);
  if (wanted !== null && !isWithin(topCount, 0, SAMPLING_LIMITS.maxTopLogProbabilities)) {
    return refuse('top_logprobs', `a whole number from 0 to ${SAMPLING_LIMITS.maxTopLogProbabilities} is expected`);
  }
  const plain: Sampling = { temperature, top_k: 0, top_p: 1, ...(topCount === null ? {} : { top_logprobs: topCount }) };
  const sampling = whole ?? plain;
  if (asksForTooManyLogProbabilities(sampling.top_logprobs, maxNewTokens)) {
    return refuse('top_logprobs', `an answer carries at most ${LOG_PROBABILITY_LIMITS.maxPerAnswer} log-probabilities`);
  }
  return success(sampling);
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
  if (maxNewTokens === null || !isWithin(maxNewTokens, 1, SAMPLING_LIMITS.maxNewTokens)) {
    return refuse('max_new_tokens', `a whole number from 1 to ${SAMPLING_LIMITS.maxNewTokens} is expected`);
  }
  const told = record['remaining_tokens'] ?? null;
  const remainingTokens = readInteger(told);
  if (told !== null && !isWithin(remainingTokens, maxNewTokens, SAMPLING_LIMITS.maxNewTokens)) {
    const range = `from max_new_tokens to ${SAMPLING_LIMITS.maxNewTokens}`;
    return refuse('remaining_tokens', `a whole number ${range} is expected`);
  }
  const sampling = readSampling(record, maxNewTokens);
  if (!sampling.ok) return sampling;
  const answeredIds = record['answered_ids'] ?? [];
  const mostAnswered = SAMPLING_LIMITS.maxNewTokens - (remainingTokens ?? maxNewTokens);
  if (!isIdList(answeredIds, vocabularySize) || answeredIds.length > mostAnswered) {
    return refuse('answered_ids', `a list of at most ${mostAnswered} token ids is expected`);
  }
  const common = {
    isLastShard: readBoolean(record['is_last_shard']) ?? false,
    maxNewTokens,
    sampling: sampling.value,
    answeredIds,
    remainingTokens,
    modelId: readText(record['model_id'], 200),
  };
  const ids = record['input_ids'] ?? null;
  const hidden = record['activations'] ?? null;
  if ((ids === null) === (hidden === null)) return refuse('input_ids', 'either input_ids or activations is expected');
  if (ids !== null) {
    const inputIds = flatten(ids, WIRE_LIMITS.maxPositionsPerFrame);
    const isValid = inputIds !== null && inputIds.length > 0 && isIdList(inputIds, vocabularySize);
    if (!isValid) return refuse('input_ids', `token ids from 0 to ${vocabularySize - 1} are expected, of one sequence`);
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
