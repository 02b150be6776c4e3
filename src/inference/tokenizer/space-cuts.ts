/** Stands for a space in tokens of SentencePiece. */
const SPACE_SIGN = '\u2581';
const BEHIND_OTHERS = new RegExp(`[^${SPACE_SIGN}]${SPACE_SIGN}`);
/** Spaces and what follows them up to the next ones. */
const PIECE = `${SPACE_SIGN}*[^${SPACE_SIGN}]+|${SPACE_SIGN}+`;

interface TokenizerRules {
  readonly pre_tokenizer?: object | null;
  readonly model: { readonly type: string; readonly merges?: unknown; readonly ignore_merges?: unknown };
}

/**
 * SentencePiece BPE takes a text as one word, which takes the library so much longer than many short ones that long
 * prompts would not be read in time. Where no merge joins a space to what stands before it, the pieces between are merged
 * as in the whole: then the rules are given back with a last step that cuts there.
 *
 * @param tokenizerJson - as `readTokenizerFiles` checked it
 */
export function cutAtSpaces(tokenizerJson: object): object {
  const rules = tokenizerJson as TokenizerRules;
  const { type, merges, ignore_merges: ignoresMerges } = rules.model;
  // Whole words are looked up where merges are ignored.
  if (type !== 'BPE' || !Array.isArray(merges) || ignoresMerges === true) return tokenizerJson;
  const results = merges.map(resultOf);
  const isExact = !results.some((result) => BEHIND_OTHERS.test(result));
  if (!isExact || !results.some((result) => result.includes(SPACE_SIGN))) return tokenizerJson;
  const cut = { type: 'Split', pattern: { Regex: PIECE }, behavior: 'Isolated', invert: false };
  const before = rules.pre_tokenizer ?? null;
  return {
    ...tokenizerJson,
    pre_tokenizer: before === null ? cut : { type: 'Sequence', pretokenizers: [before, cut] },
  };
}

/** A merge is a pair, or both separated by a space. */
function resultOf(merge: unknown): string {
  return Array.isArray(merge) ? merge.join('') : String(merge).replace(' ', '');
}
