import {
  compareFingerprints,
  describeDistance,
  isSameWork,
  type FingerprintRow,
  type ProofPrecision,
} from '../../protocol/compute/activation-fingerprint';

/** What a node answered to a proof. */
export interface GivenProof {
  readonly precision: ProofPrecision;
  readonly rows: readonly FingerprintRow[];
}

/** What a comparison says about one answer. */
export interface Judgement {
  readonly passed: boolean;
  /** In words, for the node and for administrators. */
  readonly finding: string;
}

/** From exact to coarse. */
const COARSENESS: readonly ProofPrecision[] = ['fp32', 'int8', 'int4'];

/** Judges an answer by a run in the same precision that is known to be right. */
export function judgeByReference(answer: GivenProof, reference: readonly FingerprintRow[]): Judgement {
  const distance = compareFingerprints(answer.rows, reference);
  return {
    passed: isSameWork(distance, answer.precision),
    finding: `Compared with the coordinator's own run in ${answer.precision}: ${describeDistance(distance)}.`,
  };
}

/** Whether two answers agree, and in words how far; null where they cannot be compared. */
type Comparison = { readonly agreed: boolean; readonly finding: string } | null;

/**
 * Whether two independent answers to one proof agree; null where they cannot be compared, because one has weights of 4
 * bits and the other has not: those lie as far apart as a cheat does.
 */
export function agree(left: GivenProof, right: GivenProof): Comparison {
  if (left.precision !== right.precision && (left.precision === 'int4' || right.precision === 'int4')) return null;
  const coarser =
    COARSENESS[Math.max(COARSENESS.indexOf(left.precision), COARSENESS.indexOf(right.precision))] ?? 'fp32';
  const distance = compareFingerprints(left.rows, right.rows);
  return {
    agreed: isSameWork(distance, coarser),
    finding: `Compared with an independent node: ${describeDistance(distance)}.`,
  };
}

/**
 * The judgement on a group of answers to one proof by nodes that are independent of each other: what more than half of
 * them agree on is right. Null while that is open: fewer than two answers, or no majority.
 */
export function judgeByMajority<Answer = GivenProof>(
  answers: readonly Answer[],
  compare: (left: Answer, right: Answer) => Comparison,
): readonly Judgement[] | null {
  if (answers.length < 2) return null;
  const votes = answers.map((answer) => {
    const comparisons = answers.flatMap((other) => (other === answer ? [] : (compare(answer, other) ?? [])));
    const agreeing = comparisons.filter((comparison) => comparison.agreed);
    // Where somebody agrees, that says more than how far a wrong answer lies away.
    const [telling = comparisons[0]] = agreeing;
    return { agreeing: agreeing.length, finding: telling?.finding ?? 'There was nothing to compare it with.' };
  });
  const needed = answers.length / 2;
  // A node agrees with itself as well.
  if (!votes.some((vote) => vote.agreeing + 1 > needed)) return null;
  return votes.map((vote) => ({ passed: vote.agreeing + 1 > needed, finding: vote.finding }));
}
