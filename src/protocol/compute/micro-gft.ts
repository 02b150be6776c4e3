/**
 * GFT amounts are integers of micro-GFT inside and decimals with at most six fraction digits on the wire
 * (tore-0001, general rules). Integers up to 2^53 micro-GFT, nine billion GFT, stay exact.
 */
export type MicroGft = number;

export const MICRO_GFT_PER_GFT = 1_000_000;

/** Largest amount of one entry or balance: the largest integer a JSON reader keeps exact. */
export const MAX_MICRO_GFT: MicroGft = Number.MAX_SAFE_INTEGER;

/**
 * Converts GFT to micro-GFT, rounding half to even so that many small amounts carry no bias.
 * @throws RangeError when the amount is not finite or too large to stay exact.
 */
export function toMicroGft(gft: number): MicroGft {
  const scaled = gft * MICRO_GFT_PER_GFT;
  if (!Number.isFinite(scaled) || Math.abs(scaled) > MAX_MICRO_GFT)
    throw new RangeError(`GFT amount out of range: ${gft}`);
  const floor = Math.floor(scaled);
  const fraction = scaled - floor;
  const rounded = fraction > 0.5 || (fraction === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
  return rounded === 0 ? 0 : rounded;
}

/** The wire form: a number that prints with at most six fraction digits. */
export function toWireGft(microGft: MicroGft): number {
  return Number(decimalGft(microGft));
}

/** Text for people: at least two and at most six fraction digits, e.g. `10.00`, `0.000341`. */
export function formatGft(microGft: MicroGft): string {
  return decimalGft(microGft).replace(/0{1,4}$/, '');
}

/** Exact decimal text with six fraction digits; whole numbers are split, since a division would round large ones. */
function decimalGft(microGft: MicroGft): string {
  const amount = Math.abs(microGft);
  const fraction = amount % MICRO_GFT_PER_GFT;
  const whole = (amount - fraction) / MICRO_GFT_PER_GFT;
  return `${microGft < 0 ? '-' : ''}${whole}.${String(fraction).padStart(6, '0')}`;
}
