/** How much longer a text may become on its way through a tokenizer's rules. Published ones exchange single characters. */
const MAX_GROWTH = 64;
/** Keys under which rules of tokenizer.json hold the text they put in the place of another. */
const REPLACEMENT_KEYS: ReadonlySet<string> = new Set(['content', 'prepend', 'replacement']);

type Rules = Readonly<Record<string, unknown>>;

/** Whether some part of a tokenizer's rules could make texts grow without measure, one replacement after the other. */
export function growsTexts(tokenizerJson: Rules): boolean {
  const stages = ['normalizer', 'pre_tokenizer', 'decoder'].map((stage) => tokenizerJson[stage]);
  return stages.some((stage) => growthOf(stage) > MAX_GROWTH);
}

/** Whether decoding runs regular expressions, which can take any time. */
export function decodesWithPatterns(tokenizerJson: Rules): boolean {
  return hasKey(tokenizerJson['decoder'], 'Regex');
}

function growthOf(rules: unknown): number {
  let growth = 1;
  for (const [key, value] of entriesOf(rules)) {
    if (typeof value === 'string') growth *= REPLACEMENT_KEYS.has(key) ? Math.max(1, value.length) : 1;
    else growth *= growthOf(value);
  }
  return growth;
}

function hasKey(rules: unknown, name: string): boolean {
  return entriesOf(rules).some(([key, value]) => key === name || hasKey(value, name));
}

/** The nesting was bounded when the file was parsed. */
function entriesOf(rules: unknown): [string, unknown][] {
  return typeof rules === 'object' && rules !== null ? Object.entries(rules) : [];
}
