import type { ContentPart } from '../../../protocol/conversation/content';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash, fittingName } from '../identity';
import { countOf, firstText, recordOf, recordsOf, textOf, timeOf, without, type SourceRecord } from '../source-values';
import { messageContentParts } from './message-content';

const ROOT_PARENT = '00000000-0000-0000-0000-000000000000';

interface FlatMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly raw: SourceRecord;
}

/**
 * Converts an export of LibreChat: a list of messages with parents, or (`recursive`) a list of trees with `children`.
 */
export function convertLibreChat(record: SourceRecord, context: ConvertContext): Converted {
  const messages = flatten(recordsOf(record['messages']));
  const options = recordOf(record['options']) ?? {};
  const builder = new ConversationBuilder();
  for (const message of messages) addMessage(builder, message);
  const latest = latestOf(messages);
  return conversationOrNothing(
    builder.finish({
      platform: 'librechat',
      originalId: textOf(record['conversationId']) ?? contentHash(JSON.stringify(record['messages'])),
      title: textOf(record['title']),
      createdAt: timeOf(record['createdAt']),
      updatedAt: timeOf(record['updatedAt']),
      model: firstText(options['model'], record['model']),
      head: latest,
      sourceRecord: without(record, 'messages'),
      fallbackTime: context.fallbackTime,
    }),
  );
}

/** Takes trees apart without recursion; the parent's id comes from the tree when a message does not name it. */
function flatten(roots: readonly SourceRecord[]): readonly FlatMessage[] {
  const flat: FlatMessage[] = [];
  const waiting = roots.map((raw) => ({ raw, parentId: null as string | null })).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { raw } = next;
    const named = textOf(raw['parentMessageId']);
    const id = textOf(raw['messageId']) ?? `message-${flat.length + 1}`;
    flat.push({ id, parentId: named === null || named === ROOT_PARENT ? next.parentId : named, raw });
    const children = recordsOf(raw['children']);
    for (let index = children.length - 1; index >= 0; index -= 1) {
      const child = children[index];
      if (child !== undefined) waiting.push({ raw: child, parentId: id });
    }
  }
  return flat;
}

/** The message written last ends the branch that was shown; without times the last one listed. */
function latestOf(messages: readonly FlatMessage[]): string | null {
  let latest: { readonly id: string; readonly time: string } | null = null;
  for (const { id, raw } of messages) {
    const time = timeOf(raw['createdAt']);
    if (time !== null && (latest === null || time >= latest.time)) latest = { id, time };
  }
  return latest?.id ?? messages.at(-1)?.id ?? null;
}

function addMessage(builder: ConversationBuilder, { id, parentId, raw }: FlatMessage): void {
  const isHuman = raw['isCreatedByUser'] === true || (raw['isCreatedByUser'] === undefined && raw['sender'] === 'User');
  const model = isHuman ? null : textOf(raw['model']);
  const name = isHuman ? null : textOf(raw['sender']);
  const parts = messageContentParts(raw['content']);
  const text = textOf(raw['text']);
  const tokens = countOf(raw['tokenCount']);
  builder.add({
    id,
    parentId,
    participantId: isHuman ? builder.participant('human') : builder.participant('model', { name, model }),
    createdAt: timeOf(raw['createdAt']),
    content: [...(parts.length > 0 || text === null ? parts : messageContentParts(text)), ...fileParts(raw)],
    model,
    ...(tokens === null ? {} : { usage: isHuman ? { input_tokens: tokens } : { output_tokens: tokens } }),
    ...(raw['error'] === true ? { metadata: { error: true } } : {}),
    sourceRecord: without(raw, 'children'),
  });
}

function fileParts(message: SourceRecord): readonly ContentPart[] {
  return [...recordsOf(message['files']), ...recordsOf(message['attachments'])].flatMap((file): ContentPart[] => {
    const uri = firstText(file['filepath'], file['url'], file['file_id']);
    const name = textOf(file['filename']);
    const mediaType = textOf(file['type']);
    const sizeBytes = countOf(file['bytes']);
    if (uri === null && name === null) return [];
    return [
      {
        type: mediaType?.startsWith('image/') === true ? 'image' : 'file',
        ...(uri === null ? {} : { uri }),
        ...(name === null ? {} : { name: fittingName(name) }),
        ...(mediaType === null ? {} : { media_type: fittingName(mediaType) }),
        ...(sizeBytes === null ? {} : { size_bytes: sizeBytes }),
      },
    ];
  });
}
