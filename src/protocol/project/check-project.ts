import { checkConversation } from '../conversation/check-conversation';
import { checkAttachments } from '../documents/check-attachments';
import { uniqueIds } from '../documents/check-ids';
import { documentValidator } from '../documents/check-schema';
import { quoted, type Path, type ProblemList } from '../documents/problems';
import { checkTime } from '../documents/time';
import { checkSession } from '../session/check-session';
import { isDocumentReference, Project, type DocumentReference } from './project';

/** Ids of the documents in a list of documents and references, each once. */
function checkEntries<Entry extends { readonly id: string }>(
  entries: readonly (Entry | DocumentReference)[],
  isReference: (entry: Entry | DocumentReference) => entry is DocumentReference,
  check: (entry: Entry, problems: ProblemList, path: Path) => void,
  path: Path,
  problems: ProblemList,
): void {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    if (problems.full) return;
    if (isReference(entry)) continue;
    if (seen.has(entry.id))
      problems.add([...path, index, 'id'], `The id ${quoted(entry.id)} is used twice in this list.`);
    seen.add(entry.id);
    check(entry, problems, [...path, index]);
  }
}

/** What the schema of a project cannot say. */
function checkProject(project: Project, problems: ProblemList): void {
  if (typeof project.instructions !== 'string') uniqueIds(project.instructions, ['instructions'], problems);
  checkEntries(project.conversations, isDocumentReference, checkConversation, ['conversations'], problems);
  checkEntries(project.sessions ?? [], isDocumentReference, checkSession, ['sessions'], problems);
  checkAttachments(project.attachments, ['attachments'], problems);
  checkTime(project.created_at, ['created_at'], problems);
  checkTime(project.updated_at, ['updated_at'], problems);
}

/** Checks that a value is a valid project (tore-0004) with everything inside it; what is referenced is not looked at. */
export const validateProject = documentValidator(Project, 'project', checkProject);
