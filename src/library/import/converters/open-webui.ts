import type { ContentPart } from '../../../protocol/conversation/content';
import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash, fittingName } from '../identity';
import {
  countOf,
  entryOf,
  firstText,
  listOf,
  recordOf,
  recordsOf,
  textOf,
  timeOf,
  without,
  type SourceRecord,
} from '../source-values';
import { messageContentParts } from './message-content';

const ROLES: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  assistant: 'model',
  system: 'system',
  tool: 'tool',
};

/** Converts a chat of Open WebUI: `chat.history.messages` is the tree, `currentId` ends the shown branch. */
export function convertOpenWebUi(record: SourceRecord, context: ConvertContext): Converted {
  const chat = recordOf(record['chat']) ?? record;
  const history = recordOf(chat['history']) ?? {};
  const tree = Object.entries(recordOf(history['messages']) ?? {});
  const builder = new ConversationBuilder();
  const system = firstText(chat['system'], recordOf(chat['params'])?.['system']);
  if (system !== null) {
    builder.add({
      id: 'system-prompt',
      parentId: null,
      participantId: builder.participant('system'),
      createdAt: null,
      content: [{ type: 'text', text: system }],
      hidden: true,
    });
  }
  const root = system === null ? null : 'system-prompt';
  // Chats of the first versions are a plain list.
  const entries =
    tree.length > 0 ? tree : listOf(chat['messages']).map((entry, index) => [`message-${index + 1}`, entry] as const);
  let previous: string | null = root;
  for (const [key, value] of entries) {
    const message = recordOf(value);
    if (message === null) continue;
    const id = tree.length > 0 ? key : (textOf(message['id']) ?? key);
    const parent = tree.length > 0 ? (textOf(message['parentId']) ?? root) : previous;
    addMessage(builder, message, id, parent);
    previous = id;
  }
  const tags = listOf(recordOf(record['meta'])?.['tags'] ?? chat['tags']).filter((tag) => typeof tag === 'string');
  const current = firstText(history['currentId'], history['current_id']);
  return conversationOrNothing(
    builder.finish({
      platform: 'open-webui',
      originalId: firstText(record['id'], chat['id']) ?? contentHash(JSON.stringify(entries)),
      title: firstText(record['title'], chat['title']),
      createdAt: timeOf(record['created_at']) ?? timeOf(chat['timestamp']),
      updatedAt: timeOf(record['updated_at']),
      model: textOf(listOf(chat['models'])[0]),
      head: tree.length > 0 ? current : previous,
      ...(tags.length === 0 ? {} : { metadata: { tags } }),
      sourceRecord: withoutMessages(record, chat, history),
      fallbackTime: context.fallbackTime,
    }),
  );
}

function withoutMessages(record: SourceRecord, chat: SourceRecord, history: SourceRecord): unknown {
  // `chat.messages` repeats the shown branch of the tree.
  const bareChat = { ...without(chat, 'messages'), history: without(history, 'messages') };
  return chat === record ? bareChat : { ...record, chat: bareChat };
}

function addMessage(builder: ConversationBuilder, message: SourceRecord, id: string, parentId: string | null): void {
  const role = entryOf(ROLES, textOf(message['role']) ?? '') ?? 'human';
  const model = role === 'model' ? textOf(message['model']) : null;
  const name = role === 'model' ? textOf(message['modelName']) : null;
  const usage = recordOf(message['usage']) ?? {};
  const input = countOf(usage['prompt_tokens']) ?? countOf(usage['prompt_eval_count']);
  const output = countOf(usage['completion_tokens']) ?? countOf(usage['eval_count']);
  builder.add({
    id,
    parentId,
    participantId: builder.participant(role, { name, model }),
    createdAt: timeOf(message['timestamp']),
    content: [...messageContentParts(message['content']), ...fileParts(message), ...sourceParts(message)],
    model,
    ...(input === null && output === null
      ? {}
      : {
          usage: {
            ...(input === null ? {} : { input_tokens: input }),
            ...(output === null ? {} : { output_tokens: output }),
          },
        }),
    hidden: role === 'system',
    sourceRecord: message,
  });
}

function fileParts(message: SourceRecord): readonly ContentPart[] {
  return recordsOf(message['files']).flatMap((file): ContentPart[] => {
    const inner = recordOf(file['file']) ?? {};
    const uri = firstText(file['url'], inner['url']);
    const name = firstText(file['name'], inner['filename'], file['filename']);
    const text = textOf(recordOf(inner['data'])?.['content']);
    const details = {
      ...(uri === null ? {} : { uri }),
      ...(name === null ? {} : { name: fittingName(name) }),
    };
    if (file['type'] === 'image') return [{ type: 'image', ...details }];
    return [{ type: 'file', ...details, ...(text === null ? {} : { extracted_text: text }) }];
  });
}

function sourceParts(message: SourceRecord): readonly ContentPart[] {
  const sources = [...recordsOf(message['sources']), ...recordsOf(message['citations'])];
  return sources.flatMap((entry) => {
    const source = recordOf(entry['source']) ?? {};
    const details = recordsOf(entry['metadata']);
    const passages = listOf(entry['document']);
    const count = Math.max(1, details.length, passages.length);
    return Array.from({ length: count }, (_, index): ContentPart => {
      const title = firstText(details[index]?.['title'], details[index]?.['name'], source['name']);
      const uri = firstText(details[index]?.['url'], details[index]?.['source'], source['url']);
      const text = textOf(passages[index]);
      return {
        type: 'citation',
        ...(title === null ? {} : { title }),
        ...(uri === null ? {} : { uri: uri.slice(0, 20_000) }),
        ...(text === null ? {} : { text }),
      };
    });
  });
}
