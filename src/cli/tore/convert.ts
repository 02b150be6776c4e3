import { basename } from 'node:path';
import { convertChatMessages } from '../../library/import/converters/chat-messages';
import { convertMarkdown } from '../../library/import/converters/markdown';
import type { Converted, ConvertContext } from '../../library/import/converter';
import { writeMarkdown } from '../../library/documents/write-markdown';
import { writeTrainingLine } from '../../library/documents/write-training-line';
import type { Conversation } from '../../protocol/conversation/conversation';
import { readJson, type ToreDocument } from '../../protocol/documents/read-document';
import { decodeUtf8 } from '../../protocol/documents/utf-8';
import { writeDocument } from '../../protocol/documents/write-document';
import { splitProject } from '../../protocol/project/split-project';
import { nameOf, readBytes, Stop, valid, validBytes, writeResult, type Command } from './command';
import { EXIT, STREAM } from './terminal';

const SOURCES = ['tore', 'markdown', 'jsonl'] as const;
type Source = (typeof SOURCES)[number];
const TARGETS = ['tore', 'markdown', 'jsonl'] as const;
type Target = (typeof TARGETS)[number];

function choice<Word extends string>(words: readonly Word[], given: string | null, option: string): Word | null {
  if (given === null) return null;
  const word = words.find((known) => known === given);
  if (word === undefined) throw new Stop(EXIT.usage, `--${option} is one of ${words.join(', ')}.`);
  return word;
}

function sourceByEnding(path: string): Source {
  if (/\.(md|markdown)$/i.test(path)) return 'markdown';
  return /\.(jsonl|ndjson)$/i.test(path) ? 'jsonl' : 'tore';
}

function conversationFrom(place: string, converted: Converted): Conversation {
  if (converted.kind === 'conversation') return converted.conversation;
  if (converted.kind === 'skipped') throw new Stop(EXIT.invalid, `${place} is no conversation: ${converted.why}.`);
  throw new Stop(EXIT.invalid, `${place} is no conversation.`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function conversationsFromLines(path: string, text: string, context: ConvertContext): Conversation[] {
  const conversations: Conversation[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const place = `${nameOf(path)}, line ${index + 1}`;
    const record = valid(place, readJson(line));
    if (!isRecord(record)) throw new Stop(EXIT.invalid, `${place} is not a JSON object.`);
    const isDocument = typeof record['tore_spec'] === 'string';
    const read = isDocument ? validBytes(place, line) : null;
    conversations.push(
      ...(read === null
        ? [conversationFrom(place, convertChatMessages(record, context))]
        : conversationsOf(place, read)),
    );
  }
  return conversations;
}

function conversationsOf(place: string, read: ToreDocument): readonly Conversation[] {
  if (read.kind === 'conversation') return [read.document];
  if (read.kind === 'project') return splitProject(read.document).conversations;
  throw new Stop(EXIT.invalid, `${place} holds no conversations.`);
}

function readConversations(path: string, bytes: Uint8Array, source: Source): readonly Conversation[] {
  if (source === 'tore') return conversationsOf(nameOf(path), validBytes(path, bytes));
  const decoded = decodeUtf8(bytes);
  if ('badByteAt' in decoded) {
    throw new Stop(
      EXIT.invalid,
      `${nameOf(path)} is not UTF-8 text (byte ${decoded.badByteAt.toLocaleString('en-US')}).`,
    );
  }
  const context = {
    fallbackTime: new Date().toISOString(),
    fileName: path === STREAM ? 'Conversation' : basename(path),
  };
  if (source === 'jsonl') return conversationsFromLines(path, decoded.text, context);
  return [conversationFrom(nameOf(path), convertMarkdown(decoded.text, context))];
}

/** Several documents go one on each line; a single one is written for people to read. */
function writeConversations(path: string, conversations: readonly Conversation[], target: Target): string {
  if (target === 'markdown') return conversations.map(writeMarkdown).join('\n');
  if (target === 'jsonl') return conversations.map(writeTrainingLine).join('');
  const [only, ...others] = conversations;
  if (only !== undefined && others.length === 0) return valid(path, writeDocument(only));
  return conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join('');
}

export const convert: Command = {
  usage: 'convert FILE --to tore|markdown|jsonl [--from tore|markdown|jsonl] [--out FILE]',
  summary: 'Turn conversations into another form; jsonl is the form of fine-tuning services.',
  options: ['to', 'from', 'out'],
  files: [1, 1],
  async run({ files: [path = STREAM], text }, terminal) {
    const target = choice(TARGETS, text('to'), 'to');
    if (target === null) throw new Stop(EXIT.usage, `Say what to make of it: --to ${TARGETS.join('|')}.`);
    const source = choice(SOURCES, text('from'), 'from') ?? sourceByEnding(path);
    const conversations = readConversations(path, await readBytes(path, terminal), source);
    await writeResult(text('out') ?? STREAM, writeConversations(path, conversations, target), terminal);
    terminal.note(`Conversations: ${conversations.length}.`);
    return EXIT.ok;
  },
};
