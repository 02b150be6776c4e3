import { randomInt } from 'node:crypto';
import { LOG_PROBABILITY_LIMITS } from '../../protocol/compute/log-probabilities';
import type { Sampling } from '../../protocol/compute/model';
import { SAMPLING_LIMITS } from '../../protocol/compute/model';
import { logProbabilities, penalize } from '../sampling/penalties';
import { pickToken } from '../sampling/sampler';
import { drawUniform } from '../sampling/split-mix';
import { IncrementalDecoder } from '../tokenizer/incremental-decoder';
import { StopMatcher } from '../tokenizer/stop-matcher';
import type { TextTokenizer } from '../tokenizer/text-tokenizer';
import type { AnsweredSoFar, GeneratedToken, LogProbabilities, TokenLogProbability } from './engine';

const MAX_SEED = 2 ** 32;

export interface GenerationOptions {
  readonly sampling: Sampling;
  readonly maxNewTokens?: number | undefined;
  /** Positions the sequence may hold; an answer ends where the next token would have no place. */
  readonly maxPositions: number;
  readonly endTokenIds: readonly number[];
  readonly tokenizer: Pick<TextTokenizer, 'decode' | 'pieceOf'>;
  readonly answered?: AnsweredSoFar | undefined;
}

/** What one pass gave, in order; nothing follows a finish reason. */
export interface GeneratedTokens {
  readonly tokens: readonly GeneratedToken[];
  readonly finishReason?: 'stop' | 'length';
}

type Taken = Pick<GeneratedToken, 'tokenId' | 'text'> & Pick<GeneratedTokens, 'finishReason'>;

interface Sampled {
  readonly tokenId: number;
  /** Length of the cache when it was sampled. */
  readonly position: number;
}

/**
 * The answer of one sequence on the last shard: picks tokens, turns them into text and decides when it ends.
 *
 * ```
 * open ──accept──► open … ──accept (end token, stop string, limit)──► finished
 *   ▲                                                                   │
 *   └──────────────────────────── rewind ───────────────────────────────┘
 * ```
 */
export class Generation {
  readonly #options: GenerationOptions;
  readonly #seed: number;
  readonly #maxNewTokens: number;
  #sampled: Sampled[] = [];
  #decoder: IncrementalDecoder;
  #stops: StopMatcher;
  /** How often each token occurred; what the penalties look at. */
  #occurrences = new Map<number, number>();
  #finished = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.#seed = options.sampling.seed ?? randomInt(MAX_SEED);
    this.#maxNewTokens = options.maxNewTokens ?? SAMPLING_LIMITS.maxNewTokens;
    this.#decoder = this.#newDecoder();
    this.#stops = this.#newStops();
    const { promptPositions = 0, tokenIds = [] } = options.answered ?? {};
    for (const [index, tokenId] of tokenIds.entries()) this.#take({ tokenId, position: promptPositions + index });
  }

  /** Whether the answer has ended and goes no further when the cache goes back to a length. */
  isFinishedAt(length: number): boolean {
    return this.#finished && (this.#sampled.at(-1)?.position ?? 0) <= length;
  }

  /**
   * Picks the next token, and behind each draft that equals the token picked before it one more.
   *
   * @param logits - `[1 + drafts, vocabulary]`
   * @param position - length of the cache after the pass that gave them
   */
  accept(logits: Float32Array, position: number, drafts: readonly number[] = []): GeneratedTokens {
    const vocabulary = logits.length / (1 + drafts.length);
    const tokens: GeneratedToken[] = [];
    for (let row = 0; row <= drafts.length; row++) {
      const { finishReason, ...taken } = this.#pick(
        logits.subarray(row * vocabulary, (row + 1) * vocabulary),
        position - drafts.length + row,
      );
      tokens.push(taken);
      if (finishReason !== undefined) return { tokens, finishReason };
      if (taken.tokenId !== drafts[row]) break;
    }
    return { tokens };
  }

  /** Forgets the tokens sampled beyond a cache length; sampling goes on with the random numbers they had. */
  rewind(length: number): void {
    // Every pass asks, and nearly always nothing is to be forgotten: positions only grow, so the last one tells.
    if ((this.#sampled.at(-1)?.position ?? 0) <= length) return;
    const kept = this.#sampled.filter((token) => token.position <= length);
    this.#sampled = [];
    this.#occurrences = new Map();
    this.#finished = false;
    this.#decoder = this.#newDecoder();
    this.#stops = this.#newStops();
    for (const token of kept) this.#take(token);
  }

  #pick(logits: Float32Array, position: number): Taken & GeneratedToken {
    const { sampling } = this.#options;
    const uniform = drawUniform(this.#seed, this.#sampled.length);
    const tokenId = pickToken(penalize(logits, sampling, this.#occurrences), sampling, uniform);
    const taken = this.#take({ tokenId, position });
    if (sampling.top_logprobs === undefined) return taken;
    return { ...taken, logProbabilities: this.#describe(logits, tokenId, sampling.top_logprobs) };
  }

  #describe(logits: Float32Array, tokenId: number, count: number): LogProbabilities {
    const { tokenizer } = this.#options;
    const { own, top } = logProbabilities(logits, tokenId, count);
    const describe = (id: number, logProbability: number): TokenLogProbability => ({
      ...tokenizer.pieceOf(id),
      tokenId: id,
      logProbability: Math.max(logProbability, LOG_PROBABILITY_LIMITS.least),
    });
    return { own: describe(tokenId, own), top: top.map((entry) => describe(entry.tokenId, entry.logProbability)) };
  }

  #take(token: Sampled): Taken {
    this.#sampled.push(token);
    const { tokenId } = token;
    this.#occurrences.set(tokenId, (this.#occurrences.get(tokenId) ?? 0) + 1);
    if (this.#options.endTokenIds.includes(tokenId)) return this.#finish(tokenId, '', 'stop');
    const { text, stopped } = this.#stops.push(this.#decoder.push(tokenId));
    if (stopped) {
      this.#finished = true;
      return { tokenId, text, finishReason: 'stop' };
    }
    const full = this.#sampled.length >= this.#maxNewTokens || token.position >= this.#options.maxPositions;
    return full ? this.#finish(tokenId, text, 'length') : { tokenId, text };
  }

  #finish(tokenId: number, text: string, reason: 'stop' | 'length'): Taken {
    this.#finished = true;
    const last = this.#stops.push(this.#decoder.finish());
    const rest = last.stopped ? last.text : last.text + this.#stops.finish();
    return { tokenId, text: text + rest, finishReason: last.stopped ? 'stop' : reason };
  }

  #newDecoder(): IncrementalDecoder {
    return new IncrementalDecoder((ids) => this.#options.tokenizer.decode(ids));
  }

  #newStops(): StopMatcher {
    return new StopMatcher(this.#options.sampling.stop ?? []);
  }
}
