/*
 * A compact fingerprint of a shard's output that survives the rounding of different hardware (prior art: TOPLOC). Of
 * each row the entries of largest magnitude are kept with their places; two runs of the same layers agree in most
 * places, in nearly every exponent, and in the leading bits of the mantissas. `docs/proof-of-work.md` has the measured
 * rates behind the thresholds.
 */

export const FINGERPRINT = {
  /** Rows a proof answers with: one for each pass of `PROOF_STEPS`. */
  rows: 4,
  /** Entries kept of each row. */
  entriesPerRow: 32,
  bytesPerEntry: 8,
} as const;

/** Entries of one row, largest magnitude first. */
export interface FingerprintRow {
  readonly indexes: readonly number[];
  readonly values: readonly number[];
}

/** How two fingerprints differ. */
export interface FingerprintDistance {
  /** Share of places both hold, 0..1. */
  readonly overlap: number;
  /** Share of common places with the same sign and exponent, 0..1. */
  readonly exponentMatch: number;
  /** Mean difference of the values at common places, in 1/128 of the value's binary order: units of a 7-bit mantissa. */
  readonly mantissaError: number;
}

/** Weights a shard was run with; the coarser the weights, the more two kernels may differ. */
export type ProofPrecision = 'fp32' | 'int8' | 'int4';

/**
 * Largest distance at which two runs count as the same, by precision of the weights. Both runs hold the weights in the
 * same precision; a coarser one than was said is itself a cheat. Derived in docs/proof-of-work.md: above every honest
 * pair that was measured with room to spare, and below the nearest cheat.
 */
export const PROOF_THRESHOLDS: Readonly<Record<ProofPrecision, FingerprintDistance>> = {
  fp32: { overlap: 0.9, exponentMatch: 0.9, mantissaError: 0.2 },
  int8: { overlap: 0.85, exponentMatch: 0.85, mantissaError: 3.5 },
  int4: { overlap: 0.85, exponentMatch: 0.85, mantissaError: 3.5 },
};

/** The entries of largest magnitude in one row; ties go to the lower place. */
export function fingerprintRow(row: Float32Array, entries: number = FINGERPRINT.entriesPerRow): FingerprintRow {
  const indexes = Array.from(row.keys())
    .sort((left, right) => Math.abs(row[right] ?? 0) - Math.abs(row[left] ?? 0) || left - right)
    .slice(0, entries);
  return { indexes, values: indexes.map((index) => row[index] ?? 0) };
}

/** Binary order of a value: 2^e ≤ |value| < 2^(e+1). */
function exponentOf(value: number): number {
  return value === 0 ? -Infinity : Math.floor(Math.log2(Math.abs(value)));
}

/** Rows of one length, without repeated places. */
function isWellFormed(row: FingerprintRow, other: FingerprintRow): boolean {
  const { length } = row.indexes;
  return [row, other].every(
    ({ indexes, values }) => indexes.length === length && values.length === length && new Set(indexes).size === length,
  );
}

/** Compares row by row and pools all entries. Fingerprints of other shapes are as far apart as can be. */
export function compareFingerprints(
  left: readonly FingerprintRow[],
  right: readonly FingerprintRow[],
): FingerprintDistance {
  const farthest = { overlap: 0, exponentMatch: 0, mantissaError: Infinity };
  if (left.length !== right.length || left.length === 0) return farthest;
  let [entries, common, sameExponent, error] = [0, 0, 0, 0];
  for (const [position, row] of left.entries()) {
    const other = right[position];
    if (other === undefined || !isWellFormed(row, other)) return farthest;
    const places = new Map(other.indexes.map((index, place) => [index, other.values[place] ?? 0]));
    entries += row.indexes.length;
    for (const [place, index] of row.indexes.entries()) {
      const [value, otherValue] = [row.values[place] ?? 0, places.get(index)];
      if (otherValue === undefined) continue;
      common += 1;
      const order = Math.max(exponentOf(value), exponentOf(otherValue));
      if (exponentOf(value) === exponentOf(otherValue) && value * otherValue >= 0) sameExponent += 1;
      error += order === -Infinity ? 0 : (Math.abs(value - otherValue) / 2 ** order) * 128;
    }
  }
  if (common === 0) return farthest;
  return { overlap: common / entries, exponentMatch: sameExponent / common, mantissaError: error / common };
}

/** Whether a distance is one of rounding alone. */
export function isSameWork(distance: FingerprintDistance, precision: ProofPrecision): boolean {
  const limit = PROOF_THRESHOLDS[precision];
  return (
    distance.overlap >= limit.overlap &&
    distance.exponentMatch >= limit.exponentMatch &&
    distance.mantissaError <= limit.mantissaError
  );
}

/** The distance in words, for verdicts and logs. */
export function describeDistance({ overlap, exponentMatch, mantissaError }: FingerprintDistance): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const error = Number.isFinite(mantissaError) ? mantissaError.toFixed(3) : 'beyond measure';
  return `${percent(overlap)} of the places and ${percent(exponentMatch)} of the exponents agree; mantissas differ by ${error} / 128`;
}
