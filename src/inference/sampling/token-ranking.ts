/** Steps of likelihood in which it halves. */
const STEPS_PER_HALVING = 8;
/**
 * Takes all tokens whose likelihood is 2^-64 of the best one's or less. They weigh nothing: random numbers of 53 bits can
 * hardly tell them from tokens that never come.
 */
const LAST_STEP = 64 * STEPS_PER_HALVING;
/** Of tokens that are left out. */
const NO_STEP = LAST_STEP + 1;

/** Parts of a step whose weights are tabulated; in between they follow from a short series. */
const PARTS = 256;
const LOG_OF_STEP = -Math.LN2 / STEPS_PER_HALVING;
const STEP_WEIGHTS = Float64Array.from({ length: LAST_STEP }, (_, step) => 2 ** (-step / STEPS_PER_HALVING));
const PART_WEIGHTS = Float64Array.from({ length: PARTS }, (_, part) => Math.exp((part / PARTS) * LOG_OF_STEP));

/**
 * 2^(-steps / steps per halving), to the last bits of a double: the exponential function of a sampler, which it calls once
 * for each token of a vocabulary.
 *
 * @param steps - 0 or more; fractions count
 */
function weightAt(steps: number): number {
  if (steps >= LAST_STEP) return 0;
  const step = steps | 0;
  const inStep = (steps - step) * PARTS;
  const part = inStep | 0;
  // exp of less than 1/256 of a step: the next member of the series is below 2^-53.
  const rest = ((inStep - part) / PARTS) * LOG_OF_STEP;
  const series = 1 + rest * (1 + rest * (1 / 2 + rest * (1 / 6 + rest * (1 / 24))));
  return (STEP_WEIGHTS[step] ?? 0) * (PART_WEIGHTS[part] ?? 0) * series;
}

const EMPTY = new Float32Array(0);

/** The step of each token, kept between calls: made anew, it would be the largest part of the garbage of an answer. */
let stepScratch = new Uint16Array(0);

/** The likeliest tokens up to some place: those of all steps before `step`, and the first `count` of that one. */
export interface Beginning {
  readonly step: number;
  readonly count: number;
  /** Sum of the weights: exp of (logit − the largest) / temperature each, so that the likeliest token has 1. */
  readonly weight: number;
}

/**
 * The tokens of a vocabulary, likeliest first, lower ids first among equals. Sorting a hundred thousand of them takes
 * longer than a step of a model, so they are only dealt out to steps of likelihood; a step is sorted when a place in it
 * matters. One ranking is used at a time.
 */
export class TokenRanking {
  readonly #logits: Float32Array;
  readonly #largest: number;
  readonly #stepsPerLogit: number;
  readonly #steps: Uint16Array;
  readonly #counts = new Uint32Array(LAST_STEP + 1);
  readonly #sums = new Float64Array(LAST_STEP + 1);
  readonly #sorted = new Map<number, Float32Array>();

  /**
   * @param temperature - above 0
   * @param range - tokens whose logit is below its floor are left out, and need no exponential function
   */
  constructor(logits: Float32Array, temperature: number, { largest, floor }: LogitRange) {
    if (stepScratch.length < logits.length) stepScratch = new Uint16Array(logits.length);
    this.#logits = logits;
    this.#largest = largest;
    // Finite, so that 0 below the largest stays 0 at any temperature.
    this.#stepsPerLogit = Math.min(STEPS_PER_HALVING / (Math.LN2 * temperature), Number.MAX_VALUE);
    this.#steps = stepScratch;
    this.#deal(floor);
  }

  /** All tokens that weigh anything. */
  all(): Beginning {
    return { step: LAST_STEP, count: 0, weight: this.#weightBefore(LAST_STEP) };
  }

  /** The `count` likeliest tokens; there are as many. */
  first(count: number): Beginning {
    let step = 0;
    let before = 0;
    for (; step < LAST_STEP; step++) {
      const own = this.#counts[step] ?? 0;
      if (before + own >= count) break;
      before += own;
    }
    return this.#beginning(step, count - before);
  }

  /** The tokens of a beginning that have at least a weight. */
  atLeast(beginning: Beginning, least: number): Beginning {
    const step = Math.min(LAST_STEP, -Math.log2(least) * STEPS_PER_HALVING) | 0;
    if (step > beginning.step) return beginning;
    const limit = this.#limit(beginning, step);
    const logits = limit === 0 ? EMPTY : this.#descending(step);
    let count = 0;
    while (count < limit && this.#weightOf(logits[count] ?? 0) >= least) count++;
    return this.#beginning(step, count);
  }

  /**
   * The shortest beginning of a beginning whose weight is enough; all of it where none is.
   *
   * @param isEnough - false for small weights, true for large ones
   */
  until(beginning: Beginning, isEnough: (weight: number) => boolean): Beginning {
    let step = 0;
    let weight = 0;
    for (; step < beginning.step; step++) {
      const after = weight + (this.#sums[step] ?? 0);
      if (isEnough(after)) break;
      weight = after;
    }
    const limit = this.#limit(beginning, step);
    const logits = limit === 0 ? EMPTY : this.#descending(step);
    let count = 0;
    while (count < limit && (count === 0 || !isEnough(weight))) {
      weight += this.#weightOf(logits[count] ?? 0);
      count++;
    }
    return { step, count, weight };
  }

  /** The last token of a beginning; undefined where it is empty. */
  lastOf({ step, count }: Beginning): number | undefined {
    if (count === 0) {
      for (let earlier = step - 1; earlier >= 0; earlier--) {
        const own = this.#counts[earlier] ?? 0;
        if (own > 0) return this.lastOf({ step: earlier, count: own, weight: 0 });
      }
      return undefined;
    }
    const sorted = this.#descending(step);
    const logit = sorted[count - 1] ?? 0;
    // Of equal ones the lowest ids come first.
    const place = count - sorted.indexOf(logit);
    const logits = this.#logits;
    const { length } = logits;
    let equals = 0;
    for (let id = 0; id < length; id++) {
      if (logits[id] !== logit) continue;
      equals++;
      if (equals === place) return id;
    }
    return undefined;
  }

  /** Gives each token its step. This loop is most of what picking a token costs: it reads what it needs once. */
  #deal(floor: number): void {
    const logits = this.#logits;
    const steps = this.#steps;
    const counts = this.#counts;
    const sums = this.#sums;
    const largest = this.#largest;
    const stepsPerLogit = this.#stepsPerLogit;
    const { length } = logits;
    for (let id = 0; id < length; id++) {
      const logit = logits[id] ?? 0;
      if (logit < floor) {
        steps[id] = NO_STEP;
        continue;
      }
      const place = (largest - logit) * stepsPerLogit;
      const step = place < LAST_STEP ? place | 0 : LAST_STEP;
      steps[id] = step;
      counts[step] = (counts[step] ?? 0) + 1;
      sums[step] = (sums[step] ?? 0) + weightAt(place);
    }
  }

  /** How many tokens of a step belong to a beginning that reaches it. */
  #limit(beginning: Beginning, step: number): number {
    return step === beginning.step ? beginning.count : (this.#counts[step] ?? 0);
  }

  #beginning(step: number, count: number): Beginning {
    let weight = this.#weightBefore(step);
    if (count > 0) for (const logit of this.#descending(step).subarray(0, count)) weight += this.#weightOf(logit);
    return { step, count, weight };
  }

  #weightBefore(step: number): number {
    let weight = 0;
    for (let earlier = 0; earlier < step; earlier++) weight += this.#sums[earlier] ?? 0;
    return weight;
  }

  /** The logits of a step, largest first. Numbers alone are sorted many times faster than tokens. */
  #descending(step: number): Float32Array {
    const known = this.#sorted.get(step);
    if (known !== undefined) return known;
    const own = new Float32Array(this.#counts[step] ?? 0);
    const logits = this.#logits;
    const steps = this.#steps;
    let count = 0;
    const { length } = logits;
    for (let id = 0; id < length && count < own.length; id++) {
      if (steps[id] === step) own[count++] = logits[id] ?? 0;
    }
    own.sort().reverse();
    this.#sorted.set(step, own);
    return own;
  }

  #weightOf(logit: number): number {
    return weightAt((this.#largest - logit) * this.#stepsPerLogit);
  }
}

/** Logits that matter: from `floor` to the largest of a vocabulary. */
export interface LogitRange {
  readonly largest: number;
  readonly floor: number;
}

/** Tokens that are looked through for their largest logit together. */
const GROUP = 256;

/** The largest logit of each group of neighbouring tokens. */
export function peaksOf(logits: Float32Array): Float32Array {
  const peaks = new Float32Array(Math.ceil(logits.length / GROUP));
  for (let group = 0; group < peaks.length; group++) {
    peaks[group] = largestOf(logits.subarray(group * GROUP, (group + 1) * GROUP));
  }
  return peaks;
}

/** A logit that at least `count` tokens reach: as many groups have one. */
export function floorOf(peaks: Float32Array, count: number): number {
  // The smallest come first.
  return peaks.length < count ? Number.NEGATIVE_INFINITY : (peaks.slice().sort()[peaks.length - count] ?? 0);
}

/** The largest number of a list that is not empty. */
export function largestOf(logits: Float32Array): number {
  const { length } = logits;
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < length; id++) {
    const logit = logits[id] ?? 0;
    if (logit > largest) largest = logit;
  }
  return largest;
}
