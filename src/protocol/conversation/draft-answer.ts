import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

/*
 * What a model is asked to draft and how its answer is read. A model answers anything; only JSON of exactly this form is
 * used.
 */

const DraftText = Type.String({ minLength: 1, maxLength: 2_000 });
const DraftList = Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), { maxItems: 20 });

export const DraftAnswer = Type.Object(
  {
    reason: DraftText,
    needs: DraftList,
    summary: Type.String({ minLength: 1, maxLength: 8_000 }),
    goals: DraftList,
    decisions: DraftList,
    open_questions: DraftList,
    facts: DraftList,
    constraints: DraftList,
  },
  { additionalProperties: false },
);
export type DraftAnswer = Static<typeof DraftAnswer>;

/** Positions a model's context needs at least: below it neither a history worth a snapshot nor the answer fits. */
export const MIN_DRAFT_CONTEXT = 2_048;
/** Tokens of a draft. */
export const DRAFT_TOKENS = 900;

/** What a model is told to do with the history above it. */
export const DRAFT_INSTRUCTION = [
  'Another model will go on with this conversation and will not see all of it.',
  'Write what it has to know as one JSON object and nothing else, with exactly these fields:',
  '"reason": a sentence on why the conversation is handed over;',
  '"needs": what the receiver has to do or answer next, a list of sentences;',
  '"summary": a short summary; "goals", "decisions", "open_questions", "facts", "constraints": lists of sentences.',
  'Use only what was said. Leave a list empty when there is nothing for it. Write in the language of the conversation.',
].join('\n');

/** The end of the JSON object that begins at a place of a text, or null when it does not end. */
function objectEnd(text: string, start: number): number | null {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return null;
}

/** The draft in a model's answer: its first JSON object, when that is of the form asked for. Null for anything else. */
export function readDraftAnswer(answer: string): DraftAnswer | null {
  const start = answer.indexOf('{');
  const end = start < 0 ? null : objectEnd(answer, start);
  if (end === null) return null;
  try {
    const value: unknown = JSON.parse(answer.slice(start, end));
    return Value.Check(DraftAnswer, value) ? value : null;
  } catch {
    return null;
  }
}
