import type { ContentPart } from '../../protocol/conversation/content';
import type { Conversation } from '../../protocol/conversation/conversation';
import { FileNames } from './file-names';

/** A file that Markdown links to, and where it is put beside it. */
export interface NeededFile {
  readonly path: string;
  readonly sha256: string;
}

/** Makes the parts of a conversation point to files beside the Markdown. */
export function withFilePaths(conversation: Conversation): {
  readonly conversation: Conversation;
  readonly files: readonly NeededFile[];
} {
  const paths = new Map<string, string>();
  const files: NeededFile[] = [];
  const names = new FileNames();
  for (const attachment of conversation.attachments ?? []) {
    if (attachment.storage !== 'inline' || attachment.data !== '' || attachment.size_bytes === 0) continue;
    const { value: sha256 } = attachment.checksum;
    // The hash keeps files of many conversations apart in one folder.
    const path = `files/${sha256.slice(0, 12)}-${names.unique(attachment.name, '')}`;
    paths.set(attachment.id, path);
    files.push({ path, sha256 });
  }
  if (files.length === 0) return { conversation, files };
  const messages = conversation.messages.map((message) => ({
    ...message,
    content: message.content.map((part): ContentPart => {
      const id = 'attachment_id' in part && typeof part.attachment_id === 'string' ? part.attachment_id : null;
      const path = id === null ? undefined : paths.get(id);
      return path === undefined ? part : ({ ...part, uri: path } as ContentPart);
    }),
  }));
  return { conversation: { ...conversation, messages }, files };
}
