import type { ContentPart } from '../../../protocol/conversation/content';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash, fittingId, fittingName } from '../identity';
import {
  countOf,
  firstText,
  listOf,
  recordOf,
  recordsOf,
  textOf,
  timeOf,
  without,
  type SourceRecord,
} from '../source-values';

const PLATFORM = 'claude';
/** How first messages name their parent: a UUID of zeros, with or without version digits. */
const ROOT_PARENT = /^0{8}-0{4}-[0-9]0{3}-[0-9]0{3}-0{12}$/;

/** Converts a conversation of a Claude export, older or of 2026: a list of messages, each naming its parent or none. */
export function convertClaude(record: SourceRecord, context: ConvertContext): Converted {
  const messages = recordsOf(record['chat_messages']);
  const builder = new ConversationBuilder();
  const model = textOf(record['model']);
  const isTree = messages.some((message) => textOf(message['parent_message_uuid']) !== null);
  let previous: string | null = null;
  for (const [index, message] of messages.entries()) {
    const id = textOf(message['uuid']) ?? `message-${index + 1}`;
    const named = textOf(message['parent_message_uuid']);
    const treeParent = named === null || ROOT_PARENT.test(named) ? null : named;
    addMessage(builder, message, { id, parentId: isTree ? treeParent : previous, model });
    previous = id;
  }
  const leaf = textOf(record['current_leaf_message_uuid']);
  return conversationOrNothing(
    builder.finish({
      platform: PLATFORM,
      originalId: textOf(record['uuid']) ?? contentHash(JSON.stringify(messages)),
      title: textOf(record['name']),
      createdAt: timeOf(record['created_at']),
      updatedAt: timeOf(record['updated_at']),
      model,
      // The list is in the order of writing, so its last message ends the branch that was shown last.
      head: leaf !== null && messages.some((message) => message['uuid'] === leaf) ? leaf : previous,
      sourceRecord: without(record, 'chat_messages'),
      fallbackTime: context.fallbackTime,
    }),
  );
}

function addMessage(
  builder: ConversationBuilder,
  message: SourceRecord,
  place: { readonly id: string; readonly parentId: string | null; readonly model: string | null },
): void {
  const isHuman = message['sender'] === 'human' || message['sender'] === 'user';
  const model = isHuman ? null : (textOf(message['model']) ?? place.model);
  const participantId = isHuman
    ? builder.participant('human')
    : builder.participant('model', { name: 'Claude', model });
  builder.add({
    id: place.id,
    parentId: place.parentId,
    participantId,
    createdAt: timeOf(message['created_at']),
    content: [...blocksOf(message), ...filesOf(message)],
    model,
    sourceRecord: message,
  });
}

function blocksOf(message: SourceRecord): readonly ContentPart[] {
  const parts: ContentPart[] = [];
  for (const block of recordsOf(message['content'])) {
    for (const part of blockParts(block, parts.length)) parts.push(part);
  }
  if (parts.length > 0) return parts;
  const text = textOf(message['text']);
  return text === null ? [] : [{ type: 'text', text }];
}

function blockParts(block: SourceRecord, partIndex: number): readonly ContentPart[] {
  const type = textOf(block['type']) ?? 'block';
  switch (type) {
    case 'text': {
      const text = textOf(block['text']);
      if (text === null) return [];
      return [{ type: 'text', text }, ...citationsOf(block, partIndex)];
    }
    case 'thinking': {
      const summary = recordsOf(block['summaries'])
        .flatMap((entry) => textOf(entry['summary']) ?? [])
        .join('\n');
      return [{ type: 'thinking', text: textOf(block['thinking']) ?? '', ...(summary === '' ? {} : { summary }) }];
    }
    case 'tool_use': {
      const id = textOf(block['id']);
      return [
        {
          type: 'tool_call',
          ...(id === null ? {} : { call_id: fittingId(id) }),
          name: fittingName(textOf(block['name']) ?? 'tool'),
          arguments: block['input'] ?? {},
        },
      ];
    }
    case 'tool_result':
      return [toolResult(block)];
    case 'voice_note': {
      const text = firstText(block['text'], block['title']);
      return text === null ? [] : [{ type: 'text', text, metadata: { transcription: true } }];
    }
    default:
      // Injected prompts, budgets and whatever comes next: kept with their fields, not shown as words of anybody.
      return [{ ...block, type: `claude.${type}` }];
  }
}

function citationsOf(block: SourceRecord, partIndex: number): readonly ContentPart[] {
  return recordsOf(block['citations']).map((citation): ContentPart => {
    const details = recordOf(citation['details']) ?? {};
    const title = firstText(citation['title'], details['title']);
    const uri = firstText(citation['url'], details['url']);
    const text = firstText(citation['cited_text'], details['cited_text']);
    const start = countOf(citation['start_index']);
    const end = countOf(citation['end_index']);
    return {
      type: 'citation',
      ...(title === null ? {} : { title }),
      ...(uri === null ? {} : { uri: uri.slice(0, 20_000) }),
      ...(text === null ? {} : { text }),
      part_index: partIndex,
      ...(start === null || end === null ? {} : { start, end }),
    };
  });
}

function toolResult(block: SourceRecord): ContentPart {
  const id = textOf(block['tool_use_id']);
  const name = textOf(block['name']);
  const described = {
    ...(id === null ? {} : { call_id: fittingId(id) }),
    ...(name === null ? {} : { name: fittingName(name) }),
    ...(block['is_error'] === true ? { is_error: true } : {}),
  };
  const content = block['content'];
  if (!Array.isArray(content)) return { type: 'tool_result', ...described, output: content ?? null };
  const texts = recordsOf(content).map((entry) => (entry['type'] === 'text' ? textOf(entry['text']) : null));
  const onlyTexts = texts.every((text) => text !== null) && texts.length === content.length;
  return onlyTexts
    ? { type: 'tool_result', ...described, output: texts.join('\n') }
    : { type: 'tool_result', ...described, output: content };
}

/** Uploaded files: pasted or extracted text stands in `attachments`, the rest is only named. */
function filesOf(message: SourceRecord): readonly ContentPart[] {
  const pasted = recordsOf(message['attachments']).map((entry): ContentPart => {
    const text = textOf(entry['extracted_content']);
    return { type: 'file', ...fileDetails(entry), ...(text === null ? {} : { extracted_text: text }) };
  });
  const named = [...listOf(message['files']), ...listOf(message['files_v2'])].flatMap((entry): ContentPart[] => {
    const record = recordOf(entry);
    if (record === null) return [];
    const uuid = firstText(record['file_uuid'], record['uuid'], record['id']);
    const details = { ...fileDetails(record), ...(uuid === null ? {} : { uri: `claude-file://${fittingId(uuid)}` }) };
    const isImage =
      record['file_kind'] === 'image' || /\.(png|jpe?g|gif|webp)$/i.test(textOf(record['file_name']) ?? '');
    return [isImage ? { type: 'image', ...details } : { type: 'file', ...details }];
  });
  const seen = new Set<string>();
  return [...pasted, ...named].filter((part) => {
    const key = 'uri' in part && typeof part.uri === 'string' ? part.uri : null;
    if (key === null) return true;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}

function fileDetails(entry: SourceRecord): { name?: string; media_type?: string; size_bytes?: number } {
  const name = firstText(entry['file_name'], entry['name']);
  const type = textOf(entry['file_type']);
  const sizeBytes = countOf(entry['file_size']);
  return {
    ...(name === null ? {} : { name: fittingName(name) }),
    ...(type === null ? {} : { media_type: mediaTypeOfClaude(type) }),
    ...(sizeBytes === null ? {} : { size_bytes: sizeBytes }),
  };
}

/** Claude writes `txt` as well as `text/plain`. */
function mediaTypeOfClaude(type: string): string {
  if (type.includes('/')) return fittingName(type);
  return type === 'txt' || type === 'md' || type === 'csv' ? 'text/plain' : fittingName(`application/${type}`);
}
