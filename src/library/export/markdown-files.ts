import type { ContentPart } from '../../protocol/conversation/content';
import type { Conversation } from '../../protocol/conversation/conversation';
import { FileNames } from './file-names';

/** A file that Markdown links to. */
export interface NeededFile {
  readonly attachmentId: string;
  readonly sha256: string;
  /** The name it has beside the Markdown. */
  readonly name: string;
}

/** The files of a conversation that the library holds. */
export function neededFiles(conversation: Conversation): readonly NeededFile[] {
  const names = new FileNames();
  return (conversation.attachments ?? []).flatMap((attachment) => {
    const { id, storage, data, size_bytes: sizeBytes, checksum } = attachment;
    if (storage !== 'inline' || data !== '' || sizeBytes === 0) return [];
    return [{ attachmentId: id, sha256: checksum.value, name: names.unique(attachment.name, '') }];
  });
}

/** Where a file may be put, beside the Markdown. The hash keeps files of many conversations apart in one folder. */
export function* pathsOf({ sha256, name }: NeededFile): Generator<string> {
  const hash = sha256.slice(0, 12);
  yield `files/${hash}-${name}`;
  for (let copy = 2; ; copy += 1) yield `files/${hash}-${copy}-${name}`;
}

/** Makes the parts of a conversation point to files beside the Markdown, by the ids of their attachments. */
export function withFilePaths(conversation: Conversation, paths: ReadonlyMap<string, string>): Conversation {
  const messages = conversation.messages.map((message) => ({
    ...message,
    content: message.content.map((part): ContentPart => {
      const id = 'attachment_id' in part && typeof part.attachment_id === 'string' ? part.attachment_id : null;
      const path = id === null ? undefined : paths.get(id);
      return path === undefined ? part : ({ ...part, uri: path } as ContentPart);
    }),
  }));
  return { ...conversation, messages };
}
