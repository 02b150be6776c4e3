import type { ContentPart } from '../../../protocol/conversation/content';
import type { ParticipantRole } from '../../../protocol/conversation/conversation';
import { ConversationBuilder } from '../conversation-builder';
import { conversationOrNothing, type ConvertContext, type Converted } from '../converter';
import { contentHash } from '../identity';
import { entryOf, firstText, listOf, recordOf, textOf, timeOf, without, type SourceRecord } from '../source-values';
import { chatGptParts } from './chatgpt-content';

const PLATFORM = 'chatgpt';

interface Node {
  readonly id: string;
  readonly raw: SourceRecord;
  readonly message: SourceRecord | null;
  readonly parent: string | null;
}

const ROLES: Readonly<Record<string, ParticipantRole>> = {
  user: 'human',
  assistant: 'model',
  system: 'system',
  tool: 'tool',
};

/**
 * Converts a conversation of a ChatGPT export: `mapping` is the whole tree, `current_node` ends the shown branch. Nodes
 * without a message (the root, and gaps) are stepped over and stay in the source record.
 */
export function convertChatGpt(record: SourceRecord, context: ConvertContext): Converted {
  const nodes = nodesOf(recordOf(record['mapping']) ?? {});
  const builder = new ConversationBuilder();
  const nearest = nearestMessages(nodes);
  const calls = new Set<string>();
  for (const node of nodes.values()) {
    if (node.message === null) continue;
    addMessage(builder, node, node.message, nearest.get(node.parent ?? '') ?? null, calls);
  }
  const head = textOf(record['current_node']);
  const originalId = firstText(record['conversation_id'], record['id']);
  const withoutMessage = [...nodes.values()].filter((node) => node.message === null);
  return conversationOrNothing(
    builder.finish({
      platform: PLATFORM,
      originalId: originalId ?? contentHash(JSON.stringify(record['mapping'])),
      title: textOf(record['title']),
      createdAt: timeOf(record['create_time']),
      updatedAt: timeOf(record['update_time']),
      model: textOf(record['default_model_slug']),
      head: head === null ? null : (nearest.get(head) ?? null),
      sourceRecord: {
        ...without(record, 'mapping'),
        mapping: Object.fromEntries(withoutMessage.map(({ id, raw }) => [id, raw])),
      },
      fallbackTime: context.fallbackTime,
    }),
  );
}

/** The nodes with siblings in the order their parent lists them; what no list names follows as it came. */
function nodesOf(mapping: SourceRecord): ReadonlyMap<string, Node> {
  const raws = new Map<string, SourceRecord>();
  for (const [id, value] of Object.entries(mapping)) {
    const raw = recordOf(value);
    if (raw !== null) raws.set(id, raw);
  }
  const listedBy = new Map<string, string>();
  for (const [id, raw] of raws) {
    for (const child of listOf(raw['children'])) {
      if (typeof child === 'string' && child !== id && !listedBy.has(child)) listedBy.set(child, id);
    }
  }
  const nodes = new Map<string, Node>();
  const visit = (start: string): void => {
    const waiting = [start];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const raw = raws.get(id);
      if (raw === undefined || nodes.has(id)) continue;
      nodes.set(id, {
        id,
        raw,
        message: recordOf(raw['message']),
        parent: textOf(raw['parent']) ?? listedBy.get(id) ?? null,
      });
      const children = listOf(raw['children']);
      for (let index = children.length - 1; index >= 0; index -= 1) {
        const child = children[index];
        if (typeof child === 'string') waiting.push(child);
      }
    }
  };
  for (const [id, raw] of raws) if (textOf(raw['parent']) === null && !listedBy.has(id)) visit(id);
  for (const id of raws.keys()) visit(id);
  return nodes;
}

/** For each node itself or the closest node above it that has a message. Loops of empty nodes end in nothing. */
function nearestMessages(nodes: ReadonlyMap<string, Node>): ReadonlyMap<string, string> {
  const nearest = new Map<string, string | null>();
  for (const start of nodes.keys()) {
    const passed: string[] = [];
    let at: string | null = start;
    let found: string | null = null;
    const onWay = new Set<string>();
    while (at !== null && !onWay.has(at)) {
      const known = nearest.get(at);
      if (known !== undefined) {
        found = known;
        break;
      }
      const node: Node | undefined = nodes.get(at);
      if (node === undefined) break;
      onWay.add(at);
      passed.push(at);
      if (node.message !== null) {
        found = at;
        break;
      }
      at = node.parent;
    }
    for (const id of passed) nearest.set(id, found);
  }
  return new Map([...nearest].flatMap(([id, found]) => (found === null ? [] : [[id, found] as const])));
}

/** Content that ChatGPT sends along and does not show. */
const UNSEEN_CONTENT = new Set(['user_editable_context', 'model_editable_context']);

function isHidden(role: ParticipantRole, message: SourceRecord, metadata: SourceRecord): boolean {
  if (metadata['is_visually_hidden_from_conversation'] === true || role === 'system') return true;
  const type = recordOf(message['content'])?.['content_type'];
  return typeof type === 'string' && UNSEEN_CONTENT.has(type);
}

function addMessage(
  builder: ConversationBuilder,
  node: Node,
  message: SourceRecord,
  parentId: string | null,
  calls: Set<string>,
): void {
  const author = recordOf(message['author']) ?? {};
  const metadata = recordOf(message['metadata']) ?? {};
  const role = entryOf(ROLES, textOf(author['role']) ?? '') ?? 'tool';
  const model = role === 'model' ? firstText(metadata['model_slug'], metadata['default_model_slug']) : null;
  const name = textOf(author['name']) ?? (role === 'model' ? 'ChatGPT' : null);
  const callId = parentId !== null && calls.has(parentId) ? parentId : null;
  const { parts, notes } = chatGptParts(message, { id: node.id, role, callId });
  if (parts.some((part: ContentPart) => part.type === 'tool_call')) calls.add(node.id);
  builder.add({
    id: node.id,
    parentId,
    participantId: builder.participant(role, { name, model }),
    createdAt: timeOf(message['create_time']),
    content: parts,
    model,
    hidden: isHidden(role, message, metadata),
    metadata: notes,
    sourceRecord: node.raw,
  });
}
