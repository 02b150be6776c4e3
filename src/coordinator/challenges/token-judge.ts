/*
 * A last hop hands on tokens, and its work is done again with the same inputs, sampling and random numbers. Honest nodes
 * with the same weights then draw the same tokens, but where two lie so close that rounding decides; what a cheat says has
 * little to do with them. Nodes with other bits draw other tokens now and then and are not compared.
 */

/** Steps of one answer, and the tokens each gave. A step that only filled a cache gave none. */
export type DrawnTokens = readonly (readonly number[] | null)[];

/** Of fewer, a few that lie close would decide. */
const MIN_COMPARED_TOKENS = 20;
/** Share of tokens that has to be the same; measured in docs/proof-of-work.md. */
export const SAME_TOKENS = 0.9;

/** How many tokens can be compared, and how many of them are the same. */
export function compareTokens(
  left: DrawnTokens,
  right: DrawnTokens,
): { readonly compared: number; readonly same: number } {
  let compared = 0;
  let same = 0;
  for (let step = 0; step < Math.min(left.length, right.length); step += 1) {
    const [one, other] = [left[step] ?? null, right[step] ?? null];
    if (one === null || other === null) continue;
    const length = Math.min(one.length, other.length);
    compared += length;
    same += one.slice(0, length).filter((id, index) => id === other[index]).length;
    if (one.length === other.length) continue;
    // One took more guesses than the other, so from here on they stand at different places.
    compared += 1;
    break;
  }
  return { compared, same };
}

/** Whether two independent nodes of one precision drew the same tokens; null where there are too few. */
export function agreeOnTokens(
  left: DrawnTokens,
  right: DrawnTokens,
): { readonly agreed: boolean; readonly finding: string } | null {
  const { compared, same } = compareTokens(left, right);
  if (compared < MIN_COMPARED_TOKENS) return null;
  return {
    agreed: same >= compared * SAME_TOKENS,
    finding: `Compared with an independent node: ${same} of ${compared} tokens are the same.`,
  };
}
