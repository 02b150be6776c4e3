import type { Attachment } from '../../../protocol/documents/attachment';
import type { Project } from '../../../protocol/project/project';
import type { ConvertContext, Converted } from '../converter';
import { contentHash, derivedId, fittingId, fittingName } from '../identity';
import { recordsOf, textOf, timeOf, without, type SourceRecord } from '../source-values';

/**
 * Converts a project of a Claude export (`projects.json`, or a file each since 2026) into a tore-0004 document. The export
 * does not say which conversations belong to it, so it has instructions and documents only.
 */
export function convertClaudeProject(record: SourceRecord, context: ConvertContext): Converted {
  const id = textOf(record['uuid']) ?? contentHash(JSON.stringify(record));
  const createdAt = timeOf(record['created_at']) ?? context.fallbackTime;
  const description = textOf(record['description']);
  const project: Project = {
    tore_spec: 'tore-0004',
    id: fittingId(id),
    name: fittingName(textOf(record['name']) ?? 'Untitled project'),
    ...(description === null ? {} : { description }),
    instructions: textOf(record['prompt_template']) ?? '',
    conversations: [],
    attachments: attachmentsOf(record, id),
    metadata: { source_platform: 'claude', source_record: without(record, 'docs', 'prompt_template', 'description') },
    created_at: createdAt,
    updated_at: timeOf(record['updated_at']) ?? createdAt,
  };
  return { kind: 'document', document: { kind: 'project', document: project } };
}

function attachmentsOf(record: SourceRecord, projectId: string): Attachment[] {
  const taken = new Set<string>();
  return recordsOf(record['docs']).map((entry, index): Attachment => {
    const bytes = Buffer.from(typeof entry['content'] === 'string' ? entry['content'] : '');
    let id = fittingId(textOf(entry['uuid']) ?? derivedId('claude-document', projectId, String(index)));
    if (taken.has(id)) id = derivedId('claude-document', projectId, String(index), id);
    taken.add(id);
    return {
      id,
      name: fittingName(textOf(entry['filename']) ?? `document-${index + 1}.txt`),
      media_type: 'text/plain',
      size_bytes: bytes.length,
      checksum: { algorithm: 'sha-256', value: contentHash(bytes) },
      storage: 'inline',
      data: bytes.toString('base64'),
    };
  });
}
