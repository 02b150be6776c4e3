import { randomInt } from 'node:crypto';
import type { Sampling } from '../../protocol/compute/model';
import { SAMPLING_LIMITS } from '../../protocol/compute/model';
import { drawUniform } from '../sampling/split-mix';
import { pickToken } from '../sampling/sampler';
import { IncrementalDecoder } from '../tokenizer/incremental-decoder';
import { StopMatcher } from '../tokenizer/stop-matcher';
import type { TextTokenizer } from '../tokenizer/text-tokenizer';

const MAX_SEED = 2 ** 32;

export interface GenerationOptions {
  readonly sampling: Sampling;
  readonly maxNewTokens?: number | undefined;
  /** Positions the sequence may hold; an answer ends where the next token would have no place. */
  readonly maxPositions: number;
  readonly endTokenIds: readonly number[];
  readonly tokenizer: Pick<TextTokenizer, 'decode'>;
}

export interface GeneratedToken {
  readonly tokenId: number;
  readonly text: string;
  readonly finishReason?: 'stop' | 'length';
}

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
  #finished = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.#seed = options.sampling.seed ?? randomInt(MAX_SEED);
    this.#maxNewTokens = options.maxNewTokens ?? SAMPLING_LIMITS.maxNewTokens;
    this.#decoder = this.#newDecoder();
    this.#stops = this.#newStops();
  }

  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Picks the next token.
   *
   * @param logits - `[vocabulary]`
   * @param position - length of the cache after the pass that gave them
   */
  accept(logits: Float32Array, position: number): GeneratedToken {
    const uniform = drawUniform(this.#seed, this.#sampled.length);
    return this.#take({ tokenId: pickToken(logits, this.#options.sampling, uniform), position });
  }

  /** Forgets the tokens sampled beyond a cache length; sampling goes on with the random numbers they had. */
  rewind(length: number): void {
    const kept = this.#sampled.filter((token) => token.position <= length);
    if (kept.length === this.#sampled.length) return;
    this.#sampled = [];
    this.#finished = false;
    this.#decoder = this.#newDecoder();
    this.#stops = this.#newStops();
    for (const token of kept) this.#take(token);
  }

  #take(token: Sampled): GeneratedToken {
    this.#sampled.push(token);
    const { tokenId } = token;
    if (this.#options.endTokenIds.includes(tokenId)) return this.#finish(tokenId, '', 'stop');
    const { text, stopped } = this.#stops.push(this.#decoder.push(tokenId));
    if (stopped) {
      this.#finished = true;
      return { tokenId, text, finishReason: 'stop' };
    }
    const full = this.#sampled.length >= this.#maxNewTokens || token.position >= this.#options.maxPositions;
    return full ? this.#finish(tokenId, text, 'length') : { tokenId, text };
  }

  #finish(tokenId: number, text: string, reason: 'stop' | 'length'): GeneratedToken {
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
