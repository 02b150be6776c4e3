/**
 * Longest number token that is looked at. The longest exact decimal form of a double has about 1,080 characters; nobody
 * writes it, and converting longer ones costs time.
 */
const MAX_NUMBER_CHARACTERS = 1_100;
/** Digits that identify a double: printing 17 and reading them gives the same double again. */
const IDENTIFYING_DIGITS = 17;
/** Any decimal of so many digits, without an exponent, survives the way through a double and back. */
const SAFE_CHARACTERS = 15;

interface Decimal {
  /** Significant digits without zeros at either end; `''` for zero. */
  readonly digits: string;
  /** Power of ten of the last of them. */
  readonly exponent: number;
}

function decimalOf(token: string): Decimal {
  const [mantissa = '', power = '0'] = token.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  if (short === '') return { digits: '', exponent: 0 };
  return { digits: short, exponent: Number(power) - fraction.length + (digits.length - short.length) };
}

/**
 * Whether a JSON number token means the same after it went through a double, which is all that JSON readers in use keep.
 *
 * Exact are numbers that ECMAScript writes back with the same decimal value, and fractions of up to 17 digits, as some
 * programs print doubles (`0.10000000000000001`). Not exact are integers beyond 2^53 that a double cannot hold, longer
 * fractions, and numbers too large or too small: they are refused rather than silently changed.
 */
export function isExactNumber(token: string): boolean {
  if (token.length <= SAFE_CHARACTERS && !/[eE]/.test(token)) return true;
  if (token.length > MAX_NUMBER_CHARACTERS) return false;
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  const written = decimalOf(token);
  const kept = decimalOf(String(value));
  if (written.digits === kept.digits && written.exponent === kept.exponent) return true;
  return value !== 0 && written.exponent < 0 && written.digits.length <= IDENTIFYING_DIGITS;
}
