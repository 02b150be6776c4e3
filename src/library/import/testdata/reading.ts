import { createHash } from 'node:crypto';
import type { ContentPart } from '../../../protocol/conversation/content';
import type { Conversation, ConversationMessage } from '../../../protocol/conversation/conversation';
import { validateConversation } from '../../../protocol/conversation/check-conversation';
import type { ConvertContext, Converted } from '../converter';
import type { FileCollection, FileEntry } from '../file-collection';
import type { AddOutcome } from '../import-report';
import type { ImportSink, OtherDocument, StoredFile } from '../import-sink';

export const CONTEXT: ConvertContext = { fallbackTime: '2026-01-02T03:04:05.000Z', fileName: 'export.json' };

/** The conversation a converter made, checked to be valid. */
export function conversationOf(converted: Converted): Conversation {
  if (converted.kind !== 'conversation') throw new Error(`no conversation: ${JSON.stringify(converted)}`);
  const checked = validateConversation(converted.conversation);
  if (!checked.ok) throw new Error(JSON.stringify(checked.error.problems));
  return converted.conversation;
}

/** Loose view of a part for assertions. */
export type AnyPart = ContentPart & Readonly<Record<string, unknown>>;

export function partsOf(conversation: Conversation, id: string): readonly AnyPart[] {
  return messageOf(conversation, id).content as readonly AnyPart[];
}

export function messageOf(conversation: Conversation, id: string): ConversationMessage {
  const found = conversation.messages.find((message) => message.id === id);
  if (found === undefined) throw new Error(`no message ${id} among ${conversation.messages.map((m) => m.id).join()}`);
  return found;
}

export function roleOf(conversation: Conversation, id: string): string | undefined {
  const message = messageOf(conversation, id);
  return conversation.participants.find((participant) => participant.id === message.participant_id)?.role;
}

/** A sink that remembers; conversations count as new each time. */
export class MemorySink implements ImportSink {
  readonly conversations: Conversation[] = [];
  readonly documents: OtherDocument[] = [];
  readonly files = new Map<string, Buffer>();

  addConversation(conversation: Conversation): Promise<AddOutcome> {
    this.conversations.push(conversation);
    return Promise.resolve('imported');
  }

  addDocument(document: OtherDocument): Promise<AddOutcome> {
    this.documents.push(document);
    return Promise.resolve('imported');
  }

  async addFile(content: AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    const bytes = Buffer.concat(parts);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.files.set(sha256, bytes);
    return { sha256, sizeBytes: bytes.length };
  }
}

async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
}

/** Files in memory, read in small pieces. */
export function collectionOf(
  files: Readonly<Record<string, string | Buffer>>,
  kind: FileCollection['kind'] = 'archive',
  pieceBytes = 97,
): FileCollection {
  const entries = Object.entries(files).map(([name, content]): FileEntry => {
    const bytes = Buffer.from(content);
    return {
      name,
      sizeBytes: bytes.length,
      modifiedAt: CONTEXT.fallbackTime,
      open: () => Promise.resolve(inPieces(bytes, pieceBytes)),
    };
  });
  return { kind, entries, skipped: [], close: () => Promise.resolve() };
}
