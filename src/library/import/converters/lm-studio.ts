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
import { splitThoughts } from './message-content';

const ROLES: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  assistant: 'model',
  system: 'system',
  tool: 'tool',
};

/**
 * Converts a chat of LM Studio: a list of messages, each with versions of which one is selected. The versions become
 * branches; what follows hangs on the selected one, which is what the model saw.
 */
export function convertLmStudio(record: SourceRecord, context: ConvertContext): Converted {
  const builder = new ConversationBuilder();
  const lastModel = textOf(recordOf(record['lastUsedModel'])?.['identifier']);
  let previous: string | null = null;
  const system = textOf(record['systemPrompt']);
  if (system !== null) {
    previous = 'system-prompt';
    builder.add({
      id: previous,
      parentId: null,
      participantId: builder.participant('system'),
      createdAt: null,
      content: [{ type: 'text', text: system }],
      hidden: true,
    });
  }
  for (const [index, message] of recordsOf(record['messages']).entries()) {
    const versions = recordsOf(message['versions']);
    const all = versions.length > 0 ? versions : [message];
    const selected = Math.min(countOf(message['currentlySelected']) ?? 0, all.length - 1);
    const parentId: string | null = previous;
    for (const [version, raw] of all.entries()) {
      const id = `message-${index + 1}-version-${version + 1}`;
      addVersion(builder, raw, id, parentId, lastModel);
      if (version === selected) previous = id;
    }
  }
  const createdAt = timeOf(record['createdAt']);
  return conversationOrNothing(
    builder.finish({
      platform: 'lm-studio',
      // A chat has no id inside; its second of creation and its first words tell it from others.
      originalId: contentHash(JSON.stringify([record['createdAt'] ?? null, firstVersion(record)])),
      title: textOf(record['name']),
      createdAt,
      updatedAt: timeOf(record['userLastMessagedAt']) ?? timeOf(record['assistantLastMessagedAt']),
      model: lastModel,
      head: previous,
      sourceRecord: without(record, 'messages'),
      fallbackTime: context.fallbackTime,
    }),
  );
}

function firstVersion(record: SourceRecord): unknown {
  return recordsOf(recordsOf(record['messages'])[0]?.['versions'])[0] ?? null;
}

function addVersion(
  builder: ConversationBuilder,
  raw: SourceRecord,
  id: string,
  parentId: string | null,
  lastModel: string | null,
): void {
  const role = entryOf(ROLES, textOf(raw['role']) ?? '') ?? 'human';
  const steps = recordsOf(raw['steps']);
  const generation = steps.map((step) => recordOf(step['genInfo'])).find((info) => info !== null) ?? null;
  const model =
    role === 'model'
      ? (firstText(generation?.['identifier'], generation?.['indexedModelIdentifier']) ?? lastModel)
      : null;
  const statistics = recordOf(generation?.['stats']) ?? {};
  const input = countOf(statistics['promptTokensCount']);
  const output = countOf(statistics['predictedTokensCount']);
  const name = role === 'model' ? textOf(recordOf(raw['senderInfo'])?.['senderName']) : null;
  builder.add({
    id,
    parentId,
    participantId: builder.participant(role, { name, model }),
    createdAt: null,
    content: [...contentParts(raw['content'], false), ...steps.flatMap((step) => stepParts(step))],
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
    sourceRecord: raw,
  });
}

function stepParts(step: SourceRecord): readonly ContentPart[] {
  const isThinking = recordOf(step['style'])?.['type'] === 'thinking';
  if (step['type'] === 'toolStatus') return [];
  return contentParts(step['content'], isThinking);
}

function contentParts(content: unknown, isThinking: boolean): readonly ContentPart[] {
  return listOf(content).flatMap((entry): readonly ContentPart[] => {
    const part = recordOf(entry);
    if (part === null) return [];
    const type = textOf(part['type']) ?? 'text';
    if (type === 'text') {
      const text = textOf(part['text']);
      if (text === null) return [];
      return isThinking ? [{ type: 'thinking', text }] : splitThoughts(text);
    }
    if (type === 'file') return [filePart(part)];
    if (type === 'toolCallRequest') {
      return [
        {
          type: 'tool_call',
          ...callOf(part),
          name: fittingName(textOf(part['name']) ?? 'tool'),
          arguments: part['parameters'] ?? part['arguments'] ?? {},
        },
      ];
    }
    if (type === 'toolCallResult') {
      return [{ type: 'tool_result', ...callOf(part), output: part['content'] ?? null }];
    }
    return [{ ...part, type: `lm-studio.${type}` }];
  });
}

function callOf(part: SourceRecord): { readonly call_id?: string } {
  const id = firstText(part['toolCallRequestId'], part['toolCallId'], part['callId']);
  const number = countOf(part['callId']);
  const found = id ?? (number === null ? null : String(number));
  return found === null ? {} : { call_id: found.slice(0, 200) };
}

function filePart(part: SourceRecord): ContentPart {
  const name = firstText(part['name'], part['fileIdentifier']);
  const sizeBytes = countOf(part['sizeBytes']);
  const identifier = textOf(part['fileIdentifier']);
  return {
    type: part['fileType'] === 'image' ? 'image' : 'file',
    ...(identifier === null ? {} : { uri: identifier.slice(0, 20_000) }),
    ...(name === null ? {} : { name: fittingName(name) }),
    ...(sizeBytes === null ? {} : { size_bytes: sizeBytes }),
  };
}
