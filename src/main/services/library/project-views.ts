import type { ProjectView } from '../../../contract/library';
import type { ProjectChanges } from '../../../library/service/library-access';
import { isDocumentReference, type Project } from '../../../protocol/project/project';

/** A project as its screen shows it: instructions as blocks in their order, conversations by title. */
export function projectViewOf(project: Project): ProjectView {
  const { instructions } = project;
  const conversations = project.conversations.flatMap((entry) =>
    isDocumentReference(entry) ? [] : [{ id: entry.id, title: entry.title, messageCount: entry.messages.length }],
  );
  const blocks =
    typeof instructions === 'string'
      ? instructions === ''
        ? []
        : [{ id: project.id, title: '', content: instructions }]
      : instructions
          .toSorted((left, right) => left.order - right.order)
          .map(({ id, title, content }) => ({ id, title: title ?? '', content }));
  return {
    id: project.id,
    name: project.name,
    description: project.description ?? '',
    instructions: blocks,
    conversations,
    otherCount: project.conversations.length - conversations.length + (project.sessions?.length ?? 0),
    attachments: project.attachments.map(({ id, name, size_bytes: sizeBytes, storage, uri }) => ({
      id,
      name,
      sizeBytes,
      isHere: storage === 'inline',
      uri: uri ?? null,
    })),
    agreementRef: project.metadata?.agreement_ref ?? null,
    updatedAt: project.updated_at,
  };
}

/**
 * Instructions as they are kept: fields of blocks that the screen does not show stay, and a single block without a title
 * is written as the plain text it was.
 */
export function instructionsOf(project: Project, edited: ProjectView['instructions']): ProjectChanges['instructions'] {
  const [only] = edited;
  if (only === undefined) return '';
  if (typeof project.instructions === 'string' && edited.length === 1 && only.title === '') return only.content;
  const known = new Map(
    typeof project.instructions === 'string' ? [] : project.instructions.map((block) => [block.id, block]),
  );
  return edited.map(({ id, title, content }, index) => {
    const { title: _title, ...kept } = known.get(id) ?? { id, content, order: 0 };
    return { ...kept, content, order: index + 1, ...(title === '' ? {} : { title }) };
  });
}
