import { checkAttachments } from '../documents/check-attachments';
import { uniqueIds } from '../documents/check-ids';
import { documentValidator } from '../documents/check-schema';
import { quoted, type Path, type ProblemList } from '../documents/problems';
import { checkTime } from '../documents/time';
import { Conversation, type ConversationMessage } from './conversation';

const UNVISITED = 0;
const ON_PATH = 1;
const DONE = 2;

/**
 * Adds a problem for every parent that does not exist and one for every loop. Walks from each message towards its first
 * one and marks what it has seen, so the time is linear and the depth of the tree does not matter.
 */
function checkTree(
  messages: readonly ConversationMessage[],
  positions: ReadonlyMap<string, number>,
  path: Path,
  problems: ProblemList,
): void {
  const marks = new Uint8Array(messages.length);
  for (let start = 0; start < messages.length && !problems.full; start += 1) {
    const walked: number[] = [];
    let at: number | undefined = start;
    while (at !== undefined && marks[at] === UNVISITED) {
      marks[at] = ON_PATH;
      walked.push(at);
      const parentId: string | null | undefined = messages[at]?.parent_id;
      if (parentId === null || parentId === undefined) break;
      const parent = positions.get(parentId);
      if (parent === undefined) {
        problems.add(
          [...path, at, 'parent_id'],
          `The parent ${quoted(parentId)} is not a message of this conversation.`,
        );
      } else if (marks[parent] === ON_PATH) {
        problems.add([...path, at, 'parent_id'], `The message is its own ancestor through ${quoted(parentId)}.`);
      }
      at = parent;
    }
    for (const index of walked) marks[index] = DONE;
  }
}

/** What the schema of a conversation cannot say. `path` is where it stands in a larger document. */
export function checkConversation(conversation: Conversation, problems: ProblemList, path: Path = []): void {
  const participants = uniqueIds(conversation.participants, [...path, 'participants'], problems);
  const positions = uniqueIds(conversation.messages, [...path, 'messages'], problems);
  checkTree(conversation.messages, positions, [...path, 'messages'], problems);
  for (const [index, message] of conversation.messages.entries()) {
    if (problems.full) return;
    if (!participants.has(message.participant_id)) {
      problems.add(
        [...path, 'messages', index, 'participant_id'],
        `${quoted(message.participant_id)} is not a participant of this conversation.`,
      );
    }
    checkTime(message.created_at, [...path, 'messages', index, 'created_at'], problems);
  }
  const { head, handoff, context_snapshot: snapshot } = conversation;
  if (typeof head === 'string' && !positions.has(head)) {
    problems.add([...path, 'head'], `The head ${quoted(head)} is not a message of this conversation.`);
  }
  if (snapshot !== null && snapshot !== undefined && !positions.has(snapshot.through_message_id)) {
    problems.add(
      [...path, 'context_snapshot', 'through_message_id'],
      `${quoted(snapshot.through_message_id)} is not a message of this conversation.`,
    );
  }
  checkTime(conversation.created_at, [...path, 'created_at'], problems);
  checkTime(conversation.updated_at, [...path, 'updated_at'], problems);
  checkTime(conversation.source.exported_at, [...path, 'source', 'exported_at'], problems);
  checkTime(handoff?.created_at, [...path, 'handoff', 'created_at'], problems);
  checkTime(snapshot?.created_at, [...path, 'context_snapshot', 'created_at'], problems);
  checkAttachments(conversation.attachments, [...path, 'attachments'], problems);
}

/** Checks that a value is a valid conversation (tore-0005), fields and references alike. */
export const validateConversation = documentValidator(Conversation, 'conversation', checkConversation);
