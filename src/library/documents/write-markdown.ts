import { isPart, type ContentPart } from '../../protocol/conversation/content';
import type { Conversation, ConversationMessage, ParticipantRole } from '../../protocol/conversation/conversation';
import { shownBranch } from '../../protocol/conversation/shown-branch';
import type { ModelReference } from '../../protocol/documents/fields';

/** Words over the turns; the importer of Markdown knows them. */
const SPEAKERS: Readonly<Record<ParticipantRole, string>> = {
  human: 'User',
  model: 'Assistant',
  system: 'System',
  tool: 'Tool',
};

function modelName(model: ModelReference | null | undefined): string | null {
  return typeof model === 'object' && model !== null ? model.model_id : (model ?? null);
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** A fence longer than any run of backticks inside, so that the content cannot end it. */
function fenced(content: string, language: string): string {
  const longest = (content.match(/`+/g) ?? []).reduce((length, run) => Math.max(length, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}${onOneLine(language).replaceAll('`', '')}\n${content.replace(/\n$/, '')}\n${fence}`;
}

function asJson(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

function link(label: string, target: string | null | undefined): string {
  const text = onOneLine(label).replace(/[[\]\\]/g, String.raw`\$&`);
  return target === null || target === undefined
    ? text
    : `[${text}](<${target.replace(/[<>\s]/g, encodeURIComponent)}>)`;
}

function quotedLines(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line}`.trimEnd())
    .join('\n');
}

function writePart(part: ContentPart): string {
  if (isPart(part, 'text')) return part.text;
  if (isPart(part, 'code')) return fenced(part.code, part.language ?? '');
  if (isPart(part, 'image')) return `!${link(part.alt ?? part.name ?? 'image', part.uri ?? part.attachment_id ?? '')}`;
  if (isPart(part, 'file')) return link(part.name ?? 'file', part.uri ?? part.attachment_id);
  if (isPart(part, 'thinking')) return quotedLines(part.text);
  if (isPart(part, 'tool_call')) return `Calls \`${part.name}\`:\n\n${fenced(asJson(part.arguments ?? {}), 'json')}`;
  if (isPart(part, 'tool_result')) return fenced(asJson(part.output ?? part.content ?? null), 'json');
  if (isPart(part, 'citation')) return `Source: ${link(part.title ?? part.uri ?? 'untitled', part.uri)}`;
  return fenced(asJson(part), 'json');
}

function headingOf(conversation: Conversation, message: ConversationMessage): string {
  const participant = conversation.participants.find(({ id }) => id === message.participant_id);
  const role = participant?.role ?? 'human';
  const model = role === 'model' ? modelName(message.model ?? participant?.model) : null;
  const detail = model === null ? '' : ` (${onOneLine(model).replace(/[()]/g, '')})`;
  return `## ${SPEAKERS[role]}${detail}`;
}

/**
 * The shown branch of a conversation as Markdown: a title, a heading for each turn. Ids, other branches and messages
 * without content are left out.
 */
export function writeMarkdown(conversation: Conversation): string {
  const turns = shownBranch(conversation)
    .filter(({ content }) => content.length > 0)
    .map((message) => `${headingOf(conversation, message)}\n\n${message.content.map(writePart).join('\n\n')}`);
  return `${[`# ${onOneLine(conversation.title) || 'Conversation'}`, ...turns].join('\n\n')}\n`;
}
