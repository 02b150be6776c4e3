import type { Attachment } from './attachment';
import { uniqueIds } from './check-ids';
import { quoted, type Path, type ProblemList } from './problems';

/** Bytes that a base64 text of the schema's form holds, or null when its length cannot be right. */
export function base64SizeBytes(data: string): number | null {
  if (data.length % 4 !== 0) return null;
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  return (data.length / 4) * 3 - padding;
}

/** Checks ids and sizes of attachments. The checksum needs SHA-256 and is verified where files are read. */
export function checkAttachments(
  attachments: readonly Attachment[] | null | undefined,
  path: Path,
  problems: ProblemList,
): void {
  if (attachments === null || attachments === undefined) return;
  uniqueIds(attachments, path, problems);
  for (const [index, attachment] of attachments.entries()) {
    if (attachment.storage !== 'inline') continue;
    const sizeBytes = base64SizeBytes(attachment.data);
    if (sizeBytes === null) {
      problems.add(
        [...path, index, 'data'],
        `The content of attachment ${quoted(attachment.name)} is not whole base64.`,
      );
    } else if (sizeBytes !== attachment.size_bytes) {
      problems.add(
        [...path, index, 'size_bytes'],
        `Attachment ${quoted(attachment.name)} holds ${sizeBytes} bytes, not ${attachment.size_bytes}.`,
      );
    }
  }
}
