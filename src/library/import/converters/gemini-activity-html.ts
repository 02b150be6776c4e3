import type { ConvertContext, Converted } from '../converter';
import { htmlToMarkdown } from '../html-to-markdown';
import { addressOf, plainText, scanHtml } from '../scan-html';
import { timeOf } from '../source-values';
import { convertActivity } from './gemini-activity';

/** How each activity begins in Takeout's `My Activity.html`; everything between two of them belongs to the first. */
export const ACTIVITY_START = '<div class="outer-cell';

const HEADER_START = '<p class="mdl-typography--title">';
const BODY_START = 'mdl-typography--body-1">';
const BODY_END = '</div><div class="content-cell';
const CAPTION_START = 'mdl-typography--caption">';
/** A line is the time of the activity when it has a year and a clock time and is too short for a sentence. */
const YEAR = /\b(?:19|20)[0-9]{2}\b/;
const CLOCK_TIME = /\b[0-9]{1,2}[:.][0-9]{2}\b/;
const MAX_TIME_LENGTH = 60;
const BREAK = /<br\s*\/?>/i;

/** What stands between two marks, both taken at their first place; null without the first, the rest without the second. */
function between(html: string, start: string, end: string): string | null {
  const from = html.indexOf(start);
  if (from === -1) return null;
  const to = html.indexOf(end, from + start.length);
  return html.slice(from + start.length, to === -1 ? html.length : to);
}

function looksLikeTime(line: string): boolean {
  return line.length <= MAX_TIME_LENGTH && YEAR.test(line) && CLOCK_TIME.test(line);
}

/** Milliseconds of a localised time where the platform can read it; English ones, mostly. */
function readTime(text: string): string | null {
  const clean = text.replace(/[\u00a0\u202f]/g, ' ').trim();
  const known = timeOf(clean);
  if (known !== null) return known;
  const epochMs = Date.parse(clean);
  return Number.isFinite(epochMs) ? timeOf(epochMs) : null;
}

/**
 * Converts one activity of Takeout's HTML. Prompt, time and answer stand in one cell, parted by line breaks only, so the
 * line with the time is the border between prompt and answer.
 */
export function convertGeminiActivityHtml(
  html: string,
  context: ConvertContext,
  learnedPrefix: string | null = null,
): Converted {
  const header = plainText(between(html, HEADER_START, '</p>') ?? '');
  const caption = plainText(between(html, CAPTION_START, ACTIVITY_START) ?? '');
  if (!/gemini|bard/i.test(`${header} ${caption}`)) {
    return { kind: 'skipped', why: 'it is an activity of another Google product' };
  }
  const cell = between(html, BODY_START, BODY_END);
  if (cell === null) return { kind: 'skipped', why: 'it has neither a prompt nor an answer' };
  const lines = cell.split(BREAK);
  const timeAt = lines.findIndex((line) => looksLikeTime(plainText(line)));
  const promptLines = timeAt === -1 ? lines : lines.slice(0, timeAt);
  const answer = timeAt === -1 ? '' : htmlToMarkdown(lines.slice(timeAt + 1).join('<br>'));
  const timeText = timeAt === -1 ? null : plainText(lines[timeAt] ?? '');
  const files = promptLines.flatMap((line) => attachedNames(line));
  const title = promptLines
    .filter((line) => attachedNames(line).length === 0)
    .map((line) => htmlToMarkdown(line))
    .join('\n')
    .trim();
  if (title === '' && answer === '') return { kind: 'skipped', why: 'it has neither a prompt nor an answer' };
  const time = timeText === null ? null : readTime(timeText);
  return convertActivity(
    {
      title,
      time,
      answer: answer === '' ? null : answer,
      files,
      learnedPrefix,
      sourceRecord: { html },
      ...(timeText !== null && time === null ? { metadata: { time_text: timeText } } : {}),
    },
    context,
  );
}

/** Names of files beside the page that a line links to; web addresses are part of the words. */
function attachedNames(line: string): readonly string[] {
  const names: string[] = [];
  for (const token of scanHtml(line)) {
    if (token.kind !== 'open' || token.name !== 'a') continue;
    const address = addressOf(token.attributes);
    if (address !== '' && !/^[a-z][a-z0-9+.-]*:|^\/|\.\.|^#/i.test(address)) names.push(address);
  }
  return names;
}

/** The title of an activity, to learn what stands before each prompt. */
export function titleOfActivityHtml(html: string): string | null {
  const cell = between(html, BODY_START, BODY_END);
  return cell === null ? null : plainText(cell.split(BREAK, 1)[0] ?? '');
}
