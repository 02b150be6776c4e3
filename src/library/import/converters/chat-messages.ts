import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash, fittingId } from '../identity';
import { entryOf, firstText, recordsOf, textOf, timeOf, without, type SourceRecord } from '../source-values';
import { messageContentParts, toolCallParts } from './message-content';

const ROLES: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  human: 'human',
  assistant: 'model',
  model: 'model',
  gpt: 'model',
  bot: 'model',
  chatgpt: 'model',
  system: 'system',
  developer: 'system',
  tool: 'tool',
  function: 'tool',
  observation: 'tool',
};

/** What a record in the common form names its speaker and its words. */
export function speakerOf(message: SourceRecord): string | null {
  return firstText(message['role'], message['from'], message['author'], message['sender']);
}

/** Whether a record is a message of the common form: somebody known who says something. */
export function isChatMessage(message: SourceRecord): boolean {
  const speaker = speakerOf(message);
  if (speaker === null || entryOf(ROLES, speaker.toLowerCase()) === undefined) return false;
  return ['content', 'value', 'text', 'tool_calls'].some((field) => message[field] !== undefined);
}

/**
 * Converts the common form of training data and small programs: `{messages: [{role, content}]}`, `{conversations: [{from,
 * value}]}`, or a file of bare messages. Such files have no ids, so the words themselves say which conversation it is.
 */
export function convertChatMessages(record: SourceRecord, context: ConvertContext): Converted {
  const field = recordsOf(record['messages']).length > 0 ? 'messages' : 'conversations';
  const messages = recordsOf(record[field]);
  const builder = new ConversationBuilder();
  const model = textOf(record['model']);
  let previous: string | null = null;
  for (const [index, message] of messages.entries()) {
    const role = entryOf(ROLES, speakerOf(message)?.toLowerCase() ?? '') ?? 'human';
    const id = textOf(message['id']) ?? `message-${index + 1}`;
    const own = role === 'model' ? firstText(message['model'], model) : null;
    builder.add({
      id,
      parentId: previous,
      participantId: builder.participant(role, { name: textOf(message['name']), model: own }),
      createdAt: timeOf(message['created_at'] ?? message['timestamp'] ?? message['create_time']),
      content: role === 'tool' ? [toolResult(message)] : parts(message),
      model: own,
      sourceRecord: message,
    });
    previous = id;
  }
  const words = messages.map((message) => message['content'] ?? message['value'] ?? message['text'] ?? null);
  return conversationOrNothing(
    builder.finish({
      platform: 'chat-messages',
      originalId: firstText(record['id'], record['conversation_id']) ?? contentHash(JSON.stringify(words)),
      title: firstText(record['title'], record['name']),
      createdAt: timeOf(record['created_at']),
      updatedAt: timeOf(record['updated_at']),
      model,
      head: previous,
      sourceRecord: without(record, field),
      fallbackTime: context.fallbackTime,
    }),
  );
}

function wordsOf(message: SourceRecord): unknown {
  return message['content'] ?? message['value'] ?? message['text'];
}

function parts(message: SourceRecord): ReturnType<typeof messageContentParts> {
  const reasoning = firstText(message['reasoning_content'], message['reasoning']);
  return [
    ...(reasoning === null ? [] : [{ type: 'thinking' as const, text: reasoning }]),
    ...messageContentParts(wordsOf(message)),
    ...toolCallParts(message),
  ];
}

function toolResult(message: SourceRecord): ReturnType<typeof messageContentParts>[number] {
  const callId = textOf(message['tool_call_id']);
  const name = textOf(message['name']);
  return {
    type: 'tool_result',
    ...(callId === null ? {} : { call_id: fittingId(callId) }),
    ...(name === null ? {} : { name }),
    output: wordsOf(message) ?? null,
  };
}
