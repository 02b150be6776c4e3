import { isChatMessage, convertChatMessages } from './converters/chat-messages';
import { convertAiStudio } from './converters/ai-studio';
import { convertChatGpt } from './converters/chatgpt';
import { convertClaude } from './converters/claude';
import { convertClaudeProject } from './converters/claude-project';
import { convertGeminiActivity } from './converters/gemini-activity';
import { convertLibreChat } from './converters/librechat';
import { convertLmStudio } from './converters/lm-studio';
import { convertOpenWebUi } from './converters/open-webui';
import type { Converter } from './converter';
import { listOf, recordOf, recordsOf, type SourceRecord } from './source-values';

/** Layouts of one record. The last three are pieces that make a conversation together with others of their file. */
export type RecordKind =
  | 'tore'
  | 'chatgpt'
  | 'claude'
  | 'claude-project'
  | 'gemini-activity'
  | 'ai-studio'
  | 'open-webui'
  | 'librechat'
  | 'lm-studio'
  | 'chat-messages'
  | 'jan-thread'
  | 'jan-message'
  | 'chat-line';

interface Layout {
  readonly kind: RecordKind;
  readonly fits: (record: SourceRecord) => boolean;
}

function hasText(record: SourceRecord, field: string): boolean {
  return typeof record[field] === 'string';
}

function firstOf(value: unknown): SourceRecord {
  return recordsOf(value)[0] ?? {};
}

/** From the most to the least particular: the first that fits is the kind. Only fields count, never a file's name. */
const LAYOUTS: readonly Layout[] = [
  { kind: 'tore', fits: (record) => hasText(record, 'tore_spec') },
  { kind: 'chatgpt', fits: (record) => recordOf(record['mapping']) !== null && !('chat' in record) },
  { kind: 'claude', fits: (record) => Array.isArray(record['chat_messages']) },
  {
    kind: 'claude-project',
    fits: (record) => hasText(record, 'uuid') && Array.isArray(record['docs']) && 'prompt_template' in record,
  },
  { kind: 'ai-studio', fits: (record) => recordOf(record['chunkedPrompt']) !== null },
  {
    kind: 'gemini-activity',
    fits: (record) =>
      hasText(record, 'time') &&
      hasText(record, 'title') &&
      (hasText(record, 'header') || Array.isArray(record['products'])),
  },
  { kind: 'open-webui', fits: isOpenWebUi },
  {
    kind: 'librechat',
    fits: (record) => hasText(record, 'conversationId') && hasText(firstOf(record['messages']), 'messageId'),
  },
  { kind: 'lm-studio', fits: (record) => Array.isArray(firstOf(record['messages'])['versions']) },
  { kind: 'jan-thread', fits: (record) => record['object'] === 'thread' },
  { kind: 'jan-message', fits: (record) => record['object'] === 'thread.message' },
  {
    kind: 'chat-messages',
    fits: (record) =>
      isChatMessage(firstOf(record['messages'])) ||
      (isChatMessage(firstOf(record['conversations'])) && !('tore_spec' in record)),
  },
  { kind: 'chat-line', fits: isChatMessage },
];

function isOpenWebUi(record: SourceRecord): boolean {
  const chat = recordOf(record['chat']);
  const history = recordOf((chat ?? record)['history']);
  if (history !== null && recordOf(history['messages']) !== null) return true;
  return chat !== null && Array.isArray(chat['messages']);
}

/** Which layout a record has, or null. */
export function detectRecord(record: SourceRecord): RecordKind | null {
  return LAYOUTS.find((layout) => layout.fits(record))?.kind ?? null;
}

/** Converters of the layouts whose records stand for themselves. */
export const CONVERTERS: Readonly<Partial<Record<RecordKind, Converter>>> = {
  chatgpt: convertChatGpt,
  claude: convertClaude,
  'claude-project': convertClaudeProject,
  'gemini-activity': convertGeminiActivity,
  'ai-studio': convertAiStudio,
  'open-webui': convertOpenWebUi,
  librechat: convertLibreChat,
  'lm-studio': convertLmStudio,
  'chat-messages': convertChatMessages,
};

/** The product behind a layout, as reports name it. */
export function productOf(kind: RecordKind): string {
  if (kind === 'claude-project') return 'claude';
  if (kind === 'gemini-activity') return 'gemini';
  if (kind === 'jan-thread' || kind === 'jan-message') return 'jan';
  return kind === 'chat-line' ? 'chat-messages' : kind;
}

/** The records inside an object that only wraps them (`{"conversations": […]}`), or null. */
export function wrappedRecords(record: SourceRecord): readonly unknown[] | null {
  for (const value of Object.values(record)) {
    const entries = listOf(value);
    const first = recordOf(entries[0]);
    const kind = first === null ? null : detectRecord(first);
    if (kind !== null && kind !== 'chat-line') return entries;
  }
  return null;
}

const ARCHIVE_ADDRESS = /^https:\/\/.+\.zip(?:[?#].*)?$/;
/** Levels of a manifest that are looked at for addresses. */
const MANIFEST_DEPTH = 4;

/**
 * Whether a record is a list of archives still to be downloaded, as Claude sends since 2026. Nothing is ever fetched:
 * the person opens the addresses.
 */
export function isDownloadManifest(record: SourceRecord): boolean {
  let level: readonly unknown[] = Object.values(record);
  for (let depth = 0; depth < MANIFEST_DEPTH; depth += 1) {
    if (level.some((value) => typeof value === 'string' && ARCHIVE_ADDRESS.test(value))) return true;
    level = level.flatMap((value) => {
      const inner = recordOf(value);
      return inner === null ? listOf(value).slice(0, 100) : Object.values(inner).slice(0, 100);
    });
  }
  return false;
}
