import { Compile } from 'typebox/compile';
import { SAMPLING_LIMITS, Sampling } from '../../protocol/compute/model';
import { success, type Result } from '../../protocol/result';
import { allFinite } from '../../protocol/wire/activation-coding';
import { cancelledFailure, engineFailure, type EngineErrorCode } from '../errors';
import type { ModelFolder } from '../models/model-folder';
import { CacheBudget } from '../runtime/cache-budget';
import { PassQueue, type PassQueueOptions } from '../runtime/pass-queue';
import { PrefixChain, PrefixStore, type KeptChunk } from '../runtime/prefix-store';
import type { SegmentedCache } from '../runtime/segmented-cache';
import { countPositions, type ShardInput } from '../runtime/sequence-pass';
import type { ShardSession } from '../runtime/shard-session';
import { PREFILL_CHUNK_POSITIONS } from '../shards/estimate-shard';
import { TextTokenizer } from '../tokenizer/text-tokenizer';
import {
  MAX_DRAFT_IDS,
  type AnsweredSoFar,
  type ForwardInput,
  type ForwardOutput,
  type ForwardRequest,
  type OpenSequenceRequest,
  type ShardHandle,
  type TokenizeInput,
} from './engine';
import { Generation } from './generation';

/** Ids of sequences are request ids; longer ones are a mistake or an attack. */
const MAX_SEQUENCE_ID_LENGTH = 200;

const samplingCheck = Compile(Sampling);

interface Sequence {
  readonly cache: SegmentedCache;
  readonly maxPositions: number;
  readonly generation: Generation | undefined;
  /** Of a sequence whose requester may reuse what they sent before. */
  readonly prefix: PrefixChain | undefined;
  readonly isRepeatable: boolean;
  /** The pass under way, or the last one. */
  running: Promise<unknown>;
  /** Passes under way and waiting for it. */
  passes: number;
  closed: boolean;
}

/** Of one sequence: one runs, and the next one waits here instead of being on its way. */
const MAX_PASSES = 2;

/** What one pass did, for the engine's counters. */
export interface PassRecord {
  readonly positions: number;
  readonly computeMs: number;
  readonly tokens: number;
}

type PassRecorder = (pass: PassRecord) => void;
type PassResult = Promise<Result<ForwardOutput, EngineErrorCode>>;

/** A shard in memory with its open sequences. */
export class LoadedShard {
  readonly handle: ShardHandle;
  readonly #model: ModelFolder;
  readonly #session: ShardSession;
  readonly #budget: CacheBudget;
  readonly #queue: PassQueue;
  readonly #prefixes = new PrefixStore();
  readonly #sequences = new Map<string, Sequence>();
  #tokenizer: Result<TextTokenizer, EngineErrorCode> | undefined;

  /**
   * @param kvBudgetBytes - memory all KV caches of the shard may take together
   * @param queueOptions - of the queue of its passes
   */
  constructor(
    handle: ShardHandle,
    model: ModelFolder,
    session: ShardSession,
    kvBudgetBytes: number,
    queueOptions: PassQueueOptions = {},
  ) {
    this.handle = handle;
    this.#model = model;
    this.#session = session;
    this.#queue = new PassQueue(session, queueOptions);
    this.#budget = new CacheBudget(kvBudgetBytes, handle.kvBytesPerPosition);
  }

  /** Makes the tokenizer, which takes seconds for a large vocabulary, before the first request would wait for it. */
  prepare(): void {
    // What is wrong with it is told to whoever needs it.
    if (this.#session.takesTokens || this.#session.givesLogits) this.#openTokenizer();
  }

  get openSequences(): number {
    return this.#sequences.size;
  }

  get kvReservedBytes(): number {
    return this.#budget.promisedBytes;
  }

  get kvBytes(): number {
    let bytes = 0;
    for (const { cache } of this.#sequences.values()) bytes += cache.allocatedBytes;
    return bytes;
  }

  /** Memory of chunks of earlier prompts. */
  get prefixBytes(): number {
    return this.#prefixes.bytes;
  }

  /** Positions that were taken from earlier prompts instead of computed. */
  get reusedPositions(): number {
    return this.#prefixes.reusedPositions;
  }

  /** Passes that wait for their turn. */
  get waitingPasses(): number {
    return this.#queue.waitingPasses;
  }

  /** Runs of the graph since the shard was loaded. */
  get runs(): number {
    return this.#queue.runs;
  }

  tokenize(input: TokenizeInput): Result<{ inputIds: number[] }, EngineErrorCode> {
    const tokenizer = this.#openTokenizer();
    if (!tokenizer.ok) return tokenizer;
    const ids =
      'prompt' in input ? tokenizer.value.encodePrompt(input.prompt) : tokenizer.value.encodeMessages(input.messages);
    return ids.ok ? success({ inputIds: ids.value }) : ids;
  }

  openSequence(request: OpenSequenceRequest): Result<void, EngineErrorCode> {
    const checked = this.#checkOpening(request);
    if (!checked.ok) return checked;
    let generation: Generation | undefined;
    if (this.#session.givesLogits && request.sampling !== undefined) {
      const tokenizer = this.#openTokenizer();
      if (!tokenizer.ok) return tokenizer;
      generation = new Generation({
        sampling: request.sampling,
        maxNewTokens: request.maxNewTokens,
        maxPositions: request.maxPositions,
        endTokenIds: this.#model.config.endTokenIds,
        answered: request.answered,
        tokenizer: tokenizer.value,
      });
    }
    const promised = this.#budget.promise(request.sequenceId, request.maxPositions);
    if (!promised.ok) return promised;
    this.#prefixes.shrinkTo(this.#prefixLimitBytes);
    this.#sequences.set(request.sequenceId, {
      cache: this.#session.createCache(),
      maxPositions: request.maxPositions,
      generation,
      prefix: request.reuseScope === undefined ? undefined : new PrefixChain(request.reuseScope),
      isRepeatable: request.isRepeatable !== false,
      running: Promise.resolve(),
      passes: 0,
      closed: false,
    });
    return success(undefined);
  }

  async forward(request: ForwardRequest, record: PassRecorder): PassResult {
    const sequence = this.#sequences.get(request.sequenceId);
    if (sequence === undefined) {
      return engineFailure('sequence-unknown', 'This sequence is not open on this shard.', {
        suggestion: 'Open it and send the whole prompt again.',
      });
    }
    if (sequence.passes >= MAX_PASSES) {
      return engineFailure('sequence-busy', `${MAX_PASSES} passes of this sequence are running or waiting.`, {
        retryable: true,
      });
    }
    sequence.passes++;
    const pass =
      sequence.passes === 1 ? this.#pass(sequence, request, record) : this.#passAfter(sequence, request, record);
    sequence.running = pass;
    try {
      return await pass;
    } finally {
      sequence.passes--;
    }
  }

  async #passAfter(sequence: Sequence, request: ForwardRequest, record: PassRecorder): PassResult {
    await sequence.running;
    return this.#pass(sequence, request, record);
  }

  async #pass(sequence: Sequence, request: ForwardRequest, record: PassRecorder): PassResult {
    const input = this.#checkInput(request.input);
    if (!input.ok) return input;
    const positions = countPositions(input.value);
    const ready = checkReadiness(sequence, request, positions);
    if (!ready.ok) return ready;
    const drafts = checkDrafts(sequence, request, positions);
    if (!drafts.ok) return drafts;
    if (request.position < sequence.cache.length) sequence.cache.rewind(request.position);
    sequence.prefix?.rewind(request.position);
    if (request.sample !== false) sequence.generation?.rewind(request.position);
    const key = this.#prefixKey(sequence, request, input.value);
    const kept = key === null ? undefined : this.#prefixes.take(key);
    if (key !== null && kept !== undefined) return success(reuse(sequence, key, kept));
    const pass = this.#session.begin(sequence.cache, input.value, {
      logitRows: 1 + drafts.value.length,
      isRepeatable: sequence.isRepeatable,
    });
    const run = await this.#queue.submit(pass, () => sequence.closed);
    // Pages that moved leave holes, so that the caches may take more than was promised.
    this.#prefixes.shrinkTo(this.#prefixLimitBytes);
    if (!run.ok) return run;
    const { computeMs } = run.value;
    const output = this.#answer(sequence, request, run.value.output, computeMs);
    if (key !== null && !sequence.closed) this.#keepPrefix(sequence, request.position, key, output);
    record({ positions, computeMs, tokens: output.kind === 'token' ? output.tokens.length : 0 });
    return success(output);
  }

  closeSequence(sequenceId: string): void {
    const sequence = this.#sequences.get(sequenceId);
    if (sequence === undefined) return;
    sequence.closed = true;
    sequence.cache.dispose();
    this.#sequences.delete(sequenceId);
    this.#budget.release(sequenceId);
  }

  async release(): Promise<void> {
    for (const sequenceId of this.#sequences.keys()) this.closeSequence(sequenceId);
    await this.#session.release();
  }

  get #prefixLimitBytes(): number {
    return this.#budget.spareBytes(this.#session.heldCacheBytes);
  }

  /** Name of the chunk of a prompt an input is, where it may be kept and found again; null for all other inputs. */
  #prefixKey({ prefix, generation }: Sequence, { position, sample }: ForwardRequest, input: ShardInput): string | null {
    // What leads to logits or tokens is not kept.
    const isForwarded = !this.#session.givesLogits || (generation !== undefined && sample === false);
    return prefix === undefined || !isForwarded ? null : prefix.keyOf(position, input);
  }

  #keepPrefix({ cache, prefix }: Sequence, position: number, key: string, output: ForwardOutput): void {
    prefix?.extend(key);
    const keyValues = cache.copy(position, PREFILL_CHUNK_POSITIONS);
    const activation = output.kind === 'activation' ? output.activation.slice() : null;
    this.#prefixes.put(key, { keyValues, output: activation }, this.#prefixLimitBytes);
  }

  #answer(sequence: Sequence, request: ForwardRequest, values: Float32Array, computeMs: number): ForwardOutput {
    const { generation, cache } = sequence;
    if (generation !== undefined) {
      const positions = cache.length - request.position;
      if (request.sample === false) return { kind: 'filled', positions, computeMs };
      return { kind: 'token', ...generation.accept(values, cache.length, request.draftIds), computeMs };
    }
    const rowFloats = this.#session.givesLogits ? values.length : this.#model.config.shape.hidden_size;
    return { kind: 'activation', activation: values, positions: values.length / rowFloats, computeMs };
  }

  /** Made once: shards in the middle of a model never need it. */
  #openTokenizer(): Result<TextTokenizer, EngineErrorCode> {
    const { vocabulary_size: vocabulary, context_length: context } = this.#model.config.shape;
    this.#tokenizer ??= TextTokenizer.create(this.#model.tokenizer, vocabulary, context);
    return this.#tokenizer;
  }

  #checkOpening(request: OpenSequenceRequest): Result<void, EngineErrorCode> {
    const { sequenceId, maxPositions, sampling, maxNewTokens } = request;
    if (sequenceId === '' || sequenceId.length > MAX_SEQUENCE_ID_LENGTH) {
      return engineFailure('input-invalid', `A sequence id has 1 to ${MAX_SEQUENCE_ID_LENGTH} characters.`);
    }
    if (this.#sequences.has(sequenceId)) return engineFailure('sequence-exists', 'This sequence is already open.');
    if (!Number.isInteger(maxPositions) || maxPositions < 1) {
      return engineFailure('input-invalid', 'A sequence has at least one position.');
    }
    const context = this.#model.config.shape.context_length;
    if (maxPositions > context) {
      return engineFailure(
        'context-exceeded',
        `The model reads at most ${context} positions; ${maxPositions} were asked for.`,
        {
          suggestion: 'Shorten the prompt or ask for fewer tokens.',
        },
      );
    }
    if (sampling !== undefined && !samplingCheck.Check(sampling)) {
      return engineFailure('input-invalid', 'The sampling settings are out of range.');
    }
    const limit = SAMPLING_LIMITS.maxNewTokens;
    if (maxNewTokens !== undefined && !(Number.isInteger(maxNewTokens) && maxNewTokens >= 1 && maxNewTokens <= limit)) {
      return engineFailure('input-invalid', `An answer has 1 to ${limit} tokens.`);
    }
    return request.answered === undefined ? success(undefined) : this.#checkAnswered(request.answered);
  }

  #checkAnswered({ promptPositions, tokenIds }: AnsweredSoFar): Result<void, EngineErrorCode> {
    const vocabulary = this.#model.config.shape.vocabulary_size;
    const stray = tokenIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
    if (stray !== undefined) {
      return engineFailure('input-invalid', `Token id ${stray} is outside the vocabulary of ${vocabulary}.`);
    }
    if (!Number.isInteger(promptPositions) || promptPositions < 1) {
      return engineFailure('input-invalid', 'An answer begins behind at least one position.');
    }
    return success(undefined);
  }

  #checkInput(input: ForwardInput): Result<ShardInput, EngineErrorCode> {
    const { hidden_size: hidden, vocabulary_size: vocabulary } = this.#model.config.shape;
    if ('inputIds' in input) {
      if (!this.#session.takesTokens) {
        return engineFailure('input-invalid', 'This shard does not hold layer 0; it takes activations, not token ids.');
      }
      if (input.inputIds.length === 0) return engineFailure('input-invalid', 'A pass needs at least one token id.');
      const stray = input.inputIds.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
      if (stray !== undefined) {
        return engineFailure('input-invalid', `Token id ${stray} is outside the vocabulary of ${vocabulary}.`);
      }
      return success({ kind: 'tokens', ids: input.inputIds });
    }
    if (this.#session.takesTokens) {
      return engineFailure('input-invalid', 'This shard holds layer 0; it takes token ids, not activations.');
    }
    const { activation, positions } = input;
    if (!Number.isInteger(positions) || positions < 1 || activation.length !== positions * hidden) {
      return engineFailure(
        'input-invalid',
        `An activation of ${positions} positions has ${positions} × ${hidden} numbers; ${activation.length} came.`,
      );
    }
    if (!allFinite(activation))
      return engineFailure('input-invalid', 'The activation holds numbers that are not finite.');
    return success({ kind: 'activation', activation, positions });
  }
}

/** Puts a kept chunk into the cache, and answers what computing it answered. */
function reuse({ cache, prefix }: Sequence, key: string, { keyValues, output }: KeptChunk): ForwardOutput {
  const positions = PREFILL_CHUNK_POSITIONS;
  cache.reserve(cache.length + positions);
  cache.restore(keyValues, positions);
  prefix?.extend(key);
  if (output === null) return { kind: 'filled', positions, computeMs: 0 };
  return { kind: 'activation', activation: output.slice(), positions, computeMs: 0 };
}

function checkReadiness(
  sequence: Sequence,
  { position, sample }: ForwardRequest,
  positions: number,
): Result<void, EngineErrorCode> {
  if (sequence.closed) return cancelledFailure('The sequence');
  const { length } = sequence.cache;
  if (!Number.isInteger(position) || position < 0 || position > length) {
    return engineFailure('position-mismatch', `The input begins at position ${position}; the cache holds ${length}.`, {
      suggestion: `Send the positions from ${length} on, or from an earlier one.`,
    });
  }
  if (position + positions > sequence.maxPositions) {
    return engineFailure(
      'context-exceeded',
      `The sequence was opened for ${sequence.maxPositions} positions; this pass would reach ${position + positions}.`,
    );
  }
  if (sample !== false && sequence.generation?.isFinishedAt(position) === true) {
    return engineFailure('sequence-finished', 'The answer has ended; nothing can be added to it.');
  }
  return success(undefined);
}

/** The drafts of a pass, none where the shard does not sample. */
function checkDrafts(
  { generation }: Sequence,
  { draftIds, sample, input }: ForwardRequest,
  positions: number,
): Result<readonly number[], EngineErrorCode> {
  if (draftIds === undefined || generation === undefined) return success([]);
  if (sample === false) return engineFailure('input-invalid', 'A pass that does not sample has no use for drafts.');
  if (draftIds.length > MAX_DRAFT_IDS || positions !== 1 + draftIds.length) {
    return engineFailure(
      'input-invalid',
      `A pass over drafts has one position more than drafts, of which there are at most ${MAX_DRAFT_IDS}; ${positions} positions and ${draftIds.length} drafts came.`,
    );
  }
  if ('inputIds' in input && draftIds.some((id, index) => id !== input.inputIds[index + 1])) {
    return engineFailure('input-invalid', 'The drafts are not the token ids of the input.');
  }
  return success(draftIds);
}
