import { isPart } from './content';
import type { ContextSnapshot, Conversation, ConversationMessage, Handoff } from './conversation';

/*
 * Drafts of a handoff and a context snapshot (tore-0005) by rules alone, for when no model is able to write them. What the
 * rules find is copied, never reworded; a person reads and changes the drafts before they are used.
 */

/** Who a snapshot made here says it was created by. */
export const RULES_NAME = 'extraction rules';

/** Bounds that keep a snapshot far shorter than what it stands for. */
const LIMITS = {
  /** Entries of each list. */
  entries: 8,
  /** Characters of one entry; a sentence that is longer is cut. */
  entryLength: 300,
  summaryLength: 1_200,
  /** Characters of one message that are looked at. */
  messageLength: 20_000,
} as const;

/** Words that tell what a sentence is, in the languages the app speaks. */
const MARKS = {
  goals:
    /\b(?:i want|i need|i'd like|i would like|we want|we need|(?:my|our|the) goal|the aim|in order to|help me|i'm trying|i am trying)\b|(?:istiyorum|istiyoruz|amacım|amacımız|hedef(?:im|imiz)?|lazım)/i,
  decisions:
    /\b(?:we(?:'ll| will)? (?:use|go with|take|keep)|let's (?:use|go with|take|keep)|decided|agreed|i(?:'ll| will) (?:use|go with|take)|settled on|chosen|the decision)\b|(?:karar (?:verdik|verdim|verildi)|anlaştık|kullanalım|seçtik|kullanacağız)/i,
  constraints:
    /\b(?:must(?: not)?|mustn't|have to|has to|may not|cannot|can't|never|only|at most|at least|no more than|without|within|deadline|budget|limit(?:ed)?|require[sd]?)\b|(?:gerekir|zorunda|olmamalı|olmalı|en fazla|en az|sadece|yalnızca)/i,
  facts:
    /\b(?:is|are|was|were|has|have|costs?|takes?|weighs?|measures?|contains?|means)\b[^?]*\d|\d[^?]*\b(?:is|are|was|were|percent|ms|seconds?|minutes?|hours?|days?|years?|kb|mb|gb|km|kg|usd|eur)\b/i,
} as const;

function speech(message: ConversationMessage): string {
  return message.content
    .map((part) => (isPart(part, 'text') ? part.text : ''))
    .join('\n')
    .slice(0, LIMITS.messageLength);
}

/** Text without code, quotes, tables and marks of Markdown, in sentences. */
export function sentencesOf(text: string): readonly string[] {
  const prose = text
    .replace(/```[^]*?(?:```|$)/g, '\n')
    .split('\n')
    .filter((line) => !/^\s*(?:>|\||#{1,6}\s*$)/.test(line))
    .map((line) =>
      line
        .replace(/^\s*(?:[-*+]|\d{1,3}[.)])\s+/, '')
        .replace(/^#{1,6}\s+/, '')
        .replace(/[*_`]/g, ''),
    );
  return prose
    .flatMap((line) => line.split(/(?<=[.!?…])\s+/))
    .map((sentence) => sentence.replace(/\s+/g, ' ').trim())
    .filter((sentence) => sentence.length > 3);
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const shortened = text.slice(0, length - 1);
  const space = shortened.lastIndexOf(' ');
  return `${shortened.slice(0, space > length / 2 ? space : undefined).trimEnd()}…`;
}

/** Entries of a list, each once, the newest kept when there are too many. */
function entriesOf(sentences: readonly string[]): string[] {
  const unique = new Map<string, string>();
  for (const sentence of sentences) {
    const key = sentence.toLowerCase();
    unique.delete(key);
    unique.set(key, cut(sentence, LIMITS.entryLength));
  }
  return [...unique.values()].slice(-LIMITS.entries);
}

interface Spoken {
  readonly isHuman: boolean;
  readonly sentences: readonly string[];
}

function spokenOf(conversation: Conversation, branch: readonly ConversationMessage[]): readonly Spoken[] {
  const roles = new Map(conversation.participants.map(({ id, role }) => [id, role]));
  return branch.flatMap((message): Spoken[] => {
    const role = roles.get(message.participant_id) ?? 'human';
    if ((role !== 'human' && role !== 'model') || message.metadata?.['hidden'] === true) return [];
    const sentences = sentencesOf(speech(message));
    return sentences.length === 0 ? [] : [{ isHuman: role === 'human', sentences }];
  });
}

/** Questions that nobody spoke after: those of the last person's turn without an answer, and those of the last answer. */
function openQuestions(spoken: readonly Spoken[]): string[] {
  const last = spoken.at(-1);
  if (last === undefined) return [];
  return entriesOf(last.sentences.filter((sentence) => sentence.endsWith('?')));
}

function summaryOf(conversation: Conversation, spoken: readonly Spoken[]): string {
  const questions = spoken.filter(({ isHuman }) => isHuman);
  const first = questions[0]?.sentences[0];
  const latest = questions.at(-1)?.sentences[0];
  const answer = spoken
    .findLast(({ isHuman }) => !isHuman)
    ?.sentences.slice(0, 3)
    .join(' ');
  return cut(
    [
      `${conversation.title.trim() || 'A conversation'}. Questions so far: ${questions.length}.`,
      first === undefined ? '' : `It began with: ${cut(first, LIMITS.entryLength)}`,
      latest === undefined || latest === first ? '' : `The last question was: ${cut(latest, LIMITS.entryLength)}`,
      answer === undefined ? '' : `The last answer began: ${cut(answer, LIMITS.entryLength)}`,
    ]
      .filter((line) => line !== '')
      .join('\n'),
    LIMITS.summaryLength,
  );
}

/**
 * A snapshot of a branch by rules: goals, decisions and constraints are sentences that say so, facts are sentences with
 * figures, open questions are those nobody has answered yet.
 *
 * @param branch - from the first message to the one the snapshot covers; at least one message.
 * @returns null for a branch without messages.
 */
export function draftSnapshot(
  conversation: Conversation,
  branch: readonly ConversationMessage[],
  now: string,
): ContextSnapshot | null {
  const last = branch.at(-1);
  if (last === undefined) return null;
  const spoken = spokenOf(conversation, branch);
  const human = spoken.filter(({ isHuman }) => isHuman).flatMap(({ sentences }) => sentences);
  const all = spoken.flatMap(({ sentences }) => sentences);
  const statements = all.filter((sentence) => !sentence.endsWith('?'));
  const goals = human.filter((sentence) => MARKS.goals.test(sentence));
  const firstQuestion = human[0];
  return {
    summary: summaryOf(conversation, spoken),
    goals: entriesOf(goals.length > 0 || firstQuestion === undefined ? goals : [firstQuestion]),
    decisions: entriesOf(statements.filter((sentence) => MARKS.decisions.test(sentence))),
    open_questions: openQuestions(spoken),
    facts: entriesOf(statements.filter((sentence) => MARKS.facts.test(sentence))),
    constraints: entriesOf(human.filter((sentence) => MARKS.constraints.test(sentence) && !MARKS.goals.test(sentence))),
    through_message_id: last.id,
    created_at: now,
    created_by: RULES_NAME,
  };
}

/** Where a conversation goes on. */
export interface HandoffTarget {
  readonly platform: string;
  readonly model: string;
}

/** A handoff by rules: the switch as the reason, and what is still open as what the receiver needs. */
export function draftHandoff(
  conversation: Conversation,
  branch: readonly ConversationMessage[],
  target: HandoffTarget,
  now: string,
): Handoff {
  const spoken = spokenOf(conversation, branch);
  const last = spoken.at(-1);
  const unanswered = last?.isHuman === true ? last.sentences.slice(0, LIMITS.entries) : openQuestions(spoken);
  const model = branch.findLast((message) => message.model !== null && message.model !== undefined)?.model;
  const from = model ?? conversation.source.model;
  return {
    from: {
      platform: conversation.source.platform,
      ...(from === null || from === undefined ? {} : { model: from }),
    },
    to: { platform: target.platform, model: target.model },
    reason: `The person goes on with ${target.model}.`,
    needs: entriesOf(unanswered),
    created_at: now,
  };
}

/** A snapshot as the text a model reads in place of the early history. */
export function snapshotText(snapshot: ContextSnapshot, handoff: Handoff | null | undefined): string {
  const list = (title: string, entries: readonly string[]): string =>
    entries.length === 0 ? '' : `${title}:\n${entries.map((entry) => `- ${entry}`).join('\n')}`;
  return [
    'Earlier part of this conversation, in short:',
    snapshot.summary,
    list('Goals', snapshot.goals),
    list('Decisions', snapshot.decisions),
    list('Open questions', snapshot.open_questions),
    list('Facts', snapshot.facts),
    list('Constraints', snapshot.constraints),
    handoff === null || handoff === undefined ? '' : list('Needed next', handoff.needs),
  ]
    .filter((text) => text.trim() !== '')
    .join('\n\n');
}
