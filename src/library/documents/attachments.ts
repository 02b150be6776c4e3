import { createHash } from 'node:crypto';
import type { Attachment } from '../../protocol/documents/attachment';
import type { ToreDocument } from '../../protocol/documents/read-document';
import { ProblemList, quoted, type Path, type Problem } from '../../protocol/documents/problems';
import { isDocumentReference } from '../../protocol/project/project';
import { failure, success, type Result } from '../../protocol/result';

/** What can be wrong with the content of an attachment. */
export type AttachmentErrorCode = 'checksum-mismatch' | 'size-mismatch';

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Checks that bytes, from wherever they came, are the content of an attachment; returns them. */
export function verifyContent(attachment: Attachment, content: Uint8Array): Result<Uint8Array, AttachmentErrorCode> {
  const name = quoted(attachment.name);
  if (content.length !== attachment.size_bytes) {
    return failure(
      'size-mismatch',
      `Attachment ${name} has ${content.length} bytes instead of ${attachment.size_bytes}.`,
    );
  }
  if (sha256Of(content) !== attachment.checksum.value) {
    return failure('checksum-mismatch', `The content of attachment ${name} is not what its checksum says.`, {
      suggestion: 'Ask for the file again: it was damaged or changed on its way.',
    });
  }
  return success(content);
}

/** The content of an inline attachment, verified; `null` for a reference, which reading never fetches. */
export function readAttachment(attachment: Attachment): Result<Uint8Array | null, AttachmentErrorCode> {
  if (attachment.storage === 'reference') return success(null);
  return verifyContent(attachment, Buffer.from(attachment.data, 'base64'));
}

/** Every attachment of a document with its place; those of the conversations inside a project too. */
export function attachmentsOf(read: ToreDocument): readonly { readonly attachment: Attachment; readonly path: Path }[] {
  const listed = (attachments: readonly Attachment[] | null | undefined, path: Path) =>
    (attachments ?? []).map((attachment, index) => ({ attachment, path: [...path, 'attachments', index] }));
  if (read.kind === 'conversation') return listed(read.document.attachments, []);
  if (read.kind !== 'project') return [];
  return [
    ...listed(read.document.attachments, []),
    ...read.document.conversations.flatMap((entry, index) =>
      isDocumentReference(entry) ? [] : listed(entry.attachments, ['conversations', index]),
    ),
  ];
}

/** Verifies every inline attachment of a document; each problem names its attachment. */
export function verifyAttachments(read: ToreDocument): readonly Problem[] {
  const problems = new ProblemList();
  for (const { attachment, path } of attachmentsOf(read)) {
    if (problems.full) break;
    const content = readAttachment(attachment);
    if (!content.ok) problems.add(path, content.error.message);
  }
  return problems.problems;
}
