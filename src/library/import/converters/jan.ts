import type { ContentPart } from '../../../protocol/conversation/content';
import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash } from '../identity';
import { entryOf, firstText, recordOf, recordsOf, textOf, timeOf, type SourceRecord } from '../source-values';
import { messageContentParts } from './message-content';

const ROLES: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  assistant: 'model',
  system: 'system',
  tool: 'tool',
};

/**
 * Converts a thread of Jan: `thread.json` and the lines of `messages.jsonl` beside it. Without the former the thread is
 * what its messages say.
 */
export function convertJan(
  thread: SourceRecord | null,
  messages: readonly SourceRecord[],
  context: ConvertContext,
): Converted {
  const builder = new ConversationBuilder();
  const assistant = recordsOf(thread?.['assistants'])[0] ?? {};
  const model = textOf(recordOf(assistant['model'])?.['id']);
  let previous: string | null = null;
  const system = textOf(assistant['instructions']);
  if (system !== null) {
    previous = 'instructions';
    builder.add({
      id: previous,
      parentId: null,
      participantId: builder.participant('system'),
      createdAt: null,
      content: [{ type: 'text', text: system }],
      hidden: true,
    });
  }
  for (const [index, message] of messages.entries()) {
    const id = textOf(message['id']) ?? `message-${index + 1}`;
    const role = entryOf(ROLES, textOf(message['role']) ?? '') ?? 'human';
    const own = role === 'model' ? (firstText(recordOf(message['metadata'])?.['model_id']) ?? model) : null;
    builder.add({
      id,
      parentId: previous,
      participantId: builder.participant(role, {
        name: role === 'model' ? textOf(assistant['name']) : null,
        model: own,
      }),
      createdAt: timeOf(message['created_at']),
      content: [...messageContentParts(message['content']), ...attachmentParts(message)],
      model: own,
      hidden: role === 'system',
      sourceRecord: message,
    });
    previous = id;
  }
  const threadId = firstText(thread?.['id'], messages[0]?.['thread_id']);
  if (messages.length === 0) return { kind: 'skipped', why: 'it has no messages' };
  return conversationOrNothing(
    builder.finish({
      platform: 'jan',
      originalId: threadId ?? contentHash(JSON.stringify(messages)),
      title: textOf(thread?.['title']),
      createdAt: timeOf(thread?.['created']),
      updatedAt: timeOf(thread?.['updated']),
      model,
      head: previous,
      sourceRecord: thread ?? {},
      fallbackTime: context.fallbackTime,
    }),
  );
}

function attachmentParts(message: SourceRecord): readonly ContentPart[] {
  return recordsOf(message['attachments']).flatMap((entry): ContentPart[] => {
    const uri = firstText(entry['file_id'], entry['url'], entry['path']);
    const name = textOf(entry['name']);
    if (uri === null && name === null) return [];
    return [{ type: 'file', ...(uri === null ? {} : { uri }), ...(name === null ? {} : { name }) }];
  });
}
