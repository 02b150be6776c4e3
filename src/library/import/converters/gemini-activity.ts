import type { ContentPart } from '../../../protocol/conversation/content';
import { ConversationBuilder } from '../conversation-builder';
import type { ConvertContext, Converted } from '../converter';
import { htmlToMarkdown } from '../html-to-markdown';
import { contentHash, fittingName } from '../identity';
import { listOf, recordsOf, textOf, timeOf, type SourceRecord } from '../source-values';

const PLATFORM = 'gemini';

/**
 * What stands before the prompt in titles of activities, in the languages seen. Takeout writes it in the account's
 * language; `learnPromptPrefix` finds the others from the file itself.
 */
const KNOWN_PREFIXES = ['Prompted ', 'Asked ', 'Said ', 'Eingegebener Prompt: '];

/** Titles needed before a common beginning means something. */
const MIN_TITLES = 5;
/** Share of the titles that must begin alike. */
const COMMON_SHARE = 0.6;
const MAX_PREFIX_WORDS = 4;

/**
 * The words most titles begin with, in any language: what the product wrote before each prompt. Null when there are too
 * few titles, or when they begin differently.
 */
export function learnPromptPrefix(titles: readonly string[]): string | null {
  if (titles.length < MIN_TITLES) return null;
  let prefix = '';
  for (let words = 1; words <= MAX_PREFIX_WORDS; words += 1) {
    const counts = new Map<string, number>();
    for (const title of titles) {
      if (!title.startsWith(prefix)) continue;
      const next = /^\S+\s/.exec(title.slice(prefix.length))?.[0];
      if (next !== undefined) counts.set(next, (counts.get(next) ?? 0) + 1);
    }
    const [best] = [...counts].sort((a, b) => b[1] - a[1]);
    if (best === undefined || best[1] < titles.length * COMMON_SHARE) break;
    prefix += best[0];
  }
  return prefix === '' ? null : prefix;
}

/** A prompt with its answer, as both the JSON and the HTML of Takeout tell it. */
export interface Activity {
  readonly title: string;
  readonly time: string | null;
  readonly answer: string | null;
  readonly files: readonly string[];
  readonly learnedPrefix: string | null;
  readonly sourceRecord: unknown;
  /** Other things to keep with the conversation. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

function withoutPrefix(
  title: string,
  learned: string | null,
): { readonly prompt: string; readonly prefix: string | null } {
  const clean = title.replace(/[\u00a0\u202f]/g, ' ');
  const prefixes = learned === null ? KNOWN_PREFIXES : [learned, ...KNOWN_PREFIXES];
  const prefix = prefixes.find((known) => clean.startsWith(known) && clean.length > known.length);
  return prefix === undefined ? { prompt: title, prefix: null } : { prompt: title.slice(prefix.length), prefix };
}

/**
 * Turns one activity into a conversation. Takeout does not say which prompts belong together, and guessing by time would
 * join strangers, so each prompt with its answer is a conversation of its own.
 */
export function convertActivity(activity: Activity, context: ConvertContext): Converted {
  const builder = new ConversationBuilder();
  const { prompt, prefix } = withoutPrefix(activity.title, activity.learnedPrefix);
  const originalId = contentHash(JSON.stringify([activity.time, activity.title, activity.answer]));
  const files = activity.files.map((name): ContentPart => {
    const isImage = /\.(png|jpe?g|gif|webp|heic)$/i.test(name);
    return { type: isImage ? 'image' : 'file', uri: name.slice(0, 20_000), name: fittingName(name) };
  });
  builder.add({
    id: 'prompt',
    parentId: null,
    participantId: builder.participant('human'),
    createdAt: activity.time,
    content: [...(prompt.trim() === '' ? [] : [{ type: 'text' as const, text: prompt }]), ...files],
    ...(prefix === null ? {} : { metadata: { title_prefix: prefix } }),
  });
  if (activity.answer !== null) {
    builder.add({
      id: 'answer',
      parentId: 'prompt',
      participantId: builder.participant('model', { name: 'Gemini' }),
      createdAt: activity.time,
      content: [{ type: 'text', text: activity.answer }],
    });
  }
  const conversation = builder.finish({
    platform: PLATFORM,
    originalId,
    title: null,
    createdAt: activity.time,
    updatedAt: activity.time,
    head: null,
    ...(activity.metadata === undefined ? {} : { metadata: activity.metadata }),
    sourceRecord: activity.sourceRecord,
    fallbackTime: context.fallbackTime,
  });
  return { kind: 'conversation', conversation };
}

/** Whether an activity of Takeout is one of Gemini (or of Bard, as it was called). */
export function isGeminiActivity(record: SourceRecord): boolean {
  const named = [record['header'], ...listOf(record['products'])].filter((name) => typeof name === 'string');
  return named.some((name) => /gemini|bard/i.test(name));
}

/** Converts a record of Takeout's `My Activity.json`. */
export function convertGeminiActivity(
  record: SourceRecord,
  context: ConvertContext,
  learnedPrefix: string | null = null,
): Converted {
  if (!isGeminiActivity(record)) return { kind: 'skipped', why: 'it is an activity of another Google product' };
  const answers = recordsOf(record['safeHtmlItem']).flatMap((item) => textOf(item['html']) ?? []);
  const answer = htmlToMarkdown(answers.join('\n'));
  const attached = [...listOf(record['attachedFiles']), record['imageFile'], record['audioFile']];
  const files = attached.filter((name): name is string => typeof name === 'string' && name !== '');
  const title = textOf(record['title']) ?? '';
  if (title === '' && answer === '') return { kind: 'skipped', why: 'it has neither a prompt nor an answer' };
  return convertActivity(
    {
      title,
      time: timeOf(record['time']),
      answer: answer === '' ? null : answer,
      files,
      learnedPrefix,
      sourceRecord: record,
    },
    context,
  );
}
