import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { ConversationBuilder } from '../conversation-builder';
import type { ConvertContext, Converted } from '../converter';
import { contentHash } from '../identity';
import { splitThoughts } from './message-content';
import { entryOf } from '../source-values';

/** Words that name a speaker in transcripts, in lower case. */
const SPEAKERS: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  human: 'human',
  you: 'human',
  me: 'human',
  prompt: 'human',
  question: 'human',
  assistant: 'model',
  ai: 'model',
  model: 'model',
  bot: 'model',
  answer: 'model',
  response: 'model',
  chatgpt: 'model',
  claude: 'model',
  gemini: 'model',
  system: 'system',
  tool: 'tool',
};

/** `## User`, `**You:**`, `### Assistant (gpt-4)`, `User:` alone on a line. */
const SPEAKER_LINE = /^(?:#{1,6}\s+(.{1,80}?)|\*\*(.{1,80}?):?\*\*:?|([A-Za-z]{2,20}):)\s*$/;
/** `**You:** words` on one line. */
const SPEAKER_WITH_WORDS = /^\*\*([A-Za-z]{2,20}):?\*\*:?\s+(\S.*)$/;
const FENCE = /^\s*(```+|~~~+)/;
/** Longer lines name nobody and are no title; looking at them costs time. */
const MAX_MARK_LENGTH = 300;

interface Turn {
  readonly role: ParticipantRole;
  readonly name: string | null;
  readonly lines: string[];
}

function roleOf(label: string): { readonly role: ParticipantRole; readonly name: string | null } | null {
  const clean = label
    .replace(/[*_`:]/g, '')
    .replace(/\(.*\)$/, '')
    .trim();
  const role = entryOf(SPEAKERS, clean.toLowerCase());
  if (role === undefined) return null;
  const inBrackets = /\(([^()]{1,80})\)\s*:?\s*$/.exec(label)?.[1] ?? null;
  return { role, name: role === 'model' ? (inBrackets ?? clean) : null };
}

/**
 * Converts a Markdown file. Headings or bold words that name a speaker part the turns; a file without any is one message
 * of a person. Lines inside fenced code never part anything.
 */
export function convertMarkdown(text: string, context: ConvertContext): Converted {
  const { title, turns } = turnsOf(text);
  if (turns.every((turn) => turn.lines.join('').trim() === '')) return { kind: 'skipped', why: 'it is empty' };
  const builder = new ConversationBuilder();
  let previous: string | null = null;
  for (const turn of turns) {
    const words = turn.lines.join('\n').trim();
    if (words === '') continue;
    const id = `message-${builder.messageCount + 1}`;
    builder.add({
      id,
      parentId: previous,
      participantId: builder.participant(turn.role, { name: turn.name }),
      createdAt: null,
      content: splitThoughts(words),
      hidden: turn.role === 'system',
    });
    previous = id;
  }
  const conversation = builder.finish({
    platform: 'markdown',
    originalId: contentHash(text),
    title: title ?? context.fileName.replace(/\.(md|markdown|txt)$/i, ''),
    createdAt: null,
    updatedAt: null,
    head: previous,
    sourceRecord: { file_name: context.fileName },
    fallbackTime: context.fallbackTime,
  });
  return { kind: 'conversation', conversation };
}

function turnsOf(text: string): { readonly title: string | null; readonly turns: readonly Turn[] } {
  const turns: Turn[] = [];
  const before: string[] = [];
  let title: string | null = null;
  let fence: string | null = null;
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const mark = FENCE.exec(line)?.[1];
    if (mark !== undefined && (fence === null || mark.startsWith(fence))) fence = fence === null ? mark : null;
    const speaker = fence === null ? speakerLine(line) : null;
    if (speaker !== null) {
      turns.push(speaker);
      continue;
    }
    if (fence === null && turns.length === 0) title ??= titleLine(line);
    const current = turns.at(-1);
    if (current === undefined) before.push(line);
    else current.lines.push(line);
  }
  if (turns.length === 0) return { title, turns: [{ role: 'human', name: null, lines: before }] };
  // What stands above the first speaker is the title and remarks of whoever wrote the file.
  const remarks = before.filter((line) => title === null || titleLine(line) !== title);
  const isOnlyTitle = remarks.join('').trim() === '';
  return { title, turns: isOnlyTitle ? turns : [{ role: 'system', name: null, lines: remarks }, ...turns] };
}

function titleLine(line: string): string | null {
  if (line.length > MAX_MARK_LENGTH || !line.startsWith('# ')) return null;
  const title = line.slice(2).trim();
  return title === '' ? null : title;
}

function speakerLine(line: string): Turn | null {
  if (line.length > MAX_MARK_LENGTH) return speakerWithWords(line);
  const alone = SPEAKER_LINE.exec(line);
  const label = alone?.[1] ?? alone?.[2] ?? alone?.[3];
  if (label !== undefined) {
    const speaker = roleOf(label);
    return speaker === null ? null : { ...speaker, lines: [] };
  }
  return speakerWithWords(line);
}

function speakerWithWords(line: string): Turn | null {
  if (!line.startsWith('**')) return null;
  const found = SPEAKER_WITH_WORDS.exec(line);
  const speaker = found?.[1] === undefined ? null : roleOf(found[1]);
  return speaker === null ? null : { ...speaker, lines: [found?.[2] ?? ''] };
}
